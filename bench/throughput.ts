/**
 * Our settings against pgtune's, the maintenance guide's and stock: TPC-B, select-only and an analytic mix, in short slices by turns, until the
 * interval of each ratio is narrow enough or the time is used up. Every round begins with servers started anew.
 *
 *   nice -n -18 node bench/throughput.ts [--minutes 60] [--least 8] [--bin /usr/lib/postgresql/15/bin] [--scale 30] [--memory 4]
 *     [--turns 2] [--tpcb 2] [--select 1] [--out bench/results/throughput.md] [--note TEXT]... [--rounds FILE] [--small-pages]
 *
 * Huge pages are part of our settings: they are reserved for our server as its unit does it, and given back at the end. That needs root;
 * --small-pages measures without.
 *
 * --rounds keeps what was measured: the next run with the same file and settings goes on with it.
 */
import { execFile } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, getPriority, loadavg, totalmem } from "node:os";
import * as path from "node:path";
import { parseArgs, promisify } from "node:util";
import type { TuneInput } from "../infra/tuning/tune.ts";
import { asServerUser, serverFolder } from "../test/support/embedded-postgres.ts";
import { startBenchServer } from "./support/server.ts";
import { type Config, configs } from "./throughput/configs.ts";
import { analytic, makeData } from "./throughput/data.ts";
import { reserveHugePages, takeHugePages } from "./throughput/huge-pages.ts";
import { type Context, type Round, throughputReport, verdicts } from "./throughput/report.ts";
import { combined, Runner, type Slice, type WorkloadName } from "./throughput/run.ts";

const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    least: { type: "string", default: "8" },
    bin: { type: "string", default: "/usr/lib/postgresql/15/bin" },
    scale: { type: "string", default: "30" },
    memory: { type: "string", default: "4" },
    turns: { type: "string", default: "2" },
    tpcb: { type: "string", default: "2" },
    select: { type: "string", default: "1" },
    "small-pages": { type: "boolean", default: false },
    rounds: { type: "string" },
    note: { type: "string", multiple: true, default: [] },
    out: { type: "string", default: path.join(import.meta.dirname, "results/throughput.md") },
  },
});

/** It ends early when every interval is decided: wholly over the claim, and this narrow. */
const NARROW = 0.01;
/** A turn of each: statements that read one row are over soonest and vary most. */
const TURN: readonly WorkloadName[] = ["TPC-B", "select-only", "analytic", "select-only"];
/** For all alike: a frozen server's clock goes on, so that a shorter timeout would checkpoint more often than it does in use. */
const OPTIONS = ["checkpoint_timeout=1h"];

/** Each setting in every place, and after every other: what one leaves to the next evens out. */
function order<T>(round: number, all: readonly T[]): T[] {
  const places = all.map((_, i) => (i % 2 ? (i + 1) / 2 : all.length - i / 2));
  const turned = places.map((place) => all[(place + round) % all.length]!);
  return round % 2 ? turned.reverse() : turned;
}

const { bin } = values;
const version = (await run(path.join(bin, "postgres"), ["-V"])).stdout.trim();
const major = Number(/\) (\d+)/.exec(version)![1]);
const input: TuneInput = {
  version: major,
  workload: "mixed",
  memoryMb: Number(values.memory) * 1024,
  cpus: 2,
  diskMb: 100 * 1024,
  storage: "ssd",
  // Debian's servers have it, as those of every platform; pgtune takes it for granted.
  build: { lz4: true },
};

const folder = serverFolder("pgfleet-throughput-");
// Also when it is interrupted.
process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const data = path.join(folder, "data");
const pgbench = path.join(bin, "pgbench");
const tools = {
  pgbench,
  analyticFile: path.join(folder, "analytic.sql"),
  selectSeconds: Number(values.select),
  tpcbSeconds: Number(values.tpcb),
};
const ownKernel = !values["small-pages"];
const compared = configs(input, ownKernel).map((config, i) => ({
  ...config,
  file: path.join(folder, `${i}.conf`),
}));
const folders = compared.map((_, i) => path.join(folder, `data-${i}`));
const loads: number[] = [];
const context = (): Context => ({
  server: version,
  machine: `${cpus().length} cpus (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GB, one virtual disk`,
  host: `${values.memory} GB, 2 cpus, 100 GB ssd, mixed, PostgreSQL ${major}`,
  scale: Number(values.scale),
  slices: `TPC-B for ${values.tpcb} s, select-only for ${values.select} s, the analytic mix once by each of 2 clients, select-only again`,
  turns: Number(values.turns),
  loads,
  priority: getPriority(),
  confs: compared,
  notes: values.note,
});

const texts = Object.fromEntries(compared.map(({ name, conf }) => [name, conf]));

/** Rounds of earlier runs. @throws when their settings were others */
function kept(): Round[] {
  if (!values.rounds || !existsSync(values.rounds)) return [];
  const lines = readFileSync(values.rounds, "utf8").trim().split("\n").filter(Boolean);
  return lines.map((line, i) => {
    const { confs, load, round } = JSON.parse(line) as { confs: unknown; load: number; round: Round };
    if (JSON.stringify(confs) !== JSON.stringify(texts))
      throw new Error(`${values.rounds}:${i + 1}: measured with other settings; name a new file`);
    loads.push(load);
    return round;
  });
}

/** As a unit starts it. */
const serverCommand = (data: string, file: string): string[] => [
  path.join(bin, "postgres"),
  "-D",
  data,
  "-c",
  `config_file=${file}`,
];

const byConfig = <T>(of: (name: Config["name"]) => T): Record<Config["name"], T> =>
  Object.fromEntries(compared.map(({ name }) => [name, of(name)])) as Record<Config["name"], T>;

const runners = new Map<Config["name"], Runner>();
try {
  writeFileSync(tools.analyticFile, analytic);
  for (const config of compared) writeFileSync(config.file, config.conf);
  const cluster = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"];
  await run(...asServerUser(path.join(bin, "initdb"), cluster));
  const maker = await startBenchServer({ bin, data, file: compared[0]!.file });
  await makeData(maker, pgbench, Number(values.scale));
  await maker.stop();
  for (const copy of folders) await run(...asServerUser("cp", ["-a", data, copy]));

  const rounds = kept();
  const until = Date.now() + Number(values.minutes) * 60_000;
  for (let i = rounds.length; Date.now() < until; i++) {
    const load = loadavg()[0]!;
    loads.push(load);
    // All are stopped before one starts, and each on another's data: else it gets back the memory it had, and what lies there.
    for (const runner of runners.values()) await runner.stop();
    if (ownKernel) takeHugePages();
    for (const config of order(i, compared)) {
      const data = folders[(compared.indexOf(config) + i) % folders.length]!;
      if (config.hugePages) await reserveHugePages(config.hugePages, "postgres", serverCommand(data, config.file));
      const runner = await Runner.start({ bin, data, file: config.file, options: OPTIONS }, tools);
      runners.set(config.name, runner);
      if (runner.hugeMb > 0 !== (config.hugePages ?? 0) > 0)
        throw new Error(
          `${config.name} has ${runner.hugeMb} MB of huge pages, expected ${config.hugePages ? "all" : "none"}`,
        );
    }
    const slices = byConfig(() => ({ "TPC-B": [], "select-only": [], analytic: [] }) as Record<WorkloadName, Slice[]>);
    for (let turn = 0; turn < Number(values.turns); turn++) {
      for (const [j, workload] of TURN.entries()) {
        for (const { name } of order(i + turn + j, compared))
          slices[name][workload].push(await runners.get(name)!.slice(workload));
      }
    }
    const round: Round = byConfig((name) => {
      const own = slices[name];
      return {
        "TPC-B": combined(own["TPC-B"]),
        "select-only": combined(own["select-only"]),
        analytic: combined(own.analytic),
      };
    });
    rounds.push(round);
    if (values.rounds) appendFileSync(values.rounds, `${JSON.stringify({ confs: texts, load, round })}\n`);
    if (rounds.length < 3) continue;
    writeFileSync(values.out, throughputReport(rounds, context()));
    const found = verdicts(rounds);
    const line = found.map(({ workload, best, ratio, perCpu }) => {
      const show = ({ mean, low, high }: typeof ratio): string =>
        `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
      return `${workload} ÷ ${best} ${show(ratio)}, per cpu ${show(perCpu)}`;
    });
    console.log(`${rounds.length}: ${line.join("; ")}`);
    if (rounds.length >= Number(values.least) && found.every((v) => v.reached && v.halfWidth <= NARROW)) break;
  }
} finally {
  for (const runner of runners.values()) await runner.stop();
}
