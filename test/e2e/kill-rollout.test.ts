/**
 * kill -9 of engine, provider or both at drawn points of a rollout, under load; then the change again, or back. The
 * points come from PGFLEET_KILL_SEED, their number from PGFLEET_KILL_POINTS; PGFLEET_KILL_UNTIL=HH:MM ends a long run.
 */

import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Config, type RunResult, TestFleet } from "./support/fleet.ts";
import { pooler } from "./support/hand.ts";
import { runningEqualsDeclared } from "./support/kill.ts";
import {
  firstGuess,
  guards,
  type KillPoint,
  killAt,
  leftovers,
  operations,
  progressLines,
  quiet,
  seeded,
  Watch,
} from "./support/kill-points.ts";
import { Load, prepareLoad, rows } from "./support/load.ts";
import { streaming } from "./support/observe.ts";
import { until } from "./support/processes.ts";

const seed = Number(process.env.PGFLEET_KILL_SEED ?? 20_240);
const wanted = Number(process.env.PGFLEET_KILL_POINTS ?? 6);
const PAUSE_LIMIT_S = 8;

let fleet: TestFleet;
let load: Load | undefined;
let watch: Watch | undefined;

beforeAll(async () => {
  fleet = new TestFleet("killroll", {
    memory: "1GB",
    connections: 40,
    pooler: { poolSize: 8, reservePoolSize: 2 },
    parameters: { work_mem: "1MB", shared_buffers: "96MB", max_locks_per_transaction: "128" },
    rollout: { pauseLimit: `${PAUSE_LIMIT_S}s` },
  });
  delete fleet.config.hosts.mon1;
  await fleet.up();
  watch = new Watch(fleet);
});

afterAll(async () => {
  load?.kill();
  watch?.stop();
  await fleet?.remove();
});

/** One line per point, as it comes: to the screen, and to PGFLEET_KILL_RECORD. */
function record(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
  if (process.env.PGFLEET_KILL_RECORD) fs.appendFileSync(process.env.PGFLEET_KILL_RECORD, `${JSON.stringify(line)}\n`);
}

const random = seeded(seed);
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
/** Lines that the last whole run of an operation showed. */
const linesOf = new Map<string, number>();
const pending: string[] = [];

/** Each operation comes once before one comes again; which is next also depends on what the config allows. */
function nextOperation(config: Config): [string, (c: Config) => void] {
  if (pending.length === 0) pending.push(...Object.keys(operations).sort(() => random() - 0.5));
  for (let i = 0; i < pending.length; i++) {
    const edit = operations[pending[i]!]!(config);
    if (edit) return [pending.splice(i, 1)[0]!, edit];
  }
  pending.length = 0;
  return nextOperation(config);
}

function drawPoint(operation: string): KillPoint {
  return {
    operation,
    line: 1 + Math.floor(random() * (linesOf.get(operation) ?? firstGuess(operation))),
    extraMs: Math.floor(random() * 400),
    victims: oneOf(["engine", "provider", "both"] as const),
    next: oneOf(["repeat", "revert"] as const),
  };
}

const lateEnough = (): boolean => {
  const end = process.env.PGFLEET_KILL_UNTIL;
  return end !== undefined && new Date().toTimeString().slice(0, 5) >= end;
};

const BUSY = /being changed by another run|currently locked/;

/** `up` to its end. A provider whose engine was just killed may still be ending: then hosts are said to be in use. */
async function finish(): Promise<RunResult> {
  const result = await fleet.startUp().done;
  if (result.code === 0 || !BUSY.test(result.text)) return result;
  await quiet(fleet);
  return fleet.startUp().done;
}

it("engine and provider killed while the primary is stopped: it is started, clients are let go on, and none noticed", async () => {
  prepareLoad(fleet);
  load = new Load(fleet, { rate: 150, sliceSeconds: 2 });
  await load.started;
  await until("writers have written", 30_000, () => rows(fleet) > 20);
  const before = structuredClone(fleet.config);
  operations.shared_buffers!(fleet.config)!(fleet.config);
  const run = fleet.startUp();
  const pidFile = path.join(fleet.home("db1"), "data/db1/postmaster.pid");
  // Its last line says how it is; without the file there is no server. Both last for a fraction of a second.
  const stopped = () => !fs.existsSync(pidFile) || /stopping/.test(fs.readFileSync(pidFile, "utf8"));
  for (const deadline = Date.now() + 180_000; !stopped(); await delay(2))
    if (Date.now() > deadline) throw new Error(`the primary was not restarted:\n${run.said()}`);
  await killAt(fleet, run, { line: 1, extraMs: 0, victims: "both" });
  expect((await run.done).code).not.toBe(0);
  await until("the primary runs again", 30_000, () => fleet.sql("db1", "SELECT 1") === "1");
  await until(
    "clients go on",
    (PAUSE_LIMIT_S + 3) * 1000,
    () => !/\t1\t0$/m.test(pooler(fleet, "pool1", "SHOW DATABASES")),
  );
  const written = await load.stop();
  expect({ errors: written.errors, failed: written.failed }).toEqual({ errors: [], failed: 0 });
  expect(rows(fleet)).toBe(written.committed);
  fleet.config = before;
  await fleet.up();
  await runningEqualsDeclared(fleet);
  expect(leftovers(fleet)).toEqual([]);
});

const TITLE = `${wanted} drawn points (seed ${seed}): what runs is what is declared, nothing is lost, nobody waits too long`;
it(TITLE, { timeout: 600_000 + wanted * 120_000 }, async () => {
  let killed = 0;
  for (let round = 1; killed < wanted && !lateEnough(); round++) {
    prepareLoad(fleet);
    watch!.reset();
    load = new Load(fleet, { rate: 150, sliceSeconds: 2 });
    await load.started;
    await until("writers have written", 30_000, () => rows(fleet) > 20);

    const before = structuredClone(fleet.config);
    const [operation, edit] = nextOperation(fleet.config);
    edit(fleet.config);
    const changed = structuredClone(fleet.config);
    const said: Record<string, unknown>[] = [];
    // Up to six runs in a row are killed: the one that changes, and those that were to finish it or take it back.
    const times = 1 + Math.floor(random() * 6);
    let whole = "";
    for (let time = 1; time <= times; time++) {
      const point = drawPoint(operation);
      const run = fleet.startUp();
      const at = await killAt(fleet, run, point);
      const { text, code } = await run.done;
      // A provider that was still ending kept this run out: nothing was begun that could be killed.
      const keptOut = BUSY.test(text);
      // The last line of a run comes shortly before its end: the kill may find nobody.
      const hit = at !== undefined && code !== 0 && !keptOut;
      said.push({ seed, round, ...point, at: hit ? at : "the run ended first" });
      if (hit) killed++;
      else if (!keptOut) {
        expect(code, text).toBe(0);
        whole = text;
        break;
      }
      fleet.config = structuredClone(point.next === "revert" ? before : changed);
      // Half of the time the next run begins at once, while the provider of the killed one may still be ending.
      if (random() < 0.5) await quiet(fleet);
    }
    const result = whole === "" ? await finish() : { code: 0, text: whole };
    if (process.env.PGFLEET_KILL_RECORD && result.code !== 0)
      fs.writeFileSync(`${process.env.PGFLEET_KILL_RECORD}.${round}.txt`, result.text);
    for (const line of said) record(line);
    expect(result.code, result.text).toBe(0);
    linesOf.set(operation, Math.max(linesOf.get(operation) ?? 2, progressLines(result.text).length));

    const written = await load.stop();
    const problems: string[] = [];
    const check = async (body: () => unknown): Promise<void> => {
      try {
        await body();
      } catch (error) {
        problems.push((error as Error).message);
      }
    };
    await quiet(fleet);
    await check(() => expect({ errors: written.errors, failed: written.failed }).toEqual({ errors: [], failed: 0 }));
    await check(() => expect(rows(fleet), "rows, and commits that writers saw").toBe(written.committed));
    await check(() => streaming(fleet, ["db2", "db3"]));
    await check(() =>
      until("replicas have all rows", 30_000, () => ["db2", "db3"].every((h) => rows(fleet, h) === written.committed)),
    );
    await check(() => runningEqualsDeclared(fleet));
    await check(() => expect(leftovers(fleet), "leftovers").toEqual([]));
    await check(() =>
      until("no guard or watchdog is left", (PAUSE_LIMIT_S + 3) * 1000, () => {
        const left = guards(fleet);
        if (left.length > 0) throw new Error(left.map((p) => `${p.pid} ${p.command.slice(0, 80)}`).join("\n"));
        return true;
      }),
    );
    await check(() => expect(watch!.overlaps, "two runs at once").toEqual([]));
    await check(() => expect(watch!.longestPauseMs).toBeLessThan((PAUSE_LIMIT_S + 1) * 1000));
    record({
      round,
      operation,
      killed,
      committed: written.committed,
      longestMs: Math.round(written.longestMs),
      longestPauseMs: watch!.longestPauseMs,
      result: problems.length === 0 ? "ok" : problems,
    });
    // A long run goes on to find all it can; a short one stops at the first.
    if (problems.length > 0) failures.push(`round ${round}, ${operation}: ${problems.join("\n")}`);
    if (!process.env.PGFLEET_KILL_RECORD) expect(failures).toEqual([]);
  }
  expect(failures).toEqual([]);
});

const failures: string[] = [];
