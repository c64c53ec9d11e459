/** A member gives up its work: who may go, who takes over, and that the fleet is whole while it is away and after. */

import { describe, expect, it, test } from "vitest";
import { describe as text } from "../../infra/rollout/describe.ts";
import { plan } from "../../infra/rollout/plan.ts";
import type { DeclaredMember, ObservedFleet } from "../../infra/rollout/types.ts";
import { haltSteps, missedBy, movePlan, planOf, type RegisteredPlace, successor } from "../../infra/rollout/vacate.ts";
import { Model } from "./model.ts";

const five = { max_connections: "3", max_worker_processes: "3", max_wal_senders: "3" };
const rest = { max_prepared_transactions: "0", max_locks_per_transaction: "64", shared_buffers: "1" };

/** db1 is primary; the others stream from it, unless through another. */
function fleet(upstream: Record<string, string> = {}) {
  const members = ["db1", "db2", "db3", "db4"].map((name): DeclaredMember => {
    const from = upstream[name] ?? "db1";
    const follows = name === "db1" ? {} : { primary_conninfo: `host=${from}` };
    const settings: Record<string, string> = { ...five, ...rest, ...follows };
    const generation = `g-${name}`;
    return {
      name,
      generation,
      slot: `pgfleet_${name}`,
      settings,
      address: name,
      upstream: upstream[name] ?? "",
      reclone: "",
    };
  });
  const model = new Model(members, "db1");
  for (const m of members) if (m.upstream) model.server(m.upstream).slots.add(m.slot);
  for (const m of members) if (m.upstream) model.server("db1").slots.delete(m.slot);
  const places = members.map(
    ({ name, address, slot, upstream: u }): RegisteredPlace => ({
      name,
      address,
      slot,
      upstream: u,
      files: `/${name}`,
    }),
  );
  return { model, members, places };
}
const classify = () => "reload" as const;
const of = (observed: ObservedFleet, name: string) => observed.members.find((m) => m.name === name)!;

function apply(model: Model, steps: ReturnType<typeof haltSteps>): void {
  for (const step of steps) {
    if (step.kind === "halt") model.server(step.member).role = "stopped";
    else model.apply(step);
    expect(`${model.violation()} after ${text(step)}`).toBe(`undefined after ${text(step)}`);
  }
}

describe("a primary that goes", () => {
  it("is followed by a replica: all stream from that one, nothing restarts or changes its files, and it stops as a replica", () => {
    const { model, places } = fleet();
    const before = model.observe();
    const move = movePlan(before, places, "db2", undefined, classify);
    expect(move.problems).toEqual([]);
    expect(
      move.steps.map((s) => s.kind).filter((k) => ["restart", "switch", "clone", "switch-pooler"].includes(k)),
    ).toEqual([]);
    apply(model, move.steps);
    expect(model.primary?.name).toBe("db2");
    expect(model.unsettled()).toBeUndefined();
    expect(model.target).toBe("db2");
    apply(model, haltSteps(of(model.observe(), "db1"), ["pool1"], "its machine changes"));
    expect(model.server("db1")).toMatchObject({ role: "stopped", standby: true });
    expect([...model.drained]).toEqual(["db1"]);
  });

  it("comes back to a fleet that the declared files lead as before, with nothing held", () => {
    const { model, members, places } = fleet();
    apply(model, movePlan(model.observe(), places, "db2", undefined, classify).steps);
    apply(model, haltSteps(of(model.observe(), "db1"), ["pool1"], "its machine changes"));
    model.boot("db1");
    const back = plan(model.observe(), model.declared(members, "rolling", "db1"), classify);
    expect(back.problems).toEqual([]);
    apply(model, back.steps);
    expect(model.primary?.name).toBe("db1");
    expect(model.unsettled()).toBeUndefined();
    expect([...model.servers.values()].map((s) => s.held)).toEqual([{}, {}, {}, {}]);
    expect(model.drained.size).toBe(0);
  });

  it("leads away from it also those that were told to stream from it by name", () => {
    const { model, places } = fleet({ db3: "db1" });
    apply(model, movePlan(model.observe(), places, "db2", undefined, classify).steps);
    expect(model.server("db3").held.primary_conninfo).toBe("host=db2");
    expect(model.unsettled()).toBeUndefined();
  });

  it("takes its conninfo from its successor, with its own name and folders", () => {
    const { model, places } = fleet();
    const conninfo = "host=db1 passfile=/db2/replication.passfile application_name=db2 sslrootcert=/db2/root.crt";
    const observed = model.observe();
    of(observed, "db2").settings = { primary_conninfo: conninfo };
    const held = movePlan(observed, places, "db2", undefined, classify).steps.find(
      (s) => s.kind === "hold" && s.member === "db1",
    );
    expect(held).toMatchObject({
      settings: {
        primary_conninfo: "host=db2 passfile=/db1/replication.passfile application_name=db1 sslrootcert=/db1/root.crt",
        primary_slot_name: "pgfleet_db1",
      },
    });
  });

  it("leaves poolers as they are: with their files put in force anew they would lead to it again", () => {
    const { model, places } = fleet();
    const observed = model.observe();
    const pooler = observed.poolers[0]!;
    pooler.differences.push("pool_size is 3, its file says 4");
    observed.poolers.push({ ...pooler, name: "pool2", running: false });
    const { steps } = movePlan(observed, places, "db2", undefined, classify);
    expect(steps.filter((s) => /pooler/.test(s.kind))).toEqual([]);
    expect(steps.find((s) => s.kind === "pause")).toMatchObject({ poolers: ["pool1"] });
  });

  it("does not go while clients of a pooler could not be held back", () => {
    const { model, places } = fleet();
    const observed = model.observe();
    Object.assign(observed.poolers[0]!, { reachable: false, running: false });
    expect(movePlan(observed, places, "db2", undefined, classify).problems).toEqual([
      expect.stringContaining("pooler pool1 cannot be reached"),
    ]);
  });

  it("without a successor stops after a checkpoint, with clients held back to the limit", () => {
    const { model } = fleet();
    const primary = of(model.observe(), "db1");
    expect(haltSteps(primary, ["pool1"], "its machine changes").map(text)).toEqual([
      "checkpoint db1 (so that its stop is short)",
      "pause pool1 (its machine changes)",
      "halt db1 (its machine changes)",
      "resume pool1 at the limit (nothing answers them until it is back)",
    ]);
    expect(haltSteps(primary, [], "x").map((s) => s.kind)).toEqual(["checkpoint", "halt"]);
    expect(haltSteps({ ...primary, running: false }, ["pool1"], "x")).toEqual([]);
  });
});

describe("who takes over", () => {
  const pick = (memoryMb: Record<string, number>, change: (o: ObservedFleet) => void = () => {}) => {
    const observed = fleet({ db4: "db3" }).model.observe();
    change(observed);
    return successor(observed, of(observed, "db1"), memoryMb);
  };
  it("streams from the primary itself, with as much memory; one with less rather than one that streams through another", () => {
    expect(pick({ db1: 8, db2: 4, db3: 8, db4: 16 })).toBe("db3");
    expect(pick({ db1: 8, db2: 4, db3: 2, db4: 16 })).toBe("db2");
    expect(pick({})).toBe("db2");
  });
  it("is nobody when nobody streams", () => {
    const cutOff =
      (...names: string[]) =>
      (observed: ObservedFleet) => {
        for (const name of names) of(observed, name).streaming = false;
      };
    expect(pick({}, cutOff("db2", "db3", "db4"))).toBeUndefined();
    expect(pick({}, cutOff("db2"))).toBe("db3");
  });
});

describe("the others can do without it", () => {
  test.each([
    [{ reachable: false, running: false }, "db3 cannot be reached"],
    [{ running: false, role: "none" as const }, "db3 does not run"],
    [{ streaming: false }, "db3 does not stream"],
    [{ role: "primary" as const }, "more than one is primary"],
  ])("unless one is away: %o", (change, said) => {
    const observed = fleet().model.observe();
    expect(missedBy(observed, "db2")).toEqual([]);
    Object.assign(of(observed, "db3"), change);
    expect(missedBy(observed, "db2")).toEqual([said]);
    // Then it is missed by nobody.
    of(observed, "db2").running = false;
    expect(missedBy(observed, "db2")).toEqual([]);
  });
  it("nor while nobody is primary", () => {
    const observed = fleet().model.observe();
    of(observed, "db1").role = "replica";
    of(observed, "db1").streaming = true;
    expect(missedBy(observed, "db2")).toEqual(["nobody is primary"]);
  });
});

it("a replica leaves the read pool before it stops", () => {
  const { model } = fleet();
  const steps = haltSteps(of(model.observe(), "db2"), ["pool1"], "its machine changes");
  expect(planOf("db1", steps).steps.map((s) => s.kind)).toEqual(["drain", "halt"]);
});
