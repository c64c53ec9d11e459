/** Any change, interrupted anywhere, with any member rebooted at any moment: the standby rule holds and the end is what was declared. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HOT_STANDBY_FIVE } from "../../infra/rollout/changes.ts";
import { plan } from "../../infra/rollout/plan.ts";
import type { DeclaredMember, Step } from "../../infra/rollout/types.ts";
import type { ChangeClass } from "../../infra/tuning/types.ts";
import { Model, type Settings } from "./model.ts";

const classify = (name: string): ChangeClass =>
  (HOT_STANDBY_FIVE as readonly string[]).includes(name)
    ? "ordered-restart"
    : name === "shared_buffers"
      ? "restart"
      : "reload";

const value = fc.integer({ min: 1, max: 4 }).map(String);
const five = fc.record(
  Object.fromEntries(HOT_STANDBY_FIVE.map((name) => [name, value])) as Record<string, fc.Arbitrary<string>>,
);
const other = fc.record({ shared_buffers: value, work_mem: value });

interface Case {
  standbys: number;
  versions: { five: Settings; others: Settings[] }[];
  pooler: boolean;
}

const cases: fc.Arbitrary<Case> = fc.record({
  standbys: fc.integer({ min: 0, max: 3 }),
  versions: fc.array(fc.record({ five, others: fc.array(other, { minLength: 4, maxLength: 4 }) }), {
    minLength: 2,
    maxLength: 4,
  }),
  pooler: fc.boolean(),
});

/** Members as declared by one version of the config. */
function members(c: Case, version: number): DeclaredMember[] {
  const v = c.versions[version]!;
  return Array.from({ length: c.standbys + 1 }, (_, i) => {
    const settings: Settings = { ...v.five, ...v.others[i]! };
    return { name: `db${i + 1}`, generation: JSON.stringify([i, settings]), slot: `pgfleet_db${i + 1}`, settings };
  });
}

function steps(model: Model, declared: DeclaredMember[], restart: "rolling" | "manual" = "rolling"): Step[] {
  model.declare(declared);
  const result = plan(model.observe(), model.declared(declared, restart), classify);
  expect(result.problems).toEqual([]);
  return result.steps;
}

function start(c: Case): Model {
  const model = new Model(members(c, 0), "db1");
  model.pooler = c.pooler;
  return model;
}

function expectSettled(model: Model, declared: DeclaredMember[]): void {
  for (const m of declared) {
    const server = model.server(m.name);
    expect(server.generation).toBe(m.generation);
    expect(server.held).toEqual({});
    for (const name of [...HOT_STANDBY_FIVE, "shared_buffers"])
      expect(`${m.name} ${name} ${server.running[name]}`).toBe(`${m.name} ${name} ${m.settings[name]}`);
  }
  expect(model.paused).toBe(false);
  expect([...model.drained]).toEqual([]);
}

const runs = { numRuns: 2000 };

describe("plans of rolling changes", () => {
  it("keep the standby rule after every step, pause around every restart of the primary, and end as declared", () => {
    fc.assert(
      fc.property(cases, (c) => {
        const model = start(c);
        for (const step of steps(model, members(c, 1))) {
          model.apply(step);
          expect(model.violation()).toBeUndefined();
        }
        expectSettled(model, members(c, 1));
        expect(steps(model, members(c, 1))).toEqual([]);
      }),
      runs,
    );
  });

  it("keep the standby rule when any member reboots between any two steps", () => {
    fc.assert(
      fc.property(cases, fc.array(fc.tuple(fc.nat(60), fc.nat(3)), { maxLength: 4 }), (c, reboots) => {
        const model = start(c);
        steps(model, members(c, 1)).forEach((step, i) => {
          model.apply(step);
          for (const [at, who] of reboots) {
            if (at !== i || who > c.standbys) continue;
            model.boot(`db${who + 1}`);
            expect(model.violation()).toBeUndefined();
          }
          expect(model.violation()).toBeUndefined();
        });
      }),
      runs,
    );
  });

  it("killed after any step, and then repeated, reverted or changed again: the rule holds and the end is as declared", () => {
    fc.assert(
      fc.property(
        cases,
        fc.array(fc.tuple(fc.nat(40), fc.nat(3)), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        (c, kills, last) => {
          const model = start(c);
          for (const [after, version] of kills) {
            const declared = members(c, version % c.versions.length);
            for (const step of steps(model, declared).slice(0, after)) {
              model.apply(step);
              expect(model.violation()).toBeUndefined();
            }
          }
          const declared = members(c, last % c.versions.length);
          for (const step of steps(model, declared)) {
            model.apply(step);
            expect(model.violation()).toBeUndefined();
          }
          expectSettled(model, declared);
        },
      ),
      runs,
    );
  });
});

describe("plans under restart: manual", () => {
  it("restart nothing, survive a reboot of every member, and finish when the policy is rolling again", () => {
    fc.assert(
      fc.property(cases, fc.array(fc.nat(3), { maxLength: 4 }), (c, reboots) => {
        const model = start(c);
        const planned = steps(model, members(c, 1), "manual");
        expect(planned.filter((s) => s.kind === "restart")).toEqual([]);
        for (const step of planned) {
          model.apply(step);
          expect(model.violation()).toBeUndefined();
        }
        for (const who of reboots) if (who <= c.standbys) model.boot(`db${who + 1}`);
        expect(model.violation()).toBeUndefined();
        for (const step of steps(model, members(c, 1))) {
          model.apply(step);
          expect(model.violation()).toBeUndefined();
        }
        expectSettled(model, members(c, 1));
      }),
      runs,
    );
  });
});
