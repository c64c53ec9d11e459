/** Writers through the pooler for the whole of a test: pgbench, and what it says it committed against what is there. */

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import type { TestFleet } from "./fleet.ts";
import { primaryOf } from "./observe.ts";

export interface LoadResult {
  /** Transactions that pgbench saw committed. */
  committed: number;
  failed: number;
  /** Longest transaction, in ms: what a client waited. */
  longestMs: number;
  /** What pgbench said when something was wrong. */
  errors: string[];
}

const CLIENTS = 8;

export interface LoadOptions {
  /** Transactions per second of all writers together; default: as many as they can. */
  rate?: number;
  /** One pgbench runs for so long, then the next begins. Default 4. */
  sliceSeconds?: number;
  /** Who writes. Default "shop_app". */
  user?: string;
  /** A new connection for each transaction. Default: one for each client and slice. */
  connectEach?: boolean;
  /** Writers check whom they speak to, with what clients of the fleet trust. Default: TLS where there is some. */
  verify?: boolean;
}

/** Makes the table that writers fill; safe to repeat. */
export function prepareLoad(fleet: TestFleet): void {
  fleet.sql(
    primaryOf(fleet),
    "CREATE TABLE IF NOT EXISTS ledger (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), note text); GRANT INSERT, SELECT ON ledger TO shop_app; GRANT USAGE ON SEQUENCE ledger_id_seq TO shop_app; TRUNCATE ledger",
    "shop",
  );
}

export const rows = (fleet: TestFleet, host = primaryOf(fleet)): number =>
  Number(fleet.sql(host, "SELECT count(*) FROM ledger", "shop"));

export class Load {
  readonly #fleet: TestFleet;
  readonly #folder: string;
  #stopping = false;
  #child: ChildProcess | undefined;
  #running: Promise<LoadResult>;
  readonly #first: Promise<void>;
  readonly #options: LoadOptions;

  constructor(fleet: TestFleet, options: LoadOptions = {}) {
    this.#fleet = fleet;
    this.#options = options;
    this.#folder = fs.mkdtempSync(path.join(fleet.dir, "load-"));
    fs.writeFileSync(path.join(this.#folder, "write.sql"), "INSERT INTO ledger (note) VALUES ('x');\n");
    let begun: () => void;
    this.#first = new Promise((resolve) => {
      begun = resolve;
    });
    this.#running = this.#loop(() => begun());
  }

  /** Resolves when writers are at work. */
  get started(): Promise<void> {
    return this.#first;
  }

  /** Lets the present slice end, and adds up. */
  async stop(): Promise<LoadResult> {
    this.#stopping = true;
    return this.#running;
  }

  /** Ends it at once; for clean-up. */
  kill(): void {
    this.#stopping = true;
    this.#child?.kill("SIGKILL");
  }

  async #loop(begun: () => void): Promise<LoadResult> {
    const total: LoadResult = { committed: 0, failed: 0, longestMs: 0, errors: [] };
    for (let slice = 0; !this.#stopping; slice++) {
      const text = await this.#slice(slice, begun);
      total.committed += Number(/number of transactions actually processed: (\d+)/.exec(text)?.[1] ?? 0);
      total.failed += Number(/number of failed transactions: (\d+)/.exec(text)?.[1] ?? 0);
      if (/error|aborted|fatal/i.test(text)) total.errors.push(text.slice(0, 2000));
      total.longestMs = Math.max(total.longestMs, this.#longestMs(slice));
    }
    return total;
  }

  #slice(slice: number, begun: () => void): Promise<string> {
    const { fleet, folder } = { fleet: this.#fleet, folder: this.#folder };
    const pool = fleet.config.hosts.pool1!.address as string;
    const argv = [
      "-n",
      "-M",
      "simple",
      "-c",
      String(CLIENTS),
      "-j",
      "2",
      "-T",
      String(this.#options.sliceSeconds ?? 4),
      ...(this.#options.rate ? ["-R", String(this.#options.rate)] : []),
      ...(this.#options.connectEach ? ["-C"] : []),
      "-l",
      "--log-prefix",
      `slice${slice}`,
      "-f",
      "write.sql",
      "-h",
      pool,
      "-p",
      "6432",
      "-U",
      this.#options.user ?? "shop_app",
      "shop",
    ];
    const client = path.join(fleet.home("pool1"), "current/client");
    const child = spawn(`/usr/lib/postgresql/${fleet.config.version}/bin/pgbench`, argv, {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        PGPASSFILE: path.join(client, "passfile"),
        ...(this.#options.verify ? { PGSSLMODE: "verify-full", PGSSLROOTCERT: path.join(client, "root.crt") } : {}),
        PGCONNECT_TIMEOUT: "20",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let text = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.once("spawn", begun);
    return new Promise((resolve) =>
      child.on("close", (code) => resolve(code === 0 ? text : `pgbench error, exit ${code}\n${text}`)),
    );
  }

  /** Per-transaction log: client, number, latency in µs, … */
  #longestMs(slice: number): number {
    let longest = 0;
    for (const name of fs.readdirSync(this.#folder).filter((n) => n.startsWith(`slice${slice}.`))) {
      for (const line of fs.readFileSync(path.join(this.#folder, name), "utf8").split("\n")) {
        longest = Math.max(longest, Number(line.split(" ")[2] ?? 0));
      }
      fs.rmSync(path.join(this.#folder, name));
    }
    return longest / 1000;
  }
}
