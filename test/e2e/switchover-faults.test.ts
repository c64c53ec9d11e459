/** What fails while the primary moves: each ends in an error that names it and a safe state; `up` ends it. */

import * as path from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { pidOf, upWith } from "./support/faults.ts";
import { TestFleet } from "./support/fleet.ts";
import { stopService } from "./support/hand.ts";
import { runningEqualsDeclared } from "./support/kill.ts";
import { everywhere } from "./support/observe.ts";
import { processesOf } from "./support/processes.ts";
import { steps } from "./support/steps.ts";
import { Witness } from "./support/witness.ts";

const fleet = new TestFleet("memfault", { connections: 40, primary: "db1" });
fleet.config.hosts.db1!.role = "replica";
delete fleet.config.hosts.mon1;
const step = steps();
let witness: Witness | undefined;

beforeAll(async () => {
  await fleet.up();
  fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n", "shop");
});

afterAll(async () => {
  witness?.kill();
  await fleet.remove();
});

/** After the repair the next `up` ends what was begun, and nothing was lost. */
async function finishes(): Promise<void> {
  await fleet.up();
  await runningEqualsDeclared(fleet);
  expect(new Set(Object.values(counts("SELECT count(*) FROM kept")))).toEqual(new Set(["1000"]));
}
const counts = (query: string): Record<string, string> =>
  Object.fromEntries(Object.keys(roles()).map((name) => [name, fleet.sql(name, query, "shop")]));
const roles = (): Record<string, string> => everywhere(fleet, "SELECT pg_is_in_recovery()");
const receiver = (host: string): number =>
  processesOf(`${fleet.home(host)}/`).find(({ command }) => /walreceiver/.test(command))?.pid ??
  Number(fleet.sql(host, "SELECT pid FROM pg_stat_wal_receiver"));

describe("a switchover", () => {
  step("the successor hears nothing any more: the old primary is primary again, and never were two", async () => {
    witness = new Witness(fleet, ["db1", "db2", "db3"], "db1");
    await witness.started();
    fleet.config.primary = "db2";
    const silent = receiver("db2");
    const { code, text } = await upWith(fleet, /step \d+ of \d+: checkpoint db1/, () => {
      process.kill(silent, "SIGSTOP");
      // The successor must lack something that was committed.
      fleet.sql("db1", "CREATE TABLE late AS SELECT 1 AS n", "shop");
    });
    process.kill(silent, "SIGCONT");
    expect(code, text).not.toBe(0);
    expect(text).toMatch(/stop db1 once db2 has all of its WAL.*db1 is primary again/s);
    expect(roles()).toEqual({ db1: "f", db2: "t", db3: "t" });
    await finishes();
    const seen = await witness.stop();
    expect(seen.primaries).toEqual(["db1", "db2"]);
    expect(seen.overlaps).toEqual([]);
    expect(witness.rows("db2")).toBeGreaterThanOrEqual(seen.acknowledged);
    expect(fleet.sql("db2", "SELECT n FROM late", "shop")).toBe("1");
  });

  step("the successor does not run: it is started, and takes over once it has everything", async () => {
    fleet.config.primary = "db1";
    await stopService(fleet, "db1", "postgresql");
    fleet.sql("db2", "CREATE TABLE meanwhile AS SELECT 1 AS n", "shop");
    expect(await fleet.preview()).toMatch(/start db1/);
    await finishes();
    expect(roles()).toEqual({ db1: "f", db2: "t", db3: "t" });
    expect(fleet.sql("db1", "SELECT n FROM meanwhile", "shop")).toBe("1");
  });

  step("the old primary does not come back: the new one is primary, and the error names the old", async () => {
    fleet.config.primary = "db2";
    const { code, text } = await upWith(fleet, /step \d+ of \d+: promote db2/, () =>
      process.kill(pidOf(path.join(fleet.home("db1"), "run/supervisord.pid")), "SIGKILL"),
    );
    if (code !== 0) expect(text).toMatch(/db1/);
    expect(fleet.sql("db2", "SELECT pg_is_in_recovery()")).toBe("f");
    await finishes();
  });
});
