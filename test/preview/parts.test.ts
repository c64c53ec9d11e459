/** Parts of a comparison that no golden file shows on its own. */

import fc from "fast-check";
import { XMLValidator } from "fast-xml-parser";
import { describe, expect, test, vi } from "vitest";
import { show } from "../../cli/diff/show.ts";
import { accessOf, lostAccess } from "../../infra/preview/access.ts";
import { html } from "../../infra/preview/html.ts";
import { rename } from "../../infra/preview/pairs.ts";
import { violations } from "../../infra/preview/policy.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import { text } from "../../infra/preview/text.ts";
import type { Comparison, Side } from "../../infra/preview/types.ts";
import { compared, edited, RESIZE, STACK, side } from "./fixture.ts";
import { kinds, secret } from "./kinds.ts";

// Nothing here waits; a machine that is busy with other things may be slow.
vi.setConfig({ testTimeout: 120_000 });

const versions = (name: string): [before: string | Side, after: string | Side] => {
  const { before, after } = kinds.find((kind) => kind.name === name)!;
  return [before, after];
};
const comparisonOf = (name: string): Comparison => compared(...versions(name)).comparison;

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

test("who loses access is the same whether all lines are looked at or only what differs", () => {
  const address = fc.constantFrom("10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/24", "10.0.0.0/8", "all", "host.example");
  const row = fc
    .tuple(
      fc.constantFrom("a", "a,b"),
      fc.constantFrom("x", "x,y"),
      address,
      fc.constantFrom("scram-sha-256", "reject"),
    )
    .map((cells) => `host  ${cells.join("  ")}\n`);
  const line = fc.oneof(row, fc.constantFrom("# note\n", "\n", "local  all  x    peer\n"));
  // Lines of both, of the one, or of the other: mostly common, as files of two revisions are.
  const files = fc
    .array(fc.tuple(line, fc.constantFrom("both", "both", "before", "after")), { maxLength: 10 })
    .map((lines) =>
      (["before", "after"] as const).map((one) =>
        lines
          .filter(([, of]) => of === "both" || of === one)
          .map(([text]) => text)
          .join(""),
      ),
    );
  const within = (one: string, other: string): boolean =>
    one === other ||
    other === "all" ||
    (other === "10.0.0.0/8" && one.startsWith("10.")) ||
    (other === "10.0.0.0/24" && one.endsWith("/32"));
  fc.assert(
    fc.property(files, ([before = "", after = ""]) => {
      const [old, fresh] = [accessOf(before), [...accessOf(after).values()]];
      const lost = [...old.values()].filter(
        (one) =>
          !fresh.some((f) => f.user === one.user && f.database === one.database && within(one.address, f.address)),
      );
      const said = lostAccess(before, after);
      expect(new Set(said.map((text) => text.split(" into ")[0]))).toEqual(
        new Set(lost.map(({ user, address: from }) => `pg_hba.conf no longer lets ${user} from ${from}`)),
      );
    }),
    { numRuns: 1000 },
  );
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
    ["primary-moved", ["prod: db1: restart"]],
    ["rename-host", []],
    ["no-change", []],
  ])("restart: %s", (name, lines) => expect(against(name, "restart")).toEqual(lines));

  test.each(["remove-replica", "role-removed", "allowed-network-removed", "no-monitoring", "removed-stack"])(
    "removal: %s",
    (name) => expect(against(name, "removal")).not.toEqual([]),
  );
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
    for (const key of ["diskMb", "storage", "machine"]) delete host[key];
    for (const component of host.components as Record<string, unknown>[]) delete component.generation;
  }
  for (const key of ["perServer", "direct", "maxConnections"]) delete (old.pools as Record<string, unknown>)[key];
  const older: Side = { ...base, fleet: { plan: old as never, body: base.fleet.body } };
  const same = compared(older, STACK).comparison;
  expect(same).toMatchObject({ facts: [], hosts: [], removed: [], warnings: [] });
  expect(same.plan.steps).toEqual([]);
  const { facts, plan } = compared(older, edited(RESIZE)).comparison;
  expect(facts).toEqual(["db1, db2, db3: memory 16GB → 32GB"]);
  expect(plan.steps.filter(({ step }) => step.kind === "restart")).toHaveLength(3);
});

test("what up would refuse stands first in every format, before anything that it would do", () => {
  const one = compared(...versions("rename-host"));
  const [problem = ""] = one.comparison.plan.problems;
  expect(problem).toContain("db3 was removed and db9 added at the same address");
  expect(one.comparison.plan.steps).toEqual([]);
  const frame = { base: "main", head: "head", fullText: "x", notes: [], against: [] };
  for (const format of ["text", "markdown", "html"] as const) {
    const output = show([one], format, frame);
    const at = output.indexOf("db3 was removed and db9 added");
    expect(at, format).toBeGreaterThan(0);
    for (const later of ["renamed from", "pool1", "Other services"])
      expect(output.indexOf(later), `${format}: ${later}`).toBeGreaterThan(at);
  }
  expect(Object.keys(JSON.parse(show([one], "json", frame)))[1]).toBe("refused");
  expect(JSON.parse(show([one], "json", frame)).refused).toEqual([{ stack: "prod", problem }]);
  expect(show([one], "markdown", frame)).toContain("## PostgreSQL fleet: `up` would refuse this");
});

test("a parameter that the declared version does not have is a problem of the config, and never a stack trace", () => {
  const named = (version: number) =>
    edited(["version: 16", `version: ${version}`], ["parameters: {}", "parameters: { transaction_timeout: 1s }"]);
  const { comparison } = compared(STACK, named(16));
  expect(comparison.kind).toBe("failed");
  expect(comparison.headProblem).toContain("transaction_timeout");
  expect(comparison.headProblem).not.toMatch(/\n\s+at /);
  // The base has it, the head's version does not: what it was is shown, and what it needed then.
  const back = compared(named(17), STACK).comparison;
  const gone = back.hosts[0]!.parameters.find(({ name }) => name === "transaction_timeout");
  expect(gone).toMatchObject({ before: "1s", after: null, class: "reload" });
  expect(back.plan.problems[0]).toContain("the data is PostgreSQL 17, declared is 16");
});

test("a new host is shown against one of its kind, and its whole text is in the other formats", () => {
  const one = compared(...versions("add-replica"));
  const db4 = one.comparison.hosts.find(({ name }) => name === "db4")!;
  expect(db4.files.map(({ like }) => like?.host)).toEqual(db4.files.map(() => "db2"));
  const other = db4.files.filter(({ like }) => like!.diff !== "").map(({ path }) => path);
  expect(other).toEqual(["postgresql/pg_hba.conf"]);
  const frame = { base: "main", head: "head", fullText: "the artifact", notes: [], against: [] };
  const message = show([one], "markdown", frame);
  expect(message).toContain("As on `db2`, but for names and addresses: ");
  expect(message).not.toContain("+shared_buffers");
  for (const format of ["text", "html", "json"] as const)
    expect(show([one], format, frame)).toMatch(/\+shared_buffers +=/);
});

test("the first of its kind is shown whole", () => {
  const one = compared({ kind: "absent" }, STACK).comparison;
  const likes = one.hosts.map(({ name, files }) => `${name} ${files[0]!.like?.host}`);
  expect(likes).toEqual(["db1 undefined", "db2 db1", "db3 db2", "pool1 undefined", "mon1 undefined"]);
});

test("the same files under another name are put in force: a revision may name generations otherwise", () => {
  const base = side(STACK) as Extract<Side, { kind: "rendered" }>;
  const plan = structuredClone(base.fleet.plan);
  for (const { components } of plan.hosts)
    for (const one of components) one.generation = `0${one.generation.slice(1)}x`;
  const { steps } = compared({ ...base, fleet: { ...base.fleet, plan } }, STACK).comparison.plan;
  expect(steps.filter(({ step }) => step.kind === "switch")).toHaveLength(3);
});

test("a step names the generation that up puts in force", () => {
  const head = side(versions("resize")[1] as string) as Extract<Side, { kind: "rendered" }>;
  const { steps } = comparisonOf("resize").plan;
  for (const { step } of steps) {
    if (step.kind !== "switch") continue;
    const host = head.fleet.plan.hosts.find(({ name }) => name === step.member)!;
    const { generation } = host.components.find(({ name }) => name === "postgresql")!;
    expect(JSON.parse(JSON.stringify(step)).generation).toBe(generation);
    expect(generation).toMatch(/^[0-9a-f]{16}$/);
  }
  expect(steps.some(({ step }) => step.kind === "switch")).toBe(true);
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
