/**
 * The planner: from what is observed and what is declared to ordered steps, each with its reason.
 *
 * Pure. The provider executes a plan made from live facts; previews print one made from what they can see.
 */

import { above, fiveOf, highest, memberChange } from "./changes.ts";
import {
  checkMembership,
  cloneSteps,
  deregisterSteps,
  leaverSteps,
  type Membership,
  membership,
  orphanSlotSteps,
  slotSteps,
} from "./membership.ts";
import { holdSteps, memberSteps, type Ordering } from "./order.ts";
import { leftoverSteps, poolerSteps } from "./pooler-plan.ts";
import { findPrimary, type Primacy } from "./primary.ts";
import { checkMove, switchoverSteps } from "./switchover.ts";
import { checkTls } from "./tls.ts";
import type { Classify, DeclaredFleet, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

export function plan(observed: ObservedFleet, declared: DeclaredFleet, classify: Classify): Plan {
  const result: Plan = { source: observed.source, primary: "", steps: [], problems: [], pending: [] };
  const primacy = findPrimary(observed, declared, result);
  if (!primacy) return result;
  const { primary } = primacy;
  result.primary = primary.name;
  const who = membership(observed, declared);
  const moving = primary.name !== declared.primary;
  checkMembership(who, observed, declared, primary, result);
  if (moving) checkMove(observed, declared, primary, who, result);
  checkTls(observed, declared, result);
  if (result.problems.length > 0) return result;

  const facts = new Map(observed.members.map((m) => [m.name, m]));
  facts.set(primary.name, primary);
  result.steps.push(...wakeSteps(primacy, who, facts), ...leftoverSteps(observed, primary.name));
  // Before a member is told to stream from another server, its place there is kept.
  result.steps.push(...slotSteps(who.existing, declared.primary, facts, (on) => hasDataNow(on, who)));
  const ordering: Ordering = {
    changes: who.existing.map((m) => memberChange(m, facts.get(m.name)!, classify)),
    primary: primary.name,
    restart: declared.restart,
    poolers: usablePoolers(observed, declared),
  };
  const before = result.steps.length;
  if (moving) switchoverSteps(ordering, declared.primary, poolerSteps(observed, declared), result);
  else memberAndPoolerSteps(ordering, observed, declared, primary, result, () => cloning(who, declared, facts));
  const away = observed.poolers.filter((p) => !p.reachable);
  if (away.length > 0 && result.steps.slice(before).some((s) => s.kind === "restart" || s.kind === "demote")) {
    result.problems.push(
      `pooler ${away.map((p) => p.name).join(", ")} cannot be reached, so its clients could not be held back while servers restart. Nothing was changed.`,
    );
  }
  if (result.problems.length > 0) return { ...result, steps: [] };
  if (moving) result.steps.push(...cloning(who, declared, facts));
  result.steps.push(...leaverSteps(who.leavers), ...orphanSlotSteps(who, declared.primary, observed));
  result.steps.push(...deregisterSteps(who.leavers), ...followSteps(who, declared.primary, facts));
  return result;
}

/** Fewer connections: pools shrink before the servers do. More: the servers grow first. Clones enter pools last. */
function memberAndPoolerSteps(
  ordering: Ordering,
  observed: ObservedFleet,
  declared: DeclaredFleet,
  primary: MemberFacts,
  into: Plan,
  clones: () => Step[],
): void {
  const shrinks = lowersConnections(primary, declared);
  if (shrinks) into.steps.push(...poolerSteps(observed, declared));
  memberSteps(ordering, into);
  into.steps.push(...clones());
  if (!shrinks) into.steps.push(...poolerSteps(observed, declared));
}

function cloning(who: Membership, declared: DeclaredFleet, facts: Map<string, MemberFacts>): Step[] {
  return cloneSteps(
    who,
    declared.primary,
    facts,
    declared.poolers.map((p) => p.name),
  );
}

function usablePoolers(observed: ObservedFleet, declared: DeclaredFleet): string[] {
  return observed.poolers
    .filter((p) => p.running && declared.poolers.some((d) => d.name === p.name))
    .map((p) => p.name);
}

const hasDataNow = (name: string, who: Membership): boolean => who.existing.some((m) => m.name === name);

function lowersConnections(primary: MemberFacts, declared: DeclaredFleet): boolean {
  const to = fiveOf(declared.members.find((m) => m.name === primary.name)?.settings ?? {}).max_connections;
  const from = primary.running5.max_connections;
  return to !== undefined && from !== undefined && to < from;
}

/** What has data and does not run is started as it is, its primary first; data of a former primary has to follow. */
function wakeSteps(
  { primary, first, former }: Primacy,
  { existing }: Membership,
  facts: Map<string, MemberFacts>,
): Step[] {
  const done = new Set([primary.name, ...former.map((m) => m.name), ...first.flatMap(memberOf)]);
  const asleep = existing.filter(({ name }) => facts.get(name)!.reachable && !facts.get(name)!.running);
  const steps = [...first];
  for (const member of asleep.filter((m) => !done.has(m.name))) {
    const found = facts.get(member.name)!;
    // Without files in force it starts with the declared ones.
    const { generation, settings } = found.generation === "" ? member : found;
    const has = fiveOf({ ...settings, ...found.held });
    const held = { ...found.held, ...above(highest(has, found.needs5), has) };
    steps.push(...holdSteps(member.name, found.held, held));
    steps.push({ kind: "start", member: member.name, reason: "it does not run" });
    facts.set(member.name, { ...found, generation, settings, held });
  }
  for (const { name } of asleep.filter((m) => former.some((f) => f.name === m.name)))
    steps.push({ kind: "rejoin", member: name, to: primary.name, reason: "it was primary before" });
  return steps;
}

const memberOf = (step: Step): string[] => ("member" in step ? [step.member] : []);

/** A replica that did not stream: at the end it does, or it is said why it cannot. */
function followSteps(who: Membership, primary: string, facts: Map<string, MemberFacts>): Step[] {
  return who.existing
    .filter(({ name }) => {
      const f = facts.get(name)!;
      return name !== primary && f.reachable && f.role !== "primary" && !f.streaming;
    })
    .map((m) => ({ kind: "wait-streaming", member: m.name, reason: "it did not stream" }));
}
