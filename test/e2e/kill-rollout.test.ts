/** kill -9 of engine, provider or both at drawn points of a rollout, under load; then the change again, or back. */

import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import { pooler } from "./support/hand.ts";
import { runningEqualsDeclared } from "./support/kill.ts";
import { firstGuess, killAt, leftovers, operations } from "./support/kill-points.ts";
import { KillRounds, SEED, WANTED } from "./support/kill-rounds.ts";
import { Load, prepareLoad, rows } from "./support/load.ts";
import { until } from "./support/processes.ts";

const PAUSE_LIMIT_S = 8;

let fleet: TestFleet;
let load: Load | undefined;
let rounds: KillRounds | undefined;

beforeAll(async () => {
  fleet = new TestFleet("killroll", {
    memory: "1GB",
    connections: 40,
    pooler: { poolSize: 4, reservePoolSize: 1 },
    parameters: { work_mem: "1MB", shared_buffers: "96MB", max_locks_per_transaction: "128" },
    rollout: { pauseLimit: `${PAUSE_LIMIT_S}s` },
  });
  delete fleet.config.hosts.mon1;
  await fleet.up();
  rounds = new KillRounds({ fleet, operations, firstGuess, pauseLimitSeconds: PAUSE_LIMIT_S });
});

afterAll(async () => {
  load?.kill();
  rounds?.stop();
  await fleet?.remove();
});

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

const TITLE = `${WANTED} drawn points (seed ${SEED}): what runs is what is declared, nothing is lost, nobody waits too long`;
it(TITLE, { timeout: 600_000 + WANTED * 120_000 }, async () => rounds!.run());
