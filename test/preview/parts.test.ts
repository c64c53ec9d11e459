/** Parts of a comparison that no golden file shows on its own. */

import { XMLValidator } from "fast-xml-parser";
import { describe, expect, test, vi } from "vitest";
import { lostAccess } from "../../infra/preview/access.ts";
import { html } from "../../infra/preview/html.ts";
import { rename } from "../../infra/preview/pairs.ts";
import { violations } from "../../infra/preview/policy.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import { text } from "../../infra/preview/text.ts";
import type { Comparison, Side } from "../../infra/preview/types.ts";
import { compared, edited, STACK, side } from "./fixture.ts";
import { kinds, secret } from "./kinds.ts";

// Nothing here waits; a machine that is busy with other things may be slow.
vi.setConfig({ testTimeout: 120_000 });

const comparisonOf = (name: string): Comparison => {
  const { before, after } = kinds.find((kind) => kind.name === name)!;
  return compared(before, after).comparison;
};

describe("who loses access", () => {
  const line = (user: string, address: string, method = "scram-sha-256"): string =>
    `host  shop  ${user}  ${address}  ${method}\n`;

  test("a role that leaves a list, a network that goes, a line that becomes a rejection", () => {
    expect(lostAccess(line("a,b", "10.0.0.0/8"), line("a", "10.0.0.0/8"))).toEqual([
      "pg_hba.conf no longer lets b from 10.0.0.0/8 into shop",
    ]);
    expect(lostAccess(line("a", "10.0.0.0/8"), "")).toHaveLength(1);
    expect(lostAccess(line("a", "10.0.0.0/8"), line("a", "10.0.0.0/8", "reject"))).toHaveLength(1);
  });

  test("nobody, when lines are written otherwise or a network grows", () => {
    expect(lostAccess(line("a,b", "10.0.0.0/8"), line("b,a", "10.0.0.0/8"))).toEqual([]);
    expect(lostAccess(line("a", "10.20.0.0/16"), line("a", "10.0.0.0/8"))).toEqual([]);
    expect(lostAccess(line("a", "10.0.0.0/8"), line("a", "10.20.0.0/16"))).toHaveLength(1);
    expect(lostAccess(line("a", "10.20.0.0/16"), line("a", "10.20.0.0/24"))).toHaveLength(1);
    expect(lostAccess(line("a", "10.20.0.0/16"), line("a", "11.0.0.0/8"))).toHaveLength(1);
  });
});

describe("policies", () => {
  const against = (name: string, policy: "restart" | "budget" | "removal"): string[] =>
    violations({ comparison: comparisonOf(name), policy });

  test.each([
    ["resize", ["prod: db1, db2, db3: restart"]],
    ["five-lowered", ["prod: db1, db2, db3: restart"]],
    ["manual-resize", ["prod: db1, db2, db3: restart"]],
    ["pool-mode", ["prod: pool1: restart"]],
    ["allowed-network", []],
    ["add-replica", []],
    ["rename-host", []],
    ["no-change", []],
  ])("restart: %s", (name, lines) => expect(against(name, "restart")).toEqual(lines));

  test.each([
    "remove-replica",
    "role-removed",
    "allowed-network-removed",
    "no-monitoring",
    "removed-stack",
    "rename-host",
  ])("removal: %s", (name) => expect(against(name, "removal")).not.toEqual([]));
  test.each(["resize", "add-replica", "allowed-network", "new-role", "pool-size", "restart-policy", "no-change"])(
    "no removal: %s",
    (name) => expect(against(name, "removal")).toEqual([]),
  );

  test("budget: memory over the limit, and more pooled connections than a server takes", () => {
    const comparison = comparisonOf("resize");
    expect(violations({ comparison, policy: "budget" })).toEqual([]);
    comparison.budgets[0]!.after = { totalMb: 101, limitMb: 100 };
    comparison.pools = { before: null, after: { pooled: 90, direct: 19, maxConnections: 100 } };
    expect(violations({ comparison, policy: "budget" })).toHaveLength(2);
  });
});

test("of an encrypted value only a fingerprint is kept", () => {
  const kept = secretValues(secret("v1:AAAA:canary"));
  expect(Object.keys(kept.values)).toEqual(["postgres-fleet:secrets.app"]);
  expect(JSON.stringify(kept)).not.toMatch(/AAAA|canary/);
});

test("a new name takes the place of the old one, and of nothing that only holds it", () => {
  expect(rename("db2 pgfleet_db2 /x/db2/y db22 db2-a mydb2 db2.conf", "db2", "db9")).toBe(
    "db9 pgfleet_db9 /x/db9/y db22 db2-a mydb2 db9.conf",
  );
  expect(rename("pgfleet_db_2 db-2", "db-2", "a")).toBe("pgfleet_a a");
});

test("one address under a new name is a rename; another address is one host less and one more", () => {
  const moved = edited([
    "    db3: { role: replica, address: 10.20.3.11 }",
    "    db9: { role: replica, address: 10.20.3.99 }",
  ]);
  const changes = compared(STACK, moved).comparison.hosts.map(({ name, change }) => `${name} ${change}`);
  expect(changes).toContain("db9 added");
  expect(changes).toContain("db3 removed");
  expect(comparisonOf("rename-host").hosts.find(({ name }) => name === "db9")).toMatchObject({
    change: "renamed",
    renamedFrom: "db3",
    files: [],
  });
});

test("a base that writes less into its plan.json is compared by what it has", () => {
  const base = side(STACK) as Extract<Side, { kind: "rendered" }>;
  const old = structuredClone(base.fleet.plan) as unknown as Record<string, unknown>;
  for (const key of ["workload", "connections", "rollout", "gone", "initdb", "roles", "databases"]) delete old[key];
  for (const host of old.hosts as Record<string, unknown>[]) {
    for (const key of ["diskMb", "storage"]) delete host[key];
    for (const component of host.components as Record<string, unknown>[]) delete component.generation;
  }
  for (const key of ["perServer", "direct", "maxConnections"]) delete (old.pools as Record<string, unknown>)[key];
  const older: Side = { ...base, fleet: { plan: old as never, body: base.fleet.body } };
  const same = compared(older, STACK).comparison;
  expect(same).toMatchObject({ facts: [], hosts: [], removed: [], warnings: [] });
  expect(same.plan.steps).toEqual([]);
  const { facts, plan } = compared(older, edited(["memory: 16GB", "memory: 32GB"])).comparison;
  expect(facts).toEqual(["db1, db2, db3: memory 16GB → 32GB"]);
  expect(plan.steps.filter(({ step }) => step.kind === "restart")).toHaveLength(3);
});

test.each(kinds)("$name: the page is well-formed, the text has no colors of its own", ({ before, after }) => {
  const one = compared(before, after);
  const frame = { base: "main", head: "<head>", notes: ["a & b"], against: ["x"] };
  const page = html([one, one], frame)
    .replace("<!doctype html>\n", "")
    .replace(/<meta ([^>]*)>/g, "<meta $1/>")
    .replaceAll("<details open>", "<details>");
  expect(XMLValidator.validate(page)).toBe(true);
  expect(page).not.toMatch(/<script|src=|<link/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what it looks for
  expect(text([one], frame)).not.toMatch(/\u001b/);
});
