/** Plans when members come, go, get new data and change places. */

import { describe, expect, it } from "vitest";
import { describe as text } from "../../infra/rollout/describe.ts";
import { plan } from "../../infra/rollout/plan.ts";
import type { DeclaredFleet, DeclaredMember, MemberFacts, ObservedFleet, Plan } from "../../infra/rollout/types.ts";

const facts = (name: string, change: Partial<MemberFacts> = {}): MemberFacts => ({
  name,
  address: name,
  reachable: true,
  hasData: true,
  running: true,
  role: name === "db1" ? "primary" : "replica",
  generation: `g-${name}`,
  settings: {},
  running5: {},
  needs5: {},
  pendingRestart: [],
  filesNewerThanLoad: false,
  streaming: name !== "db1",
  standby: name !== "db1",
  recloned: "",
  slots: [],
  held: {},
  alteredSystem: [],
  ...change,
});
const withSlots = (...names: string[]): Partial<MemberFacts> => ({
  slots: names.map((name) => ({ name: `pgfleet_${name}`, active: true })),
});
const nothing: Partial<MemberFacts> = {
  hasData: false,
  running: false,
  role: "none",
  standby: false,
  streaming: false,
};
const stopped: Partial<MemberFacts> = { running: false, role: "none", streaming: false };

const declared = (name: string, change: Partial<DeclaredMember> = {}): DeclaredMember => ({
  name,
  generation: `g-${name}`,
  slot: `pgfleet_${name}`,
  settings: {},
  address: name,
  upstream: "",
  reclone: "",
  ...change,
});

function planned(
  members: MemberFacts[],
  wanted: DeclaredMember[],
  change: Partial<DeclaredFleet> = {},
  observed: Partial<ObservedFleet> = {},
): Plan {
  const pooler = {
    name: "pool1",
    reachable: true,
    running: true,
    generation: "p",
    paused: [],
    drained: [],
    leadsTo: "db1",
    differences: [],
  };
  return plan(
    { source: "live", members, poolers: [pooler], ...observed },
    {
      primary: "db1",
      restart: "rolling",
      members: wanted,
      poolers: [{ name: "pool1", generation: "p" }],
      gone: [],
      ...change,
    },
    () => "reload",
  );
}
const steps = (result: Plan): string[] => {
  expect(result.problems).toEqual([]);
  return result.steps.map((step) => text(step).replace(/ \([^(]*\)$/, ""));
};

describe("a new member", () => {
  it("is cloned from a replica, after its slot was reserved on the primary, and enters pools when it streams", () => {
    const result = planned(
      [facts("db1", withSlots("db2")), facts("db2"), facts("db3", nothing)],
      ["db1", "db2", "db3"].map((n) => declared(n)),
      {
        poolers: [{ name: "pool1", generation: "p2" }],
      },
    );
    expect(steps(result)).toEqual([
      "register db3",
      "reserve slot pgfleet_db3 on db1",
      "clone db3 from db2",
      "wait until db3 streams",
      "put generation p2 in force on pooler pool1",
    ]);
  });

  it("is cloned from the primary when no replica streams", () => {
    const result = planned(
      [facts("db1", withSlots("db2")), facts("db2", { streaming: false }), facts("db3", nothing)],
      ["db1", "db2", "db3"].map((n) => declared(n)),
    );
    expect(steps(result)).toContain("clone db3 from db1");
  });

  it("several take turns with the sources, and one below another new one comes after it", () => {
    const result = planned(
      [
        facts("db1", withSlots("db2", "db3")),
        facts("db2"),
        facts("db3"),
        ...["db4", "db5", "db6"].map((n) => facts(n, nothing)),
      ],
      [...["db1", "db2", "db3", "db4", "db5"].map((n) => declared(n)), declared("db6", { upstream: "db4" })],
    );
    expect(steps(result)).toEqual([
      "register db4, db5, db6",
      "reserve slot pgfleet_db4 on db1",
      "reserve slot pgfleet_db5 on db1",
      "clone db4 from db2",
      "clone db5 from db3",
      "wait until db4 streams",
      "wait until db5 streams",
      "reserve slot pgfleet_db6 on db4",
      "clone db6 from db2",
      "wait until db6 streams",
    ]);
  });
});

describe("a member that was removed and comes back", () => {
  it("starts with what its WAL needs, and is lowered once it has replayed what lowered the others", () => {
    const five = { max_connections: "35" };
    const db1 = facts("db1", { ...withSlots("db2"), settings: five, running5: { max_connections: 35 } });
    const back = facts("db2", { ...stopped, generation: "", needs5: { max_connections: 40 } });
    const result = planned([db1, back], [declared("db1", { settings: five }), declared("db2", { settings: five })]);
    expect(steps(result)).toEqual([
      "hold max_connections=40 on db2",
      "start db2",
      "wait until db2 has replayed",
      "release held values on db2",
      "take db2 out of the read pool of pool1",
      "restart db2",
      "restore the read pool of pool1",
      "wait until db2 streams",
    ]);
  });

  it("that came by a time when the primary had more restarts with as much, and is lowered after it", () => {
    const five = { max_connections: "45" };
    const db1 = facts("db1", { ...withSlots("db2"), settings: five, running5: { max_connections: 45 } });
    const paused = facts("db2", { settings: five, running5: { max_connections: 45 }, needs5: { max_connections: 50 } });
    expect(
      steps(planned([db1, paused], [declared("db1", { settings: five }), declared("db2", { settings: five })])),
    ).toEqual([
      "hold max_connections=50 on db2",
      "take db2 out of the read pool of pool1",
      "restart db2",
      "restore the read pool of pool1",
      "wait until db2 has replayed",
      "release held values on db2",
      "take db2 out of the read pool of pool1",
      "restart db2",
      "restore the read pool of pool1",
    ]);
  });

  it("starts with its declared files, once, when it needs nothing more", () => {
    const result = planned(
      [facts("db1", withSlots("db2")), facts("db2", { ...stopped, generation: "" })],
      [declared("db1"), declared("db2", { settings: { shared_buffers: "1" } })],
    );
    expect(steps(result)).toEqual(["start db2", "wait until db2 streams"]);
  });
});

describe("a new upstream", () => {
  it("keeps WAL before the member is told to stream from it; the old slot goes last", () => {
    const result = planned(
      [facts("db1", withSlots("db2", "db3")), facts("db2"), facts("db3", { generation: "old" })],
      [declared("db1"), declared("db2"), declared("db3", { upstream: "db2" })],
    );
    expect(steps(result)).toEqual([
      "reserve slot pgfleet_db3 on db2",
      "put generation g-db3 in force on db3",
      "drop slot pgfleet_db3 on db1",
    ]);
  });
});

describe("reclone", () => {
  const three = ["db1", "db2", "db3"];
  const stand = [facts("db1", withSlots("db2", "db3")), facts("db2"), facts("db3", { recloned: "1" })];

  it("a new value takes the member out of the pools, sets its data aside, and clones it from another replica", () => {
    const result = planned(
      stand,
      three.map((n) => declared(n, n === "db3" ? { reclone: "2" } : {})),
    );
    expect(steps(result)).toEqual([
      "take db3 out of the read pool of pool1",
      "stop db3 and move its data aside",
      "clone db3 from db2",
      "wait until db3 streams",
      "restore the read pool of pool1",
    ]);
  });

  it("the value it was cloned for, or none, asks for nothing", () => {
    for (const reclone of ["1", ""])
      expect(
        steps(
          planned(
            stand,
            three.map((n) => declared(n, n === "db3" ? { reclone } : {})),
          ),
        ),
      ).toEqual([]);
  });

  it("is refused for the primary", () => {
    expect(
      planned(
        stand,
        three.map((n) => declared(n, n === "db1" ? { reclone: "2" } : {})),
      ).problems,
    ).toEqual([
      expect.stringMatching(/^db1 is the primary, and reclone asks for new data.*Make another member primary, or take/),
    ]);
  });
});

describe("what is refused", () => {
  const two = [facts("db1", withSlots("db2")), facts("db2")];
  it.each([
    [
      "a rename in place",
      [...two, facts("db9", nothing)],
      [declared("db1"), declared("db9", { address: "db2" })],
      {},
      /^db2 was removed and db9 added at the same address db2: a member is not renamed in place/,
    ],
    [
      "another address",
      two,
      [declared("db1"), declared("db2", { address: "elsewhere" })],
      {},
      /^db2 is at db2 and declared at elsewhere: an address is not changed in place/,
    ],
    ["removing the primary", two, [declared("db2")], { primary: "db2" }, /^db1 is the primary and was removed/],
    [
      "a primary without data",
      [...two, facts("db3", nothing)],
      [declared("db1"), declared("db2"), declared("db3")],
      { primary: "db3" },
      /db3 has no data yet. Add it as a replica first/,
    ],
    [
      "a primary that does not stream",
      [two[0]!, facts("db2", { streaming: false })],
      [declared("db1"), declared("db2")],
      { primary: "db2" },
      /db2 does not stream, so it may not have every commit/,
    ],
    [
      "a primary that cannot be reached",
      [two[0]!, facts("db2", { reachable: false })],
      [declared("db1"), declared("db2")],
      { primary: "db2" },
      /db2 cannot be reached/,
    ],
    [
      "two writable members",
      [two[0]!, facts("db2", { role: "primary", standby: false })],
      [declared("db1"), declared("db2")],
      {},
      /^more than one member is writable: db1, db2/,
    ],
    [
      "two that would start as primaries",
      [facts("db1", stopped), facts("db2", { ...stopped, standby: false })],
      [declared("db1"), declared("db2")],
      {},
      /^no primary runs, and each of db1, db2 would start as one/,
    ],
    [
      "a lost primary",
      [
        facts("db1", { reachable: false, running: false, role: "none", hasData: false }),
        facts("db2", { streaming: false }),
      ],
      [declared("db1"), declared("db2")],
      { primary: "db1" },
      /^the primary db1 cannot be reached: nothing was changed. If it is lost for good, see docs\/members.md/,
    ],
    [
      "promoting without the old primary",
      [
        facts("db1", { reachable: false, running: false, role: "none", hasData: false }),
        facts("db2", { streaming: false }),
      ],
      [declared("db1"), declared("db2")],
      { primary: "db2" },
      /^db2 is declared primary but is in recovery, and no other member is primary/,
    ],
  ] as [string, MemberFacts[], DeclaredMember[], Partial<DeclaredFleet>, RegExp][])(
    "%s",
    (_, members, wanted, change, problem) => {
      const result = planned(members, wanted, change);
      expect(result.problems).toEqual([expect.stringMatching(problem)]);
      expect(result.steps).toEqual([]);
    },
  );
});

describe("data of a former primary", () => {
  it("follows the one that took over, and is never started as it is", () => {
    const result = planned(
      [facts("db1", stopped), facts("db2", { role: "primary", standby: false, ...withSlots("db1") })].map((m) =>
        m.name === "db1" ? { ...m, standby: false } : m,
      ),
      [declared("db1"), declared("db2")],
      { primary: "db2" },
      { poolers: [] },
    );
    expect(steps(result).filter((s) => /start|rejoin|standby/.test(s))).toEqual(["make db1 a standby of db2"]);
  });
});

describe("a switchover that was not finished", () => {
  const both = [facts("db1", { ...stopped, standby: true }), facts("db2", { streaming: false })];
  const members = [declared("db1"), declared("db2")];
  const switchover = { from: "db1", to: "db2" };

  it("goes on to the new primary, or back to the old one, as declared; clients are led there", () => {
    const on = steps(planned(both, members, { primary: "db2" }, { switchover }));
    expect(on.slice(0, 2)).toEqual(["promote db2", "start db1"]);
    expect(on).toContain("lead clients of pool1 to db2");
    const back = steps(planned(both, members, { primary: "db1" }, { switchover }));
    expect(back[0]).toBe("make db1 primary again");
    expect(back.some((s) => /promote/.test(s))).toBe(false);
  });

  it("is not decided while one of the two cannot be seen", () => {
    const unseen = [facts("db1", { ...nothing, reachable: false }), both[1]!];
    for (const primary of ["db1", "db2"])
      expect(planned(unseen, members, { primary }, { switchover }).problems).toEqual([
        expect.stringMatching(/a switchover from db1 to db2 was not finished, and db1 cannot be reached/),
      ]);
  });
});
