/** One server with one set of settings: frozen while others are measured, loaded slice by slice. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type pg from "pg";
import { processTree } from "../memory/proc.ts";
import { type BenchServer, type StartOptions, startBenchServer } from "../support/server.ts";
import { hugeMbOf } from "./huge-pages.ts";

const run = promisify(execFile);

export const workloads = ["TPC-B", "select-only", "analytic"] as const;
export type WorkloadName = (typeof workloads)[number];

/** What one slice gave. */
export interface Slice {
  /** Transactions per second; analytic: runs of the whole mix per second. */
  tps: number;
  /** The same per second of processor time that the server's processes used: what other work on the machine does not take away. */
  perCpuSecond: number;
}

/** Several slices of one workload as one. */
export function combined(slices: readonly Slice[]): Slice {
  const mean = (of: keyof Slice): number => slices.reduce((sum, slice) => sum + slice[of], 0) / slices.length;
  return { tps: mean("tps"), perCpuSecond: mean("perCpuSecond") };
}

export interface Tools {
  pgbench: string;
  /** File with the analytic mix. */
  analyticFile: string;
  selectSeconds: number;
  tpcbSeconds: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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

const started = new Set<Runner>();
// A frozen server cannot be stopped by what runs at the end.
process.once("exit", () => {
  for (const runner of started) runner.thaw();
});

export class Runner {
  readonly #server: BenchServer;
  readonly #controller: pg.Client;
  readonly #tools: Tools;

  private constructor(server: BenchServer, controller: pg.Client, tools: Tools) {
    this.#server = server;
    this.#controller = controller;
    this.#tools = tools;
    started.add(this);
  }

  /** A server with its tables in memory; frozen. */
  static async start(start: StartOptions, tools: Tools): Promise<Runner> {
    const server = await startBenchServer(start);
    const controller = await server.connect();
    const runner = new Runner(server, controller, tools);
    for (const table of ["pgbench_accounts", "pgbench_accounts_pkey", "orders", "customers"])
      await controller.query("SELECT pg_prewarm($1)", [table]);
    await runner.#load("select-only");
    runner.#signal("SIGSTOP");
    return runner;
  }

  /** MB of huge pages that the server has. */
  get hugeMb(): number {
    return hugeMbOf(this.#server.pid);
  }

  async slice(workload: WorkloadName): Promise<Slice> {
    this.thaw();
    try {
      const before = cpuSeconds(this.#server.pid);
      const { tps, done } = await this.#load(workload);
      return { tps, perCpuSecond: done / (cpuSeconds(this.#server.pid) - before) };
    } finally {
      this.#signal("SIGSTOP");
    }
  }

  async stop(): Promise<void> {
    this.thaw();
    started.delete(this);
    await this.#controller.end().catch(() => undefined);
    await this.#server.stop();
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  async #load(workload: WorkloadName): Promise<{ tps: number; done: number }> {
    const { pgbench, analyticFile, selectSeconds, tpcbSeconds } = this.#tools;
    const prepared = ["-M", "prepared", "-c", "8", "-j", "2", "-n"];
    const load = {
      "select-only": [...prepared, "-S", "-T", String(selectSeconds)],
      "TPC-B": [...prepared, "-T", String(tpcbSeconds)],
      analytic: ["-n", "-f", analyticFile, "-c", "2", "-j", "2", "-t", "1"],
    }[workload];
    const { stdout } = await run(pgbench, ["-h", this.#server.sockets, "-U", "postgres", ...load, "postgres"]);
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    const done = /actually processed: (\d+)/.exec(stdout)?.[1];
    if (!tps || !done || !/number of failed transactions: 0/.test(stdout)) throw new Error(`pgbench said:\n${stdout}`);
    // Its sessions end a moment later.
    while ((await this.#sessions()) > 0) await pause(10);
    return { tps: Number(tps), done: Number(done) };
  }

  async #sessions(): Promise<number> {
    const { rows } = await this.#controller.query<{ n: string }>(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'pgbench'",
    );
    return Number(rows[0]!.n);
  }

  /** To the postmaster first: frozen, it starts no more processes. */
  #signal(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const pid of processTree(this.#server.pid)) {
      try {
        process.kill(pid, signal);
      } catch {
        // Ended just now.
      }
    }
  }
}
