/**
 * The planner: from what is observed and what is declared to ordered steps, each with its reason.
 *
 * Pure. The provider executes a plan made from live facts; previews print one made from what they can see.
 */

import { slotName } from "../rendering/names.ts";
import { fiveOf } from "./changes.ts";
import { memberSteps } from "./order.ts";
import type { Classify, DeclaredFleet, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

export function plan(observed: ObservedFleet, declared: DeclaredFleet, classify: Classify): Plan {
  const facts = new Map(observed.members.map((m) => [m.name, m]));
  const result: Plan = { source: observed.source, steps: [], problems: [], pending: [] };
  const primary = findPrimary(observed, declared, result);
  if (result.problems.length > 0) return result;

  const newcomers = declared.members.filter((m) => !(facts.get(m.name)?.hasData ?? false));
  const leavers = observed.members.filter((m) => !declared.members.some((d) => d.name === m.name));
  checkLeavers(leavers, declared, primary, result);
  if (newcomers.length > 0 && !primary)
    result.problems.push(`no member is primary: ${newcomers.map((m) => m.name).join(", ")} cannot be cloned`);
  if (result.problems.length > 0) return result;

  result.steps.push(...leftoverSteps(observed), ...startSteps(observed, declared));
  const existing = declared.members.filter((m) => facts.get(m.name)?.hasData);
  const poolers = observed.poolers.filter((p) => p.running && declared.poolers.some((d) => d.name === p.name));
  const unreachable = observed.poolers.filter((p) => !p.reachable);
  // Fewer connections: pools shrink before the servers do. More: the servers grow first.
  const shrinks = primary !== undefined && lowersConnections(primary, declared);
  if (shrinks) result.steps.push(...poolerSteps(observed, declared));
  const before = result.steps.length;
  memberSteps(
    {
      members: existing,
      facts,
      primary: primary?.name ?? declared.primary,
      restart: declared.restart,
      poolers: poolers.map((p) => p.name),
      classify,
    },
    result,
  );
  if (result.steps.slice(before).some((s) => s.kind === "restart") && unreachable.length > 0) {
    result.problems.push(
      `pooler ${unreachable.map((p) => p.name).join(", ")} cannot be reached, so its clients could not be held back while servers restart. Nothing was changed.`,
    );
  }
  if (result.problems.length > 0) return { ...result, steps: [] };
  if (primary) result.steps.push(...slotSteps(primary, declared, newcomers), ...cloneSteps(primary, facts, newcomers));
  if (!shrinks) result.steps.push(...poolerSteps(observed, declared));
  if (primary) result.steps.push(...leaverSteps(primary, leavers, declared));
  return result;
}

function lowersConnections(primary: MemberFacts, declared: DeclaredFleet): boolean {
  const to = fiveOf(declared.members.find((m) => m.name === primary.name)?.settings ?? {}).max_connections;
  const from = primary.running5.max_connections;
  return to !== undefined && from !== undefined && to < from;
}

/** What a run that died left on poolers is taken back first. */
function leftoverSteps(observed: ObservedFleet): Step[] {
  const steps: Step[] = [];
  const paused = observed.poolers.filter((p) => p.paused.length > 0).map((p) => p.name);
  const drained = observed.poolers.filter((p) => p.drained.length > 0).map((p) => p.name);
  if (paused.length > 0) steps.push({ kind: "resume", poolers: paused, reason: "an earlier run left it paused" });
  if (drained.length > 0)
    steps.push({ kind: "undrain", poolers: drained, reason: "an earlier run left replicas out of its read pool" });
  return steps;
}

function findPrimary(observed: ObservedFleet, declared: DeclaredFleet, result: Plan): MemberFacts | undefined {
  const primaries = observed.members.filter((m) => m.role === "primary");
  if (primaries.length > 1) {
    result.problems.push(
      `more than one member is writable: ${primaries.map((m) => m.name).join(", ")}. Stop all but the right one; nothing was changed.`,
    );
    return undefined;
  }
  const [primary] = primaries;
  if (primary && primary.name !== declared.primary && declared.members.some((m) => m.name === declared.primary)) {
    result.problems.push(
      `${declared.primary} is declared primary, but ${primary.name} is. Moving the primary is a switchover, which is not built yet: declare ${primary.name} as primary.`,
    );
  }
  if (!primary) {
    const known = observed.members.find((m) => m.name === declared.primary);
    if (known && !known.reachable)
      result.problems.push(`the primary ${declared.primary} cannot be reached: nothing was changed.`);
    else if (known?.hasData && known.running)
      result.problems.push(
        `${declared.primary} is declared primary but is in recovery, and no other member is primary. Nothing was changed.`,
      );
    else if (!known?.hasData && observed.members.some((m) => m.hasData)) {
      result.problems.push(
        `${declared.primary} is declared primary and has no data, while ${observed.members
          .filter((m) => m.hasData)
          .map((m) => m.name)
          .join(", ")} has: declare one of those as primary.`,
      );
    } else if (!known?.hasData)
      result.problems.push(
        "no member has data, though the cluster was made before. Restore its data, or destroy the stack to begin anew.",
      );
  }
  return primary;
}

function checkLeavers(
  leavers: MemberFacts[],
  declared: DeclaredFleet,
  primary: MemberFacts | undefined,
  result: Plan,
): void {
  for (const leaver of leavers) {
    if (leaver.name === primary?.name) {
      result.problems.push(
        `${leaver.name} is the primary and was removed from the config. Make another member primary first.`,
      );
    } else if (!leaver.reachable && !declared.gone.includes(leaver.name)) {
      result.problems.push(
        `${leaver.name} was removed from the config but cannot be reached, so it cannot be stopped. If it is gone for good, say so: gone: [${leaver.name}].`,
      );
    }
  }
}

/** What has data and a generation and does not run is started as it is; its files never break the standby rule. */
function startSteps(observed: ObservedFleet, declared: DeclaredFleet): Step[] {
  const order = (m: MemberFacts): number => (m.name === declared.primary ? 0 : 1);
  return observed.members
    .filter((m) => declared.members.some((d) => d.name === m.name) && m.reachable && m.hasData && !m.running)
    .sort((a, b) => order(a) - order(b))
    .map((m): Step => ({ kind: "start", member: m.name, reason: "it does not run" }));
}

function slotSteps(primary: MemberFacts, declared: DeclaredFleet, newcomers: { name: string }[]): Step[] {
  const steps: Step[] = [];
  if (newcomers.length > 0)
    steps.push({ kind: "register", members: newcomers.map((m) => m.name), reason: "new members" });
  for (const member of declared.members) {
    if (member.name === primary.name || primary.slots.some((slot) => slot.name === member.slot)) continue;
    steps.push({ kind: "reserve-slot", on: primary.name, slot: member.slot, reason: `${member.name} streams from it` });
  }
  return steps;
}

function cloneSteps(primary: MemberFacts, facts: Map<string, MemberFacts>, newcomers: { name: string }[]): Step[] {
  const steps: Step[] = [];
  for (const { name } of newcomers) {
    if (facts.get(name)?.reachable === false) continue;
    steps.push({ kind: "clone", member: name, from: primary.name, reason: "it has no data" });
  }
  for (const { name } of newcomers) {
    if (facts.get(name)?.reachable === false) continue;
    steps.push({ kind: "wait-streaming", member: name, reason: "it is new" });
  }
  return steps;
}

function poolerSteps(observed: ObservedFleet, declared: DeclaredFleet): Step[] {
  const steps: Step[] = [];
  for (const pooler of declared.poolers) {
    const facts = observed.poolers.find((p) => p.name === pooler.name);
    if (facts && !facts.reachable) continue;
    if (facts?.generation !== pooler.generation) {
      steps.push({
        kind: "switch-pooler",
        pooler: pooler.name,
        generation: pooler.generation,
        reason: facts?.generation ? "its files changed" : "it is new",
      });
    } else if (!facts.running) steps.push({ kind: "start-pooler", pooler: pooler.name, reason: "it does not run" });
    else if (facts.differences.length > 0)
      steps.push({
        kind: "switch-pooler",
        pooler: pooler.name,
        generation: pooler.generation,
        reason: facts.differences.join(", "),
      });
  }
  for (const pooler of observed.poolers) {
    if (!declared.poolers.some((p) => p.name === pooler.name))
      steps.push({ kind: "stop-pooler", pooler: pooler.name, reason: "it is no longer declared" });
  }
  return steps;
}

function leaverSteps(primary: MemberFacts, leavers: MemberFacts[], declared: DeclaredFleet): Step[] {
  const steps: Step[] = leavers
    .filter((m) => m.reachable)
    .map((m) => ({ kind: "stop", member: m.name, reason: "it is no longer declared" }));
  const wanted = new Set(declared.members.filter((m) => m.name !== primary.name).map((m) => m.slot));
  for (const leaver of leavers) {
    const slot = slotName(leaver.name);
    if (!wanted.has(slot) && primary.slots.some((s) => s.name === slot))
      steps.push({ kind: "drop-slot", on: primary.name, slot, reason: `${leaver.name} left` });
  }
  if (leavers.length > 0)
    steps.push({
      kind: "deregister",
      members: leavers.map((m) => m.name),
      reason: "no longer declared; its data stays",
    });
  return steps;
}
