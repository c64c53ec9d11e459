/**
 * The order in which members change.
 *
 * The hot-standby five are never smaller on a standby than on its primary, in what runs and in what a reboot
 * would run, so their direction decides: raised on standbys first, lowered on the primary first. With both
 * directions in one change, standbys first take the larger of old and new (a hold), the primary follows, and
 * the hold goes once each standby has replayed the primary's change. Everything else: replicas one by one,
 * primary last.
 */

import { directions, HOT_STANDBY_FIVE, type MemberChange, memberChange } from "./changes.ts";
import type { Classify, DeclaredFleet, DeclaredMember, MemberFacts, Plan, Step } from "./types.ts";

export interface Ordering {
  members: DeclaredMember[];
  facts: Map<string, MemberFacts>;
  /** Name of the live primary. */
  primary: string;
  restart: DeclaredFleet["restart"];
  classify: Classify;
}

export function memberSteps(ordering: Ordering, into: Plan): void {
  const changes = ordering.members.map((m) => memberChange(m, ordering.facts.get(m.name)!, ordering.classify));
  const primary = changes.find((c) => c.member.name === ordering.primary);
  const standbys = changes.filter((c) => c !== primary);
  if (ordering.restart === "manual") {
    for (const change of [...standbys, ...(primary ? [primary] : [])]) manual(change, into);
    return;
  }
  const { raises, lowers } = primary
    ? directions(primary.member.settings, highest(changes))
    : { raises: [], lowers: [] };
  if (lowers.length > 0 && raises.length === 0 && primary) {
    into.steps.push(...changeSteps(primary));
    for (const standby of standbys) {
      into.steps.push({
        kind: "wait-replay",
        member: standby.member.name,
        reason: `${lowers.join(", ")} lowered on the primary`,
      });
      into.steps.push(...changeSteps(standby));
    }
    return;
  }
  const both = lowers.length > 0 && raises.length > 0;
  for (const standby of standbys) {
    if (both) into.steps.push(holdOld(standby, lowers));
    into.steps.push(...changeSteps(standby));
  }
  if (primary) into.steps.push(...changeSteps(primary));
  for (const standby of standbys) {
    const held = both || Object.keys(standby.facts.held).length > 0;
    if (!held) continue;
    into.steps.push({
      kind: "wait-replay",
      member: standby.member.name,
      reason: `${lowers.join(", ") || "a held value"} lowered on the primary`,
    });
    into.steps.push({ kind: "release", member: standby.member.name, reason: "replayed" });
    into.steps.push({ kind: "restart", member: standby.member.name, reason: "the held values go" });
  }
  if (
    primary &&
    Object.keys(primary.facts.held).length > 0 &&
    !into.steps.some((s) => s.kind === "restart" && s.member === primary.member.name)
  ) {
    into.steps.push({ kind: "release", member: primary.member.name, reason: "no longer needed" });
  }
}

/** The largest value of each of the five that any member runs with. */
function highest(changes: MemberChange[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { facts } of changes) {
    for (const [name, value] of Object.entries(facts.running5)) values[name] = Math.max(values[name] ?? 0, value);
  }
  return values;
}

function holdOld(standby: MemberChange, lowers: string[]): Step {
  const settings = Object.fromEntries(lowers.map((name) => [name, String(standby.facts.running5[name])]));
  return {
    kind: "hold",
    member: standby.member.name,
    settings,
    reason: "raised and lowered at once: standbys take the larger values first",
  };
}

function changeSteps(change: MemberChange): Step[] {
  const { member, facts } = change;
  const steps: Step[] = [];
  if (change.switches)
    steps.push({ kind: "switch", member: member.name, generation: member.generation, reason: change.why });
  else if (facts.filesNewerThanLoad)
    steps.push({
      kind: "reload",
      member: member.name,
      reason: "its files were written after the server last read them",
    });
  if (change.restart) steps.push({ kind: "restart", member: member.name, reason: change.why });
  return steps;
}

/** Under `manual` nothing restarts, and a reboot must not change the five either: they are held as they run. */
function manual(change: MemberChange, into: Plan): void {
  const { member, facts } = change;
  const five = HOT_STANDBY_FIVE.filter(
    (name) =>
      facts.running5[name] !== undefined &&
      member.settings[name] !== undefined &&
      Number(member.settings[name]) !== facts.running5[name],
  );
  if (five.length > 0) {
    const settings = Object.fromEntries(five.map((name) => [name, String(facts.running5[name])]));
    const same =
      five.every((name) => facts.held[name] === settings[name]) && Object.keys(facts.held).length === five.length;
    if (!same)
      into.steps.push({
        kind: "hold",
        member: member.name,
        settings,
        reason: "restart: manual; a reboot must not change these before their turn",
      });
  }
  into.steps.push(...changeSteps({ ...change, restart: false }));
  if (change.restart || five.length > 0) into.pending.push(`${member.name}: restart for ${change.why}`);
}
