import { expect, test } from "vitest";
import { checkTls } from "../../infra/rollout/tls.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet, Plan } from "../../infra/rollout/types.ts";

type Tls = DeclaredFleet["tls"];
const settings = (tls: Tls): Record<string, string> => ({
  ...(tls ? { ssl: "on" } : {}),
  primary_conninfo: `host=127.0.10.1 sslmode=${tls === "required" ? "verify-full" : "prefer"}`,
});

function problems(from: Tls, to: Tls, changes: Partial<MemberFacts> = {}): string[] {
  const facts = { name: "db2", running: true, generation: "a", settings: settings(from), ...changes } as MemberFacts;
  const observed = { source: "live", members: [facts], poolers: [] } as ObservedFleet;
  const declared = { members: [{ name: "db2" }], ...(to ? { tls: to } : {}) } as DeclaredFleet;
  const plan: Plan = { source: "live", primary: "", steps: [], problems: [], pending: [] };
  checkTls(observed, declared, plan);
  return plan.problems;
}

test.each<[Tls, Tls]>([
  [undefined, undefined],
  [undefined, "offered"],
  ["offered", "required"],
  ["required", "required"],
  ["required", "offered"],
  ["offered", undefined],
])("from %s to %s: one run", (from, to) => expect(problems(from, to)).toEqual([]));

test.each<[Tls, Tls]>([
  [undefined, "required"],
  ["required", undefined],
])("from %s to %s: refused, with the step between", (from, to) => {
  expect(problems(from, to)).toEqual([expect.stringMatching(/^db2 .*\{ required: false \}.* Nothing was changed\.$/)]);
});

test("a member that does not run or has no files yet is in nobody's way", () => {
  expect(problems(undefined, "required", { running: false })).toEqual([]);
  expect(problems(undefined, "required", { generation: "" })).toEqual([]);
});
