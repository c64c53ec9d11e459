/**
 * What `up` costs beyond what has to be: the first one and one that changes nothing, against (a) the same resources
 * with a provider that does nothing and (b) a script that starts the same daemons. As root.
 *
 *   node bench/up.ts [--rounds 3] [--out bench/results/up.md]
 */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { TestFleet } from "../test/e2e/support/fleet.ts";
import { killGroup, processesOf } from "../test/e2e/support/processes.ts";
import { bareStart } from "./support/bare-fleet.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    out: { type: "string", default: path.join(import.meta.dirname, "results/up.md") },
  },
});
const NOOP = `--import ${path.join(import.meta.dirname, "support/noop-entry.ts")}`;
const seconds: Record<string, number[]> = {
  first: [],
  "no-op": [],
  "first, provider does nothing": [],
  "no-op, provider does nothing": [],
  "daemons by a script": [],
};
let providerMb = 0;

async function timed(name: string, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  seconds[name]!.push((performance.now() - began) / 1000);
  console.log(`${name}: ${seconds[name]!.at(-1)!.toFixed(2)} s (load ${os.loadavg()[0]!.toFixed(1)})`);
}

async function round(): Promise<void> {
  const real = new TestFleet("bench");
  const idle = new TestFleet("idle");
  idle.env.NODE_OPTIONS = NOOP;
  try {
    // The stacks are made before, as they are only once.
    for (const fleet of [real, idle])
      await fleet.pulumi("stack", "--show-name", "--config-file", fleet.configFile).catch(() => undefined);
    await timed("first, provider does nothing", () => idle.up());
    const watch = setInterval(() => {
      for (const { pid, command } of processesOf(real.dir).concat(provider()))
        if (/provider\/main\.ts/.test(command)) providerMb = Math.max(providerMb, residentMb(pid));
    }, 100);
    await timed("first", () => real.up());
    await timed("no-op", () => real.up());
    clearInterval(watch);
    await timed("no-op, provider does nothing", () => idle.up());
    saveReplicator(real);
    await killGroup(`${real.dir}/state`);
    seconds["daemons by a script"]!.push(await bareStart(real));
    console.log(`daemons by a script: ${seconds["daemons by a script"]!.at(-1)!.toFixed(2)} s`);
  } finally {
    await real.remove();
    await idle.remove();
  }
}

function provider(): { pid: number; command: string }[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return command.includes("provider/main.ts") ? [{ pid: Number(pid), command }] : [];
      } catch {
        return [];
      }
    });
}

function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** The role that the script's replicas stream with, as the fleet has it: the files hold its password. */
function saveReplicator(fleet: TestFleet): void {
  const verifier = fleet.sql("db1", "SELECT rolpassword FROM pg_authid WHERE rolname = 'pgfleet_replicator'");
  fs.writeFileSync(
    path.join(fleet.dir, "replicator.sql"),
    `CREATE ROLE pgfleet_replicator LOGIN REPLICATION PASSWORD '${verifier}';`,
    { mode: 0o600 },
  );
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const row = (name: string): string =>
  `| ${name} | ${median(seconds[name]!).toFixed(2)} | ${Math.min(...seconds[name]!).toFixed(2)} to ${Math.max(...seconds[name]!).toFixed(2)} |`;

for (let i = 0; i < Number(values.rounds); i++) await round();
const [a, b] = [median(seconds["first, provider does nothing"]!), median(seconds["daemons by a script"]!)];
const first = median(seconds.first!);
const noop = median(seconds["no-op"]!) / median(seconds["no-op, provider does nothing"]!);
const report = `# What \`up\` costs

Five hosts: three members, a pooler, monitoring; ${values.rounds} rounds, everything in each round, on ${os.cpus().length} cpus; load at the end ${os.loadavg()[0]!.toFixed(1)}.

| | median, s | range |
|---|--:|--:|
${Object.keys(seconds).map(row).join("\n")}

- First \`up\`: ${first.toFixed(2)} s against (a) + 1.5 × (b) = ${(a + 1.5 * b).toFixed(2)} s: ${first <= a + 1.5 * b ? "within" : "**over**"}.
- \`up\` that changes nothing: ${noop.toFixed(2)} × the same with a provider that does nothing (aim: 1.5): ${noop <= 1.5 ? "within" : "**over**"}.
- The provider's process: ${providerMb.toFixed(0)} MB resident at most (aim: 150).

(a) is the same program and engine with a provider that answers at once; (b) starts the same daemons from files that
are there already: initdb, two base backups, five supervisord, PgBouncer, exporters, Prometheus.
`;
fs.mkdirSync(path.dirname(values.out), { recursive: true });
fs.writeFileSync(values.out, report);
console.log(report);
