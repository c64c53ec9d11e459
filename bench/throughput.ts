/**
 * Our settings against pgtune's, the maintenance guide's and stock: TPC-B, select-only and an analytic mix, in rounds,
 * until the interval of each ratio is narrow enough or the rounds or the time are used up.
 *
 *   node bench/throughput.ts [--rounds 8] [--least 5] [--minutes 35] [--bin /usr/lib/postgresql/15/bin] [--scale 50]
 *     [--memory 4] [--tpcb 40] [--warmup 6] [--select 10] [--analytic 10] [--load 1.5] [--wait 60] [--out bench/results/throughput.md]
 */
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import * as path from "node:path";
import { parseArgs, promisify } from "node:util";
import type { Major } from "../infra/config/spec.ts";
import type { TuneInput } from "../infra/tuning/tune.ts";
import { asServerUser, serverFolder } from "../test/support/embedded-postgres.ts";
import { startBenchServer } from "./support/server.ts";
import { type Config, configs } from "./throughput/configs.ts";
import { analytic, makeData } from "./throughput/data.ts";
import { type Context, type Round, throughputReport, verdicts } from "./throughput/report.ts";
import { measure, quiet } from "./throughput/run.ts";

const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "8" },
    least: { type: "string", default: "5" },
    minutes: { type: "string", default: "35" },
    bin: { type: "string", default: "/usr/lib/postgresql/15/bin" },
    scale: { type: "string", default: "50" },
    memory: { type: "string", default: "4" },
    tpcb: { type: "string", default: "40" },
    warmup: { type: "string", default: "6" },
    select: { type: "string", default: "10" },
    analytic: { type: "string", default: "10" },
    load: { type: "string", default: "1.5" },
    wait: { type: "string", default: "60" },
    note: { type: "string", multiple: true, default: [] },
    out: { type: "string", default: path.join(import.meta.dirname, "results/throughput.md") },
  },
});

/** Rounds end early when every interval is decided: wholly over the claim, and this narrow. */
const NARROW = 0.02;

/** Over four rounds each setting is once in every place, and once after every other: what one leaves to the next evens out. */
const ORDERS = [
  [0, 1, 3, 2],
  [1, 2, 0, 3],
  [2, 3, 1, 0],
  [3, 0, 2, 1],
];

const { bin } = values;
const version = (await run(path.join(bin, "postgres"), ["-V"])).stdout.trim();
const major = Number(/\) (\d+)/.exec(version)![1]) as Major;
const input: TuneInput = {
  version: major,
  workload: "mixed",
  memoryMb: Number(values.memory) * 1024,
  cpus: 2,
  diskMb: 100 * 1024,
  storage: "ssd",
};
const durations = {
  warmUpSeconds: Number(values.warmup),
  tpcbSeconds: Number(values.tpcb),
  selectSeconds: Number(values.select),
  analyticSeconds: Number(values.analytic),
};

const folder = serverFolder("pgfleet-throughput-");
const data = path.join(folder, "data");
const pgbench = path.join(bin, "pgbench");
const tools = { pgbench, analyticFile: path.join(folder, "analytic.sql") };
const compared: Config[] = configs(input).map((config) => ({ ...config }));
const fileOf = ({ name }: Config): string => path.join(folder, `${name}.conf`);
const context: Context = {
  server: version,
  machine: `${cpus().length} cpus (${cpus()[0]!.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GB, one virtual disk`,
  host: `${values.memory} GB, 2 cpus, 100 GB ssd, mixed, PostgreSQL ${major}`,
  scale: Number(values.scale),
  durations: `select-only for ${values.select} s, the analytic mix for ${values.analytic} s, TPC-B for ${values.tpcb} s after ${values.warmup} s of warm-up and a CHECKPOINT`,
  confs: compared,
  notes: values.note,
};

try {
  writeFileSync(tools.analyticFile, analytic);
  for (const config of compared) writeFileSync(fileOf(config), config.conf);
  await run(
    ...asServerUser(path.join(bin, "initdb"), [
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C.UTF-8",
    ]),
  );
  const maker = await startBenchServer({ bin, data, file: fileOf(compared[0]!) });
  await makeData(maker, pgbench, Number(values.scale));
  await maker.stop();

  const rounds: Round[] = [];
  const until = Date.now() + Number(values.minutes) * 60_000;
  let longest = 0;
  for (let i = 0; i < Number(values.rounds) && Date.now() + longest < until; i++) {
    const started = Date.now();
    const order = ORDERS[i % ORDERS.length]!.map((place) => compared[place]!);
    const round: Partial<Round> = {};
    for (const config of order) {
      await quiet(Number(values.load), Number(values.wait));
      round[config.name] = await measure({ bin, data, file: fileOf(config) }, tools, durations);
      console.log(i + 1, config.name, JSON.stringify(round[config.name]));
    }
    rounds.push(round as Round);
    longest = Math.max(longest, Date.now() - started);
    writeFileSync(values.out, throughputReport(rounds, context));
    const found = verdicts(rounds);
    for (const { workload, best, ratio } of found)
      console.log(
        `  ${workload}: ours ÷ ${best} ${ratio.mean.toFixed(3)} (${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)})`,
      );
    if (rounds.length >= Number(values.least) && found.every((v) => v.reached && v.halfWidth <= NARROW)) break;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
