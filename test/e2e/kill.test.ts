// kill -9 of the engine or the provider anywhere: the next `up` makes running equal declared, also when what is
// declared was changed back in between. Points are told by what is seen, so each run dies at the same places.
import { existsSync, readdirSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import { killedUp, type Point, runningEqualsDeclared, type Victim } from "./support/kill.ts";
import { counts, everywhere, logins, pooled, replayed } from "./support/observe.ts";
import { processesOf } from "./support/processes.ts";
import { steps } from "./support/steps.ts";

function smallFleet(label: string): TestFleet {
  const fleet = new TestFleet(label);
  delete fleet.config.hosts.db3;
  delete fleet.config.hosts.mon1;
  return fleet;
}

const inFolder = (folder: string, name: RegExp) => existsSync(folder) && readdirSync(folder).some((n) => name.test(n));

describe("in the middle of the first up", () => {
  const fleet = smallFleet("killfirst");
  const step = steps();
  afterAll(() => fleet.remove());

  // Each run goes on where the one before died, and dies a little later.
  const points: [string, Point, Victim?][] = [
    ["credentials are being made", /Credential .* creating/],
    ["files are being staged", /HostFiles db1 creating .* staging postgresql/],
    ["supervisord is being started", /Service db1-supervisor creating/],
    ["initdb runs", () => existsSync(path.join(fleet.home("db1"), "data/db1.part/base"))],
    ["the first server starts", () => existsSync(path.join(fleet.home("db1"), "data/db1/postmaster.pid"))],
    ["databases are being made", /DatabaseObjects shop creating .* database shop/],
    ["a slot is being reserved, the provider dies", /reserve slot pgfleet_db2/, "provider"],
    ["the replica is being cloned", () => existsSync(path.join(fleet.home("db2"), "data/db2.part/base"))],
    [
      "the clone has got its name and is not started",
      () => existsSync(path.join(fleet.home("db2"), "data/db2/PG_VERSION")),
    ],
    ["the pooler gets its first files", /put generation \w+ in force on pooler/],
  ];
  for (const [name, at, victim] of points)
    step(`killed while ${name}`, async () => {
      await killedUp(fleet, at, victim);
    });

  step("the next up finishes it", async () => {
    await fleet.up();
    await runningEqualsDeclared(fleet);
    const { shop_app } = await logins(fleet);
    expect(pooled(fleet, "shop_app", shop_app!.password, "SELECT 1")).toBe("1");
    expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
  });
});

describe("in the middle of a change", () => {
  const fleet = smallFleet("killchange");
  const step = steps();
  const db3 = () => path.join(fleet.home("db3"), "data");
  const more = () => (fleet.config.memory = "2GB");
  const join = () => (fleet.config.hosts.db3 = { role: "replica", address: fleet.address(3) });

  beforeAll(async () => {
    await fleet.up();
    fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n", "shop");
  });
  afterAll(() => fleet.remove());

  const points: { change: () => void; when: string; at: Point; victim?: Victim; next: "revert" | "repeat" }[] = [
    { change: more, when: "files are staged", at: /HostFiles db1 updated/, next: "revert" },
    {
      change: more,
      when: "a replica's files are put in force",
      at: /put generation \w+ in force on db2/,
      next: "revert",
    },
    { change: more, when: "a replica restarts", at: /step \d+ of \d+: restart db2/, next: "revert" },
    { change: more, when: "clients are held back", at: /step \d+ of \d+: pause pool1/, next: "revert" },
    { change: more, when: "the primary restarts", at: /step \d+ of \d+: restart db1/, next: "revert" },
    {
      change: more,
      when: "the primary restarts, the provider dies",
      at: /step \d+ of \d+: restart db1/,
      victim: "provider",
      next: "revert",
    },
    {
      change: more,
      when: "the primary restarts, and the change stays",
      at: /step \d+ of \d+: restart db1/,
      next: "repeat",
    },
    {
      change: join,
      when: "a new host's supervisord has just started",
      at: () => existsSync(path.join(fleet.home("db3"), "run/supervisor.sock")),
      next: "revert",
    },
    { change: join, when: "a new replica's slot is reserved", at: /reserve slot pgfleet_db3/, next: "revert" },
    { change: join, when: "a new replica is cloned", at: () => inFolder(db3(), /^db3\.part$/), next: "revert" },
    {
      change: join,
      when: "a new replica is cloned, the provider dies, and the change stays",
      at: () => inFolder(db3(), /^db3\.part$/),
      victim: "provider",
      next: "repeat",
    },
    {
      change: () => delete fleet.config.hosts.db3,
      when: "a replica is stopped for good",
      at: /stop db3 /,
      next: "repeat",
    },
  ];
  for (const { change, when, at, victim, next } of points)
    step(`killed while ${when}; ${next === "revert" ? "the change is taken back" : "the same again"}`, async () => {
      const before = structuredClone(fleet.config);
      change();
      await killedUp(fleet, at, victim);
      if (next === "revert") fleet.config = before;
      await fleet.up();
      await runningEqualsDeclared(fleet);
      if (!fleet.config.hosts.db3) expect(processesOf(`${fleet.home("db3")}/`)).toEqual([]);
    });

  step("nothing was lost, and nothing is left to do", async () => {
    await replayed(fleet, ["db2"]);
    expect(
      everywhere(
        fleet,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND application_name = 'pgfleet'",
      ),
    ).toEqual({ db1: "0", db2: "0" });
    for (const member of ["db1", "db2"]) expect(fleet.sql(member, "SELECT count(*) FROM kept", "shop")).toBe("1000");
    expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
  });
});
