/**
 * Rounds of a kill test: under load a change is made, its runs are killed at drawn points, and after a last one it is
 * checked that what runs is what is declared, and that nothing was lost.
 *
 * PGFLEET_KILL_SEED draws the points, PGFLEET_KILL_POINTS is their number, PGFLEET_KILL_UNTIL=HH:MM ends a long run, and
 * PGFLEET_KILL_RECORD is a file that takes a line for each.
 */

import * as fs from "node:fs";
import { expect } from "vitest";
import type { Config, RunResult, TestFleet } from "./fleet.ts";
import { runningEqualsDeclared } from "./kill.ts";
import {
  guards,
  type KillPoint,
  killAt,
  leftovers,
  type Operations,
  progressLines,
  quiet,
  seeded,
  Watch,
} from "./kill-points.ts";
import { Load, prepareLoad, rows } from "./load.ts";
import { membersOf, streaming } from "./observe.ts";
import { until } from "./processes.ts";

export const SEED = Number(process.env.PGFLEET_KILL_SEED ?? 20_240);
export const WANTED = Number(process.env.PGFLEET_KILL_POINTS ?? 6);
const RECORD = process.env.PGFLEET_KILL_RECORD;

export interface Rounds {
  fleet: TestFleet;
  operations: Operations;
  /** Lines that a run of an operation shows, as a first guess: the runs themselves say better. */
  firstGuess: (operation: string) => number;
  /** Longest pause of clients that the config allows. */
  pauseLimitSeconds: number;
  /** Whether a killed run of the operation may leave clients without a primary until the next run. */
  mayFail?: (operation: string) => boolean;
}

/** One line per point, as it comes: to the screen, and to the record. */
function record(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
  if (RECORD) fs.appendFileSync(RECORD, `${JSON.stringify(line)}\n`);
}

const lateEnough = (): boolean => {
  const end = process.env.PGFLEET_KILL_UNTIL;
  return end !== undefined && new Date().toTimeString().slice(0, 5) >= end;
};

const BUSY = /being changed by another run|currently locked/;

export class KillRounds {
  readonly #it: Rounds;
  readonly #random = seeded(SEED);
  /** Lines that the last whole run of an operation showed. */
  readonly #linesOf = new Map<string, number>();
  readonly #pending: string[] = [];
  readonly #watch: Watch;
  #load: Load | undefined;
  readonly #failures: string[] = [];

  constructor(rounds: Rounds) {
    this.#it = rounds;
    this.#watch = new Watch(rounds.fleet);
  }

  stop(): void {
    this.#load?.kill();
    this.#watch.stop();
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  /** Each operation comes once before one comes again; which is next also depends on what the config allows. */
  #nextOperation(config: Config): [string, (c: Config) => void] {
    const { operations } = this.#it;
    if (this.#pending.length === 0) this.#pending.push(...Object.keys(operations).sort(() => this.#random() - 0.5));
    for (let i = 0; i < this.#pending.length; i++) {
      const edit = operations[this.#pending[i]!]!(config);
      if (edit) return [this.#pending.splice(i, 1)[0]!, edit];
    }
    this.#pending.length = 0;
    return this.#nextOperation(config);
  }

  #drawPoint(operation: string): KillPoint {
    return {
      operation,
      line: 1 + Math.floor(this.#random() * (this.#linesOf.get(operation) ?? this.#it.firstGuess(operation))),
      extraMs: Math.floor(this.#random() * 400),
      victims: this.#oneOf(["engine", "provider", "both"] as const),
      next: this.#oneOf(["repeat", "revert"] as const),
    };
  }

  /** `up` to its end. A provider whose engine was just killed may still be ending: then hosts are said to be in use. */
  async #finish(): Promise<RunResult> {
    const { fleet } = this.#it;
    const result = await fleet.startUp().done;
    if (result.code === 0 || !BUSY.test(result.text)) return result;
    await quiet(fleet);
    return fleet.startUp().done;
  }

  async run(): Promise<void> {
    let killed = 0;
    for (let round = 1; killed < WANTED && !lateEnough(); round++) killed += await this.#round(round, killed);
    expect(this.#failures).toEqual([]);
  }

  async #round(round: number, before: number): Promise<number> {
    const { fleet } = this.#it;
    prepareLoad(fleet);
    this.#watch.reset();
    const load = new Load(fleet, { rate: 150, sliceSeconds: 2 });
    this.#load = load;
    await load.started;
    await until("writers have written", 30_000, () => rows(fleet) > 20);

    const old = structuredClone(fleet.config);
    const [operation, edit] = this.#nextOperation(fleet.config);
    edit(fleet.config);
    const changed = structuredClone(fleet.config);
    const said: Record<string, unknown>[] = [];
    let killed = 0;
    // Up to six runs in a row are killed: the one that changes, and those that were to finish it or take it back.
    const times = 1 + Math.floor(this.#random() * 6);
    let whole = "";
    for (let time = 1; time <= times; time++) {
      const point = this.#drawPoint(operation);
      const run = fleet.startUp();
      const at = await killAt(fleet, run, point);
      const { text, code } = await run.done;
      // A provider that was still ending kept this run out: nothing was begun that could be killed.
      const keptOut = BUSY.test(text);
      // The last line of a run comes shortly before its end: the kill may find nobody.
      const hit = at !== undefined && code !== 0 && !keptOut;
      said.push({ seed: SEED, round, ...point, at: hit ? at : "the run ended first" });
      if (hit) killed++;
      else if (!keptOut) {
        expect(code, text).toBe(0);
        whole = text;
        break;
      }
      fleet.config = structuredClone(point.next === "revert" ? old : changed);
      // Half of the time the next run begins at once, while the provider of the killed one may still be ending.
      if (this.#random() < 0.5) await quiet(fleet);
    }
    const result = whole === "" ? await this.#finish() : { code: 0, text: whole };
    if (RECORD && result.code !== 0) fs.writeFileSync(`${RECORD}.${round}.txt`, result.text);
    for (const line of said) record(line);
    expect(result.code, result.text).toBe(0);
    this.#linesOf.set(operation, Math.max(this.#linesOf.get(operation) ?? 2, progressLines(result.text).length));
    await this.#check(round, operation, before + killed);
    return killed;
  }

  async #check(round: number, operation: string, killed: number): Promise<void> {
    const { fleet, pauseLimitSeconds, mayFail } = this.#it;
    const [primary, ...replicas] = membersOf(fleet);
    const written = await this.#load!.stop();
    const problems: string[] = [];
    const check = async (body: () => unknown): Promise<void> => {
      try {
        await body();
      } catch (error) {
        problems.push((error as Error).message);
      }
    };
    await quiet(fleet);
    const lenient = mayFail?.(operation) ?? false;
    const there = rows(fleet);
    if (lenient)
      // A commit whose answer was cut off may be there; one that was acknowledged has to be.
      await check(() => expect(there, "rows, and commits that writers saw").toBeGreaterThanOrEqual(written.committed));
    else {
      await check(() => expect({ errors: written.errors, failed: written.failed }).toEqual({ errors: [], failed: 0 }));
      await check(() => expect(there, "rows, and commits that writers saw").toBe(written.committed));
    }
    await check(() => streaming(fleet, replicas, primary));
    await check(() => until("replicas have all rows", 30_000, () => replicas.every((h) => rows(fleet, h) === there)));
    await check(() => runningEqualsDeclared(fleet));
    await check(() => expect(leftovers(fleet), "leftovers").toEqual([]));
    for (const name of replicas)
      await check(() =>
        expect(fleet.sql(name, "SELECT count(*) FROM pg_replication_slots"), `slots on ${name}`).toBe("0"),
      );
    await check(() =>
      until("no guard or watchdog is left", (pauseLimitSeconds + 3) * 1000, () => {
        const left = guards(fleet);
        if (left.length > 0) throw new Error(left.map((p) => `${p.pid} ${p.command.slice(0, 80)}`).join("\n"));
        return true;
      }),
    );
    await check(() => expect(this.#watch.overlaps, "two runs at once").toEqual([]));
    await check(() => expect(this.#watch.longestPauseMs).toBeLessThan((pauseLimitSeconds + 1) * 1000));
    record({
      round,
      operation,
      killed,
      committed: written.committed,
      failures: written.errors.length,
      longestMs: Math.round(written.longestMs),
      longestPauseMs: this.#watch.longestPauseMs,
      result: problems.length === 0 ? "ok" : problems,
    });
    // A long run goes on to find all it can; a short one stops at the first.
    if (problems.length > 0) this.#failures.push(`round ${round}, ${operation}: ${problems.join("\n")}`);
    if (!RECORD) expect(this.#failures).toEqual([]);
  }
}
