import { expect, test } from "vitest";
import { fixedParameter, ownedParameter, renderedParameters } from "../../infra/config/owned-parameters.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { factsFor, majors } from "../../infra/tuning/facts.ts";
import { tune } from "../../infra/tuning/tune.ts";
import { validateOverride } from "../../infra/tuning/validate.ts";
import { input, tuning } from "../rendering/fixture.ts";

test("what rendering writes by itself is in the list, and the list has nothing that tuning writes", () => {
  const given = tuning().settings;
  const written = renderFleet(input()).flatMap(({ settings }) => Object.keys(settings));
  const own = [...new Set(written)].filter((name) => !given.has(name));
  expect(own).toContain("listen_addresses");
  expect(own.filter((name) => !renderedParameters.has(name))).toEqual([]);
  const server = { workload: "web", memoryMb: 4096, cpus: 2, diskMb: 51200, storage: "ssd", replicas: 1 } as const;
  for (const version of majors) {
    const tuned = [...tune({ ...server, version }).settings.keys()];
    expect(tuned.filter((name) => fixedParameter(name) !== undefined)).toEqual([]);
  }
});

test("stack config and tune refuse the same ones, however they are spelled", () => {
  for (const version of majors) {
    for (const [name, { context, bootVal }] of factsFor(version)) {
      if (fixedParameter(name) === undefined) continue;
      expect(ownedParameter(name.toUpperCase())).toBe(fixedParameter(name));
      expect(validateOverride(name, bootVal ?? "", version)).toMatch(
        context === "internal" ? /./ : fixedParameter(name)!,
      );
    }
  }
  expect(ownedParameter("recovery_target_lsn")).toMatch(/belongs to a restore/);
  expect(ownedParameter("work_mem")).toBeUndefined();
});

test("two are a stack's alone: tune without one takes them", () => {
  expect(
    ["max_connections", "hot_standby"].map((name) => [ownedParameter(name) !== undefined, fixedParameter(name)]),
  ).toEqual([
    [true, undefined],
    [true, undefined],
  ]);
});
