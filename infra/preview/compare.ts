/** Two revisions of a stack, desired against desired. Pure: the same sides give the same comparison. */

import { declaredFacts } from "./facts.ts";
import { type ComparedHost, compareHost } from "./host.ts";
import { removedLines, warningLines } from "./notes.ts";
import { type HostPair, models, pairHosts } from "./pairs.ts";
import type { PlanFile, PlanHost } from "./plan-file.ts";
import { predict } from "./predict.ts";
import { serviceLines } from "./services.ts";
import {
  type BudgetComparison,
  type Comparison,
  EFFECTS,
  type Effect,
  type Filled,
  type PoolSum,
  type RenderedFleet,
  type SecretValues,
  type Side,
  type Stalls,
} from "./types.ts";

/** A comparison and which of its hosts have the same changes; each group in the order of the fleet. */
export interface Compared {
  comparison: Comparison;
  groups: string[][];
}

const NO_SECRETS: SecretValues = { values: {}, key: "" };

/**
 * @param stack name of the stack
 * @param stalls how long clients waited for a step when it was last measured
 */
export function compare(stack: string, base: Side, head: Side, stalls: Stalls = {}): Compared {
  if (base.kind === "absent" && head.kind === "absent") throw new Error(`stack ${stack} is on neither side`);
  const before = base.kind === "rendered" ? base.fleet : null;
  const after = head.kind === "rendered" ? head.fleet : null;
  const result = after ? changes(before, after, base, head, stalls) : withoutHead(before, head);
  const { comparison } = result;
  comparison.stack = stack;
  comparison.baseProblem = base.kind === "failed" ? base.problem : null;
  comparison.headProblem = head.kind === "failed" ? head.problem : null;
  if (head.kind === "failed") comparison.kind = "failed";
  else if (head.kind === "absent") comparison.kind = "removed";
  else if (base.kind === "absent") comparison.kind = "added";
  else if (base.kind === "failed" || !isUnchanged(comparison)) comparison.kind = "changed";
  return result;
}

function changes(before: RenderedFleet | null, after: RenderedFleet, base: Side, head: Side, stalls: Stalls): Compared {
  const pairs = before
    ? pairHosts(before.plan, after.plan)
    : after.plan.hosts.map((host): HostPair => ({ before: undefined, after: host }));
  const modelOf = models(pairs);
  const compared = pairs.map((pair) => compareHost(pair, before, after, modelOf(pair)));
  const pools = poolChange(before?.plan, after.plan);
  const secrets: [SecretValues, SecretValues] = [secretsOf(base), secretsOf(head)];
  // A stack that is there but cannot be rendered may be anything: nothing is said about what `up` does to it.
  const known = base.kind !== "failed";
  if (!known) for (const { host } of compared) if (host) host.effect = "unknown";
  const services = serviceLines(pairs, changedFiles(compared));
  if (base.kind === "absent") services.unshift(`initdb on ${after.plan.primary} before the steps above, and its start`);
  const comparison = empty();
  if (known) comparison.plan = predict(before?.plan ?? null, after.plan, stalls);
  raiseEffects(compared, comparison.plan);
  Object.assign(comparison, hostParts(compared), {
    facts: before ? declaredFacts(before.plan, after.plan, pairs) : [],
    services: known ? services : [],
    budgets: budgets(pairs),
    pools,
    removed: before ? removedLines(before.plan, after.plan, compared) : [],
    warnings: before ? warningLines(before.plan, after.plan, compared, secrets, pools) : [...after.plan.warnings],
  } satisfies Partial<Comparison>);
  return { comparison, groups: groupsOf(compared) };
}

/** What only the plan knows: who takes part in a switchover, and whose data is made anew. */
function raiseEffects(compared: ComparedHost[], { steps }: Comparison["plan"]): void {
  const effects = new Map<string, Effect>();
  for (const { step } of steps) {
    if (step.kind === "demote" || step.kind === "promote") effects.set(step.member, "switchover");
    else if (step.kind === "clone") effects.set(step.member, "clone");
  }
  if (effects.size === 0) return;
  for (const one of compared) {
    const effect = one.host && effects.get(one.host.name);
    if (!effect || EFFECTS.indexOf(effect) <= EFFECTS.indexOf(one.host!.effect)) continue;
    one.host!.effect = effect;
    one.key += effect;
  }
}

/** The stack goes, or cannot be rendered any more: nothing to compare, and nothing to hide either. */
function withoutHead(before: RenderedFleet | null, head: Side): Compared {
  const comparison = empty();
  if (head.kind !== "absent" || !before) return { comparison, groups: [] };
  const compared = before.plan.hosts.map((host) => compareHost({ before: host, after: undefined }, before, null));
  Object.assign(comparison, hostParts(compared));
  comparison.removed = [
    "the stack file is removed. Hosts and data stay until `pulumi destroy`; without the file nobody keeps them as declared",
    ...before.plan.hosts.map((host) => `${host.name}: no longer declared`),
  ];
  return { comparison, groups: groupsOf(compared) };
}

function hostParts(compared: ComparedHost[]): Pick<Comparison, "hosts" | "unchangedHosts" | "totals"> {
  const hosts = compared.flatMap(({ host }) => (host ? [host] : []));
  const files = hosts.flatMap((host) => host.files);
  return {
    hosts,
    unchangedHosts: compared.filter(({ host }) => !host).map(({ pair }) => pair.after!.name),
    totals: {
      files: files.length,
      additions: files.reduce((sum, file) => sum + file.additions, 0),
      deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    },
  };
}

function groupsOf(compared: ComparedHost[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const { host, key } of compared) {
    if (!host) continue;
    const group = groups.get(key);
    if (group) group.push(host.name);
    else groups.set(key, [host.name]);
  }
  return [...groups.values()];
}

function changedFiles(compared: ComparedHost[]): (pair: HostPair, component: string) => string[] {
  const files = new Map(compared.map(({ pair, host }) => [pair, host?.files ?? []]));
  return (pair, component) =>
    files
      .get(pair)!
      .flatMap(({ path }) => (path.startsWith(`${component}/`) ? [path.slice(component.length + 1)] : []));
}

/** Members whose budget differs, and new ones. */
function budgets(pairs: HostPair[]): BudgetComparison[] {
  const filled = (host: PlanHost | undefined): Filled | null =>
    host?.budget ? { totalMb: host.budget.totalMb, limitMb: host.budget.limitMb } : null;
  return pairs
    .flatMap(({ before, after }) => (after ? [{ host: after.name, before: filled(before), after: filled(after) }] : []))
    .filter(({ before: was, after: is }) => JSON.stringify(was) !== JSON.stringify(is));
}

function poolChange(before: PlanFile | undefined, after: PlanFile): Comparison["pools"] {
  const sum = (plan: PlanFile | undefined): PoolSum | null => {
    const pools = plan?.pools;
    if (!pools || pools.perServer === undefined) return null;
    return { pooled: pools.perServer, direct: pools.direct, maxConnections: pools.maxConnections };
  };
  const [was, is] = [sum(before), sum(after)];
  return JSON.stringify(was) === JSON.stringify(is) ? null : { before: was, after: is };
}

const secretsOf = (side: Side): SecretValues => (side.kind === "rendered" ? side.secrets : NO_SECRETS);

/** True only when nothing at all differs: files, facts, secrets, steps. */
function isUnchanged({ facts, hosts, plan, removed, warnings, budgets: memory, pools }: Comparison): boolean {
  const parts = [facts, hosts, plan.steps, plan.problems, plan.pending, removed, warnings, memory];
  return pools === null && parts.every((part) => part.length === 0);
}

function empty(): Comparison {
  return {
    version: 1,
    stack: "",
    kind: "unchanged",
    baseProblem: null,
    headProblem: null,
    facts: [],
    hosts: [],
    unchangedHosts: [],
    totals: { files: 0, additions: 0, deletions: 0 },
    plan: { steps: [], problems: [], pending: [] },
    services: [],
    budgets: [],
    pools: null,
    removed: [],
    warnings: [],
  };
}
