/**
 * How long clients wait while their fleet changes, and how long a bare restart of the same server takes: a real fleet,
 * eight pgbench writers through the pooler, every kind of change in turn with a bare `pg_ctl restart` of the primary.
 *
 *   node bench/stalls.ts [--rounds 5] [--out bench/results/stalls.md] [--json bench/stalls.json]
 */

import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { callRpc } from "../provider/services/xml-rpc.ts";
import { TestFleet } from "../test/e2e/support/fleet.ts";
import { stopService } from "../test/e2e/support/hand.ts";
import { Load, prepareLoad, rows } from "../test/e2e/support/load.ts";
import { membersOf, primaryOf, streaming } from "../test/e2e/support/observe.ts";
import { until } from "../test/e2e/support/processes.ts";
import { median, type Series, stallsReport } from "./support/stalls-report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    out: { type: "string", default: path.join(import.meta.dirname, "results/stalls.md") },
    json: { type: "string", default: path.join(import.meta.dirname, "stalls.json") },
  },
});

const fleet = new TestFleet("stalls", {
  memory: "1GB",
  connections: 40,
  pooler: { poolSize: 4, reservePoolSize: 1 },
  parameters: { work_mem: "1MB", shared_buffers: "96MB" },
  primary: "db1",
});
fleet.config.hosts.db1!.role = "replica";
delete fleet.config.hosts.mon1;
const parameters = fleet.config.parameters as Record<string, string>;
let load: Load | undefined;

const toggle = (name: string, one: string, other: string) => () =>
  (parameters[name] = parameters[name] === one ? other : one);

/** Keys are those of stalls.json. */
const changes: Record<string, () => void> = {
  "restart-primary": toggle("shared_buffers", "96MB", "112MB"),
  switchover: () => (fleet.config.primary = primaryOf(fleet) === "db1" ? "db2" : "db1"),
  reload: toggle("work_mem", "1MB", "2MB"),
  "pool-size": () => {
    const pooler = fleet.config.pooler as { poolSize: number };
    pooler.poolSize = pooler.poolSize === 4 ? 5 : 4;
  },
};

const measured: Record<string, Series> = Object.fromEntries(
  [...Object.keys(changes), "none", "bare"].map((name) => [name, { seconds: [], load: [] }]),
);

function add(name: string, ms: number): void {
  measured[name]!.seconds.push(ms / 1000);
  measured[name]!.load.push(os.loadavg()[0]!);
  console.log(`${name}: ${(ms / 1000).toFixed(2)} s (load ${os.loadavg()[0]!.toFixed(1)})`);
}

/** The longest that one of the writers waited for a transaction while `act` ran. */
async function longestWait(act: () => Promise<unknown>): Promise<number> {
  prepareLoad(fleet);
  load = new Load(fleet);
  await load.started;
  await until("writers have written", 30_000, () => rows(fleet) > 50);
  await act();
  const result = await load.stop();
  if (result.failed > 0 || result.errors.length > 0 || rows(fleet) !== result.committed)
    throw new Error(`transactions failed or were lost: ${JSON.stringify(result)}, ${rows(fleet)} rows`);
  return result.longestMs;
}

/** `pg_ctl restart -m fast` of the primary by hand, after a CHECKPOINT, with the same files and the same data; no writers. */
async function bareRestart(): Promise<number> {
  const bin = `/usr/lib/postgresql/${fleet.config.version}/bin`;
  const primary = primaryOf(fleet);
  const replicas = membersOf(fleet).slice(1);
  const home = fleet.home(primary);
  const config = path.join(home, "current/postgresql/postgresql.conf");
  const pgCtl = (...argv: string[]): void => {
    const all = [
      path.join(bin, "pg_ctl"),
      ...argv,
      "-D",
      path.join(home, "data", primary),
      "-s",
      "-w",
      "-o",
      `-c config_file=${config}`,
    ];
    const command =
      process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...all] : all;
    // A log of its own: the server must not keep a pipe of ours open.
    execFileSync(command[0]!, [...command.slice(1), "-l", path.join(home, "log/by-hand.log")], {
      cwd: "/",
      stdio: "ignore",
    });
  };
  await stopService(fleet, primary, "postgresql");
  pgCtl("start");
  await streaming(fleet, replicas);
  fleet.sql(primary, "CHECKPOINT");
  const started = process.hrtime.bigint();
  pgCtl("restart", "-m", "fast");
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  pgCtl("stop", "-m", "fast");
  await callRpc(
    path.join(home, "run/supervisor.sock"),
    "supervisor.startProcess",
    ["postgresql", true],
    AbortSignal.timeout(60_000),
  );
  await until("the primary answers", 60_000, () => fleet.sql(primary, "SELECT 1") === "1");
  await streaming(fleet, replicas);
  return ms;
}

/** The medians of clients' waits, by what the planner calls the step. */
function writeJson(): void {
  const stalls: Record<string, unknown> = Object.fromEntries(
    Object.keys(changes).map((name) => [name, { seconds: Number(median(measured[name]!.seconds).toFixed(2)) }]),
  );
  stalls["switch-pooler"] = stalls["pool-size"];
  fs.writeFileSync(values.json, `${JSON.stringify(stalls, null, 2)}\n`);
}

/** Ten seconds in which nothing changes. */
const nothing = (): Promise<unknown> =>
  new Promise((resolve) => spawn("sleep", ["10"], { stdio: "ignore" }).once("close", resolve));

try {
  await fleet.up();
  for (let round = 1; round <= Number(values.rounds); round++) {
    add("bare", await bareRestart());
    for (const [name, edit] of Object.entries(changes)) {
      // What is not compared with a bare restart needs fewer measurements.
      if (!["restart-primary", "switchover"].includes(name) && round % 3 !== 1) continue;
      // Within: until then the primary is where it was.
      const change = (): Promise<string> => {
        edit();
        return fleet.up();
      };
      add(name, await longestWait(change));
    }
    if (round % 3 === 1) add("none", await longestWait(nothing));
    const version = fleet.sql("db1", "SHOW server_version").split(" ")[0]!;
    fs.writeFileSync(values.out, stallsReport(measured, { version, cpus: os.cpus().length, rounds: round }));
    writeJson();
  }
} finally {
  load?.kill();
  await fleet.remove();
}
