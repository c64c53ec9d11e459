/** Members come and go, and the primary moves by one line of config, under load: nothing fails, nothing is lost, and never are two writable. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import { runningEqualsDeclared } from "./support/kill.ts";
import { Load, prepareLoad, rows } from "./support/load.ts";
import { counts, membersOf, streaming } from "./support/observe.ts";
import { until } from "./support/processes.ts";
import { Witness } from "./support/witness.ts";

const MEMBERS = ["db1", "db2", "db3"];
let fleet: TestFleet;
let load: Load | undefined;
let witness: Witness | undefined;

beforeAll(async () => {
  fleet = new TestFleet("move", { connections: 40, primary: "db1" });
  fleet.config.hosts.db1!.role = "replica";
  delete fleet.config.hosts.mon1;
  await fleet.up();
  prepareLoad(fleet);
});

afterEach(() => {
  load?.kill();
  witness?.kill();
});

afterAll(async () => {
  await fleet?.remove();
});

interface Move {
  name: string;
  to: string;
  edit?: () => unknown;
  shows?: [parameter: string, value: string];
}

const moves: Move[] = [
  {
    name: "a replica comes",
    to: "db1",
    edit: () => {
      fleet.config.hosts.db4 = { role: "replica", address: fleet.address(4) };
    },
  },
  { name: "a replica goes", to: "db1", edit: () => delete fleet.config.hosts.db4 },
  { name: "the primary moves to a replica", to: "db2" },
  { name: "and back", to: "db1" },
  {
    name: "it moves with more connections in the same change",
    to: "db3",
    edit: () => Object.assign(fleet.config, { connections: 50 }),
    shows: ["max_connections", "50"],
  },
  {
    name: "it moves with fewer connections and other memory in the same change",
    to: "db1",
    edit: () => Object.assign(fleet.config, { connections: 35, parameters: { shared_buffers: "96MB" } }),
    shows: ["max_connections", "35"],
  },
];

describe("under eight writers through the pooler", () => {
  it.each(moves)("$name: no failed transaction, no lost row, one primary at any time", async (move) => {
    const from = String(fleet.config.primary);
    fleet.sql(from, "TRUNCATE ledger", "shop");
    witness = new Witness(fleet, MEMBERS, from);
    load = new Load(fleet);
    await Promise.all([load.started, witness.started()]);
    await until("writers have written", 20_000, () => rows(fleet, from) > 50);
    fleet.config.primary = move.to;
    move.edit?.();
    await fleet.up();
    const [written, seen] = [await load.stop(), await witness.stop()];

    expect({ errors: written.errors, failed: written.failed }).toEqual({ errors: [], failed: 0 });
    expect(rows(fleet, move.to)).toBe(written.committed);
    expect(seen.primaries).toEqual(move.to === from ? [from] : [from, move.to]);
    expect(seen.overlaps).toEqual([]);
    expect(witness.rows(move.to)).toBeGreaterThanOrEqual(seen.acknowledged);
    expect(witness.rows(move.to)).toBeLessThanOrEqual(seen.acknowledged + seen.unknown);

    const others = membersOf(fleet).slice(1);
    await streaming(fleet, others, move.to);
    for (const name of others) {
      await until(`${name} has all rows`, 20_000, () => rows(fleet, name) === written.committed);
      expect(fleet.sql(name, "SELECT count(*) FROM pg_replication_slots")).toBe("0");
    }
    if (move.shows)
      for (const name of MEMBERS)
        expect(`${name} ${fleet.sql(name, `SHOW ${move.shows[0]}`)}`).toBe(`${name} ${move.shows[1]}`);
    await runningEqualsDeclared(fleet);
    expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
    console.log(
      JSON.stringify({
        move: move.name,
        longestMs: written.longestMs,
        committed: written.committed,
        gapMs: seen.longestGapMs,
      }),
    );
  });
});
