/**
 * What `pgfleet tune` costs over the runtime it needs: the same Node that imports the same libraries and as many bytes of
 * TypeScript, run in turns; and how long 1,000 tuned hosts take.
 *
 *   node bench/tune-cost.ts [--runs 30] [--out bench/results/tune-cost.md]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import * as path from "node:path";
import { parseArgs } from "node:util";
import type { Workload } from "../infra/config/spec.ts";
import { majors } from "../infra/tuning/facts.ts";
import { type TuneInput, tune } from "../infra/tuning/tune.ts";
import { workloads } from "../infra/tuning/workloads.ts";
import { median, spread } from "./throughput/statistics.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const HOSTS = 1000;
const LIMIT_RATIO = 1.5;
const LIMIT_SECONDS = 0.5;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "30" },
    hosts: { type: "boolean", default: false },
    out: { type: "string", default: path.join(import.meta.dirname, "results/tune-cost.md") },
  },
});

const TUNE = ["tune", "--memory", "32GB", "--cpus", "8", "--disk", "500GB", "--workload", "oltp", "--version", "17"];

/** Files of the project that the command loads. */
function loadedFiles(): string[] {
  // The loader tells each file it reads; nothing may come from the compile cache then.
  const hook = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { if (url.startsWith("file:")) process.stderr.write("LOADED " + url + "\\n"); return next(url, context); } });`;
  const file = path.join(folder, "hook.mjs");
  writeFileSync(file, hook);
  const { stderr } = spawnSync(process.execPath, ["--import", file, path.join(ROOT, "cli/pgfleet.js"), ...TUNE], {
    encoding: "utf8",
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1" },
  });
  return [...stderr.matchAll(/^LOADED file:\/\/(.*)$/gm)].map((match) => match[1]!);
}

/** The reference: the same packages, and for each file of the project one that declares the same amount of plain code. */
function writeReference(files: readonly string[]): { typescript: number; packages: string[]; json: number } {
  const own = files.filter((file) => !file.includes("/node_modules/"));
  const typescript = own.filter((file) => file.endsWith(".ts"));
  const packages = [
    ...new Set(
      typescript.flatMap((file) =>
        [...readFileSync(file, "utf8").matchAll(/^import (?!type).* from "([^."][^"]*)";$/gm)]
          .map((match) => match[1]!)
          .filter((name) => !name.startsWith("node:")),
      ),
    ),
  ].sort();
  symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }\n');
  const imports: string[] = packages.map((name) => `import "${name}";`);
  typescript.forEach((file, i) => {
    const functions: string[] = [];
    let size = 0;
    for (let n = 0; size < readFileSync(file).length; n++) {
      const text = `export function f${n}(value: number, other: readonly string[]): string {\n  return \`\${value + ${n}} of \${other.join(", ")}\`;\n}\n`;
      functions.push(text);
      size += text.length;
    }
    writeFileSync(path.join(folder, `file${i}.ts`), functions.join(""));
    imports.push(`import "./file${i}.ts";`);
  });
  writeFileSync(
    path.join(folder, "main.ts"),
    `${imports.join("\n")}\nimport { Command } from "commander";\nnew Command().option("--memory <size>").parse(["--memory", "1GB"], { from: "user" });\nprocess.stdout.write("reference\\n");\n`,
  );
  // Started like the command: through a file that sets the compile cache up first.
  writeFileSync(
    path.join(folder, "start.js"),
    'import * as nodeModule from "node:module";\nnodeModule.enableCompileCache?.();\nawait import("./main.ts");\n',
  );
  return { typescript: typescript.length, packages, json: own.length - typescript.length };
}

function seconds(args: readonly string[]): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: ROOT });
  const elapsed = Number(process.hrtime.bigint() - started) / 1e9;
  if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return elapsed;
}

interface Cost {
  seconds: number;
  cpuSeconds: number;
}

/** Different hosts, each tuned on its own, in this process; reading the facts and compiling included. */
function thousand(): Cost {
  const kinds = Object.keys(workloads) as Workload[];
  const inputs = Array.from(
    { length: HOSTS },
    (_, i): TuneInput => ({
      version: majors[i % majors.length]!,
      workload: kinds[i % kinds.length]!,
      memoryMb: 2048 + 337 * i,
      cpus: 2 + (i % 63),
      diskMb: 51200 + 1024 * i,
      storage: "ssd",
    }),
  );
  const started = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (const input of inputs) tune(input);
  const { user, system } = process.cpuUsage(before);
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, cpuSeconds: (user + system) / 1e6 };
}

/** The same in a new process, where nothing is read or compiled yet. */
function thousandAnew(): Cost {
  const { stdout, stderr } = spawnSync(process.execPath, [import.meta.filename, "--hosts"], { encoding: "utf8" });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout) as Cost;
}

if (values.hosts) {
  process.stdout.write(JSON.stringify(thousand()));
  process.exit();
}

const folder = mkdtempSync(path.join(tmpdir(), "pgfleet-cost-"));
try {
  const files = loadedFiles();
  const reference = writeReference(files);
  const commands = {
    tune: [path.join(ROOT, "cli/pgfleet.js"), ...TUNE],
    reference: [path.join(folder, "start.js")],
  };
  for (const command of Object.values(commands)) for (let i = 0; i < 3; i++) seconds(command);
  const load = loadavg()[0]!;
  const times: Record<keyof typeof commands, number[]> = { tune: [], reference: [] };
  for (let i = 0; i < Number(values.runs); i++) {
    const order = (i % 2 ? ["reference", "tune"] : ["tune", "reference"]) as (keyof typeof commands)[];
    for (const name of order) times[name].push(seconds(commands[name]));
  }
  const hosts = Array.from({ length: Math.max(5, Math.ceil(Number(values.runs) / 3)) }, thousandAnew);
  const wall = median(hosts.map((cost) => cost.seconds));
  const cpu = median(hosts.map((cost) => cost.cpuSeconds));
  const ratio = median(times.tune) / median(times.reference);
  const least = Math.min(...times.tune) / Math.min(...times.reference);
  const ms = (value: number): string => `${Math.round(value * 1000)} ms`;
  const verdict = (holds: boolean): string => (holds ? "holds" : "**does not hold**");
  const text = `# What tune costs

\`pgfleet tune\` against the same Node (${process.version}) that imports the same packages (${reference.packages.join(", ")}) and ${reference.typescript} TypeScript files
of the same sizes with plain functions in them, both with Node's compile cache. Written by \`bench/tune-cost.ts\`.

| | median of ${times.tune.length} | spread | fastest |
|---|---|---|---|
| \`pgfleet tune\` | ${ms(median(times.tune))} | ± ${(spread(times.tune) * 100).toFixed(0)} % | ${ms(Math.min(...times.tune))} |
| reference | ${ms(median(times.reference))} | ± ${(spread(times.reference) * 100).toFixed(0)} % | ${ms(Math.min(...times.reference))} |
| ratio | ${ratio.toFixed(2)} | | ${least.toFixed(2)} |

At most ${LIMIT_RATIO} is claimed: ${verdict(ratio <= LIMIT_RATIO)}.

${HOSTS} different hosts tuned in a new process, facts read and code compiled in it, add ${ms(wall)} (median of ${hosts.length}; fastest ${ms(
    Math.min(...hosts.map((cost) => cost.seconds)),
  )};
cpu time ${ms(cpu)}, which other work on the machine does not stretch). At most ${ms(LIMIT_SECONDS)} is claimed: ${verdict(wall <= LIMIT_SECONDS)}.

Machine: ${cpus().length} cpus (${cpus()[0]!.model.trim()}), load ${load.toFixed(1)} at the beginning; runs alternate.
`;
  writeFileSync(values.out, text);
  console.log(text);
  if (ratio > LIMIT_RATIO || wall > LIMIT_SECONDS) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
