/** Points at which a rollout is killed: drawn from a seed, told by the progress the engine shows. */

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Config, Run, TestFleet } from "./fleet.ts";
import { type Process, processesOf, until } from "./processes.ts";

export type Victims = "engine" | "provider" | "both";

export interface KillPoint {
  operation: string;
  /** The kill follows the line of this number, from 1. */
  line: number;
  /** Added after that line: two points at one line are not the same moment. */
  extraMs: number;
  victims: Victims;
  next: "repeat" | "revert";
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Edit = (config: Config) => unknown;

const parameter =
  (name: string, one: string, other: string): Edit =>
  (c) => {
    const parameters = c.parameters as Record<string, string>;
    parameters[name] = parameters[name] === one ? other : one;
  };
const connections =
  (by: number): Edit =>
  (c) =>
    (c.connections = (c.connections as number) + by);

/** Lines that a run of an operation shows, as a first guess: the runs themselves say better. */
export const firstGuess = (operation: string): number => ({ reload: 5, pg_hba: 5, "pool size": 2 })[operation] ?? 24;

/** What each operation does to the config as it stands; undefined when there is no room left for it. */
export type Operations = Record<string, (c: Config) => Edit | undefined>;

export const operations: Operations = {
  reload: () => parameter("work_mem", "1MB", "2MB"),
  shared_buffers: () => parameter("shared_buffers", "96MB", "112MB"),
  "max_connections raised": (c) => ((c.connections as number) < 50 ? connections(5) : undefined),
  "max_connections lowered": (c) => ((c.connections as number) > 35 ? connections(-5) : undefined),
  "one raised, one lowered": (c) => {
    const { max_locks_per_transaction: locks } = c.parameters as Record<string, string>;
    const up = locks === "128";
    if (up ? (c.connections as number) >= 50 : (c.connections as number) <= 35) return undefined;
    return (config) => {
      connections(up ? 5 : -5)(config);
      parameter("max_locks_per_transaction", "128", "64")(config);
    };
  },
  pg_hba: () => (c) => (c.allowedNetworks = c.allowedNetworks ? undefined : ["127.0.0.0/8"]),
  "pool size": () => (c) =>
    (c.pooler = { poolSize: (c.pooler as { poolSize: number }).poolSize === 4 ? 5 : 4, reservePoolSize: 1 }),
  "memory resize": () => (c) => (c.memory = c.memory === "1GB" ? "2GB" : "1GB"),
};

const PROGRESS =
  /step \d+ of|put generation|restart|take .* out|checkpoint|pause|held back|clon|promote|standby|slot|stop db/;

export const progressLines = (text: string): string[] =>
  text.split("\n").filter((line) => PROGRESS.test(line) && !/plan, from what/.test(line));

/**
 * Waits for the point and kills. Gives the line it was at; undefined when the run ended before it came there. Comes
 * back when the engine has ended; what a killed engine leaves running is the next run's business.
 */
export async function killAt(
  fleet: TestFleet,
  run: Run,
  point: Pick<KillPoint, "line" | "extraMs" | "victims">,
): Promise<string | undefined> {
  let ended = false;
  run.child.once("exit", () => (ended = true));
  while (progressLines(run.said()).length < point.line) {
    if (ended) return undefined;
    await delay(4);
  }
  await delay(point.extraMs);
  if (ended) return undefined;
  const at = progressLines(run.said())
    .at(-1)!
    .trim()
    .replace(/^~.*?; /, "");
  const provider = providerOf(fleet, run.child.pid!);
  // The provider first, so that it has no time to notice that its engine is gone.
  if (point.victims !== "engine" && provider) kill(provider);
  if (point.victims !== "provider") kill(run.child.pid!);
  await until("the engine has ended", 60_000, () => ended);
  return at;
}

/** Waits until nothing of a killed run goes on; a provider without its engine ends by itself. */
export const quiet = (fleet: TestFleet): Promise<boolean> =>
  until("nothing of the killed run goes on", 20_000, () => {
    const left = providers(fleet);
    if (left.length > 0) throw new Error(left.map((p) => `${p.pid} ${p.command}`).join("\n"));
    return true;
  });

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Ended meanwhile.
  }
}

const providers = (fleet: TestFleet): Process[] =>
  processesOf(fleet.dir).filter(({ command }) => /provider\/main\.ts/.test(command));

function providerOf(fleet: TestFleet, engine: number): number | undefined {
  return providers(fleet).find(({ pid }) => parentOf(pid) === engine)?.pid;
}

function parentOf(pid: number): number {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

/** Asks the pooler every 100 ms which entries are paused, and the host whose run it is in. */
export class Watch {
  readonly #fleet: TestFleet;
  #child: ChildProcess | undefined;
  #stopped = false;
  readonly #since = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #holder: { token: string; pid: number } | undefined;
  /** Longest time that one entry was seen paused without a break. */
  longestPauseMs = 0;
  /** Runs that changed hosts while another did. */
  readonly overlaps: string[] = [];

  constructor(fleet: TestFleet) {
    this.#fleet = fleet;
    this.#ask();
    this.#timer = setInterval(() => this.#lookAtLock(), 100);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#child?.kill("SIGKILL");
  }

  /** Starts counting anew. */
  reset(): void {
    this.longestPauseMs = 0;
    this.overlaps.length = 0;
  }

  /** One psql that asks again and again; PgBouncer's restart ends it, and it is started again. */
  #ask(): void {
    if (this.#stopped) return;
    const { uid, gid } = process.getuid?.() === 0 ? fs.statSync(path.join(this.#fleet.home("pool1"), "run")) : {};
    const child = spawn(
      "psql",
      [
        "-XAtq",
        "-F",
        "\t",
        "-h",
        path.join(this.#fleet.home("pool1"), "run"),
        "-p",
        "6432",
        "-U",
        "pgbouncer",
        "pgbouncer",
      ],
      {
        stdio: ["pipe", "pipe", "ignore"],
        cwd: "/",
        env: { PATH: `/usr/lib/postgresql/${this.#fleet.config.version}/bin:${process.env.PATH}` },
        ...(uid === undefined ? {} : { uid, gid }),
      },
    );
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stdin.write("SHOW DATABASES \\watch 0.1\n");
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#row(line.split("\t"));
    });
    child.once("close", () => {
      // Without an answer nothing is known to be paused.
      this.#since.clear();
      setTimeout(() => this.#ask(), 100);
    });
  }

  #row(cells: string[]): void {
    if (cells.length < 10) return;
    const [alias, paused] = [cells[0]!, cells.at(-2) === "1"];
    const now = Date.now();
    if (!paused) {
      this.#since.delete(alias);
      return;
    }
    if (!this.#since.has(alias)) this.#since.set(alias, now);
    this.longestPauseMs = Math.max(this.longestPauseMs, now - this.#since.get(alias)!);
  }

  #lookAtLock(): void {
    try {
      const lock = JSON.parse(fs.readFileSync(path.join(this.#fleet.home("db1"), "lock.json"), "utf8"));
      const before = this.#holder;
      if (before && before.token !== lock.token && runs(before.pid))
        this.overlaps.push(`pid ${lock.pid} took the lock of pid ${before.pid}, which runs`);
      this.#holder = lock;
    } catch {
      // Nobody holds it.
      this.#holder = undefined;
    }
  }
}

function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** What a rollout makes for a while and takes away again, when it is still there. */
export function leftovers(fleet: TestFleet): string[] {
  const found: string[] = [];
  for (const host of Object.keys(fleet.config.hosts)) {
    const folder = path.join(fleet.home(host), "rollout");
    for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
      const text = fs.readFileSync(path.join(folder, name), "utf8");
      const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^[#;[]/.test(line.trim()));
      // A hidden file never got its name: the next rollout that has something to do removes it.
      if (name === "postgresql.conf" || (name === "pgbouncer.ini" && lines.length > 0))
        found.push(`${host}/rollout/${name}: ${lines.join("; ")}`);
    }
    // A hidden link that never got its name is nobody's; one that patterns find is a second service.
    for (const name of fs.readdirSync(path.join(fleet.home(host), "current")))
      if (/^[^.].*\.\d+\./.test(name)) found.push(`${host}/current/${name}`);
  }
  return found;
}

/** Processes that hold a promise for a while: who resumes a paused pooler, who starts a stopped server. */
export const guards = (fleet: TestFleet): Process[] =>
  processesOf(path.join(fleet.dir, "state")).filter(({ command }) => /pgfleet-(resume|start)/.test(command));
