/** One measurement: a server with one set of settings, the three workloads one after the other. */
import { execFile } from "node:child_process";
import { loadavg } from "node:os";
import { promisify } from "node:util";
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

export interface Tools {
  pgbench: string;
  /** File with the analytic mix. */
  analyticFile: string;
}

export async function measure(start: StartOptions, tools: Tools, durations: Durations): Promise<Measured> {
  const server = await startBenchServer(start);
  const load = loadavg()[0]!;
  const controller = await server.connect();
  const pgbench = async (...args: string[]): Promise<number> => {
    const { stdout } = await run(tools.pgbench, ["-h", server.sockets, "-U", "postgres", ...args, "postgres"]);
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    if (!tps || !/number of failed transactions: 0/.test(stdout)) throw new Error(`pgbench said:\n${stdout}`);
    return Number(tps);
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
    return { tps: { "TPC-B": tpcb, "select-only": select, analytic }, load };
  } finally {
    await controller.end().catch(() => undefined);
    await server.stop();
  }
}
