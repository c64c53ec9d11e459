/** Never two writable servers: a process that writes through every server's address, and what it saw. */

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { ROOT, type TestFleet } from "./fleet.ts";
import { until } from "./processes.ts";

export interface Seen {
  /** Servers in the order in which they took writes, without repetitions: who was primary, and then who. */
  primaries: string[];
  /** Pairs of writes to different servers of which one began before the other was over. */
  overlaps: string[];
  acknowledged: number;
  /** Sent, and cut off before an answer: may be there. */
  unknown: number;
  /** Longest time between two acknowledged writes, in ms. */
  longestGapMs: number;
}

export class Witness {
  readonly #fleet: TestFleet;
  readonly #file: string;
  readonly #child: ChildProcess;
  #errors = "";

  constructor(fleet: TestFleet, members: string[], primary: string) {
    this.#fleet = fleet;
    fleet.sql(
      primary,
      "CREATE TABLE IF NOT EXISTS witness (id bigserial, server text); GRANT INSERT ON witness TO shop_app; GRANT USAGE ON SEQUENCE witness_id_seq TO shop_app; TRUNCATE witness",
      "shop",
    );
    const folder = fs.mkdtempSync(path.join(fleet.dir, "witness-"));
    this.#file = path.join(folder, "writes.tsv");
    fs.writeFileSync(this.#file, "");
    const known = fs.readFileSync(path.join(fleet.home("pool1"), "current/client/passfile"), "utf8");
    const line = known.split("\n").find((one) => one.includes(":shop_app:"))!;
    const passfile = path.join(folder, "passfile");
    fs.writeFileSync(passfile, `*:*:*:${line.split(":").slice(3).join(":")}\n`, { mode: 0o600 });
    const servers = members.map((name) => `${name}=${fleet.config.hosts[name]!.address}`);
    this.#child = spawn(
      path.join(ROOT, "node_modules/.bin/node"),
      [path.join(ROOT, "test/e2e/support/witness-entry.ts"), this.#file, "5432", ...servers],
      { cwd: fleet.dir, env: { ...process.env, PGPASSFILE: passfile }, stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
  }

  /** Resolves when the primary takes its writes. */
  async started(): Promise<void> {
    await until(`the witness has written (${this.#errors})`, 30_000, () =>
      /\tok$/m.test(fs.readFileSync(this.#file, "utf8")),
    );
  }

  async stop(): Promise<Seen> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGTERM");
    await ended;
    return look(fs.readFileSync(this.#file, "utf8"));
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Rows that its writes left on a member. */
  rows(host: string): number {
    return Number(this.#fleet.sql(host, "SELECT count(*) FROM witness", "shop"));
  }
}

function look(text: string): Seen {
  const writes = text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [server, sent, answered, outcome] = line.split("\t");
      return { server: server!, sent: Number(sent), answered: Number(answered), outcome: outcome! };
    });
  const taken = writes.filter((w) => w.outcome === "ok").sort((a, b) => a.sent - b.sent);
  const primaries: string[] = [];
  const overlaps: string[] = [];
  let longestGapMs = 0;
  let last: (typeof taken)[number] | undefined;
  for (const write of taken) {
    if (primaries.at(-1) !== write.server) primaries.push(write.server);
    if (last && last.server !== write.server && write.sent < last.answered)
      overlaps.push(
        `${last.server} ${last.sent} to ${last.answered}, ${write.server} ${write.sent} to ${write.answered}`,
      );
    if (last) longestGapMs = Math.max(longestGapMs, write.answered - last.answered);
    last = write;
  }
  return {
    primaries,
    overlaps,
    acknowledged: taken.length,
    unknown: writes.filter((w) => w.outcome === "unknown").length,
    longestGapMs,
  };
}
