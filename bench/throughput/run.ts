/** One measurement: a server with one set of settings, the three workloads one after the other. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { promisify } from "node:util";
import { processTree } from "../memory/proc.ts";
import { type StartOptions, startBenchServer } from "../support/server.ts";

const run = promisify(execFile);

export const workloads = ["TPC-B", "select-only", "analytic"] as const;
export type WorkloadName = (typeof workloads)[number];

export interface Durations {
  warmUpSeconds: number;
  tpcbSeconds: number;
  selectSeconds: number;
  analyticSeconds: number;
}

export interface Measured {
  /** Transactions per second; analytic: runs of the whole mix per second. */
  tps: Record<WorkloadName, number>;
  /** The same per second of processor time that the server's processes used: what other work on the machine does not take away. */
  perCpuSecond: Record<WorkloadName, number>;
  /** Load of the machine before the first workload. */
  load: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the machine is quiet, but not for ever. */
export async function quiet(wanted: number, limitSeconds: number): Promise<number> {
  const until = Date.now() + limitSeconds * 1000;
  while (loadavg()[0]! > wanted && Date.now() < until) await pause(2000);
  return loadavg()[0]!;
}

/** Clock ticks of /proc/<pid>/stat; 100 a second on every Linux that runs this. */
const TICKS = 100;

/** Processor time of the postmaster, its processes and those that have ended, seconds. */
function cpuSeconds(postmaster: number): number {
  let ticks = 0;
  for (const pid of processTree(postmaster)) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
      // utime, stime, and those of children that were waited for.
      for (const field of [11, 12, 13, 14]) ticks += Number(fields[field]);
    } catch {
      // Ended just now: then it is in its parent's numbers the next time.
    }
  }
  return ticks / TICKS;
}

export interface Tools {
  pgbench: string;
  /** File with the analytic mix. */
  analyticFile: string;
}

export async function measure(start: StartOptions, tools: Tools, durations: Durations): Promise<Measured> {
  const server = await startBenchServer(start);
  const load = loadavg()[0]!;
  const controller = await server.connect();
  const pgbench = async (...args: string[]): Promise<{ tps: number; perCpuSecond: number }> => {
    const before = cpuSeconds(server.pid);
    const { stdout } = await run(tools.pgbench, ["-h", server.sockets, "-U", "postgres", ...args, "postgres"]);
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    const done = /actually processed: (\d+)/.exec(stdout)?.[1];
    if (!tps || !done || !/number of failed transactions: 0/.test(stdout)) throw new Error(`pgbench said:\n${stdout}`);
    // Its sessions end a moment later.
    const left = async (): Promise<number> =>
      Number(
        (
          await controller.query<{ n: string }>(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'pgbench'",
          )
        ).rows[0]!.n,
      );
    while ((await left()) > 0) await pause(20);
    return { tps: Number(tps), perCpuSecond: Number(done) / (cpuSeconds(server.pid) - before) };
  };
  try {
    for (const table of ["pgbench_accounts", "pgbench_accounts_pkey", "orders", "customers"])
      await controller.query("SELECT pg_prewarm($1)", [table]);
    const prepared = ["-M", "prepared", "-c", "8", "-j", "2"];
    await pgbench(...prepared, "-n", "-S", "-T", "2");
    const select = await pgbench(...prepared, "-n", "-S", "-T", String(durations.selectSeconds));
    await pgbench("-n", "-f", tools.analyticFile, "-c", "1", "-t", "1");
    const analytic = await pgbench(
      "-n",
      "-f",
      tools.analyticFile,
      "-c",
      "2",
      "-j",
      "2",
      "-T",
      String(durations.analyticSeconds),
    );
    // So long that WAL files of the last settings are gone and there are as many as these keep.
    await pgbench(...prepared, "-T", String(durations.warmUpSeconds));
    await controller.query("CHECKPOINT");
    // pgbench itself vacuums the small tables and empties the history first.
    const writing = pgbench(...prepared, "-T", String(durations.tpcbSeconds));
    // Two checkpoints in each run: after each, changed pages are written to WAL whole again.
    for (const share of [0.33, 0.67]) {
      await pause(durations.tpcbSeconds * 1000 * (share === 0.33 ? 0.33 : 0.34));
      await controller.query("CHECKPOINT");
    }
    const tpcb = await writing;
    const all = { "TPC-B": tpcb, "select-only": select, analytic };
    const each = (of: "tps" | "perCpuSecond"): Record<WorkloadName, number> => ({
      "TPC-B": all["TPC-B"][of],
      "select-only": all["select-only"][of],
      analytic: all.analytic[of],
    });
    return { tps: each("tps"), perCpuSecond: each("perCpuSecond"), load };
  } finally {
    await controller.end().catch(() => undefined);
    await server.stop();
  }
}
