/**
 * The order in which members change.
 *
 * The hot-standby five are never smaller on a standby than on its primary, in what runs and in what a reboot
 * would run. So standbys come first and take the larger of old and new (a hold keeps what is to be lowered);
 * the primary follows; then, once a standby has replayed the primary's change, its hold goes. A standby that
 * has nothing to do before the primary waits for the last part and restarts once. Everything else: replicas
 * one by one, primary last.
 */

import { above, covers, differing, type Five, highest, type MemberChange } from "./changes.ts";
import type { DeclaredFleet, Plan, Step } from "./types.ts";

export interface Ordering {
  /** Members with data that stays. */
  changes: MemberChange[];
  /** Name of the primary. */
  primary: string;
  restart: DeclaredFleet["restart"];
  /** Poolers that are up and in front of the members. */
  poolers: string[];
}

export function memberSteps(ordering: Ordering, into: Plan): void {
  into.steps.push(...resetSteps(ordering.changes));
  const primary = ordering.changes.find((c) => c.member.name === ordering.primary);
  const standbys = standbysOf(ordering);
  if (ordering.restart === "manual") {
    for (const change of [...standbys, ...(primary ? [primary] : [])]) manual(change, into);
    return;
  }
  checkAway(ordering, primary, into);
  if (into.problems.length > 0) return;

  const floor = floorOf(primary);
  const later: MemberChange[] = [];
  for (const standby of standbys) {
    const target = targetOf(standby, floor);
    const lowers = differing(target, standby.declared).length > 0;
    const enough = covers(standby.running, target) && covers(standby.onDisk, target);
    if (lowers && enough) later.push(standby);
    else {
      into.steps.push(...standbySteps(standby, target, ordering.poolers));
      if (lowers) later.push(settled(standby, target));
    }
  }
  lastSteps(primary, later, ordering.poolers, into);
}

/** The primary, and then those that waited for it. */
export function lastSteps(
  primary: MemberChange | undefined,
  later: MemberChange[],
  poolers: string[],
  into: Plan,
): void {
  if (primary) into.steps.push(...primarySteps(primary, poolers));
  for (const standby of later) {
    const lowered = differing(highest(standby.running, standby.onDisk), standby.declared).join(", ");
    into.steps.push({ kind: "wait-replay", member: standby.member.name, reason: `${lowered} lowered on the primary` });
    into.steps.push(...standbySteps(standby, standby.declared, poolers));
  }
}

export const standbysOf = (ordering: Ordering): MemberChange[] =>
  ordering.changes.filter((c) => c.member.name !== ordering.primary && c.facts.reachable);

/** What the primary has, or would have after a reboot: no standby may go below it before it is replayed. */
export const floorOf = (primary: MemberChange | undefined): Five =>
  primary ? highest(primary.running, primary.onDisk) : {};

/**
 * Nor below what it has itself: an earlier run may have lowered the primary, and this one not replayed it yet. Nor below
 * what its data asks for: while it was away the primary may have had more.
 */
export const targetOf = (standby: MemberChange, floor: Five): Five =>
  highest(standby.declared, floor, standby.running, standby.onDisk, standby.facts.needs5);

/** What was set by ALTER SYSTEM would win over the files. */
export function resetSteps(changes: MemberChange[]): Step[] {
  return changes
    .filter(({ facts }) => facts.alteredSystem.length > 0)
    .map(({ member, facts }) => ({
      kind: "reset-system",
      member: member.name,
      parameters: facts.alteredSystem,
      reason: `${facts.alteredSystem.join(", ")} set by ALTER SYSTEM`,
    }));
}

/** Members that cannot be reached wait, unless the primary would come to have more than they. */
export function checkAway(ordering: Ordering, primary: MemberChange | undefined, into: Plan): void {
  for (const { member, facts, onDisk } of ordering.changes) {
    if (member.name === ordering.primary || facts.reachable) continue;
    if (primary && !covers(onDisk, primary.declared)) {
      into.problems.push(
        `${member.name} cannot be reached, and ${differing(onDisk, primary.declared).join(", ")} must be raised on it before the primary. Nothing was changed.`,
      );
    } else into.pending.push(`${member.name} cannot be reached: its changes wait until it can`);
  }
}

/** A member as it is after its first part: on the new generation, with the larger values held. */
export function settled(change: MemberChange, target: Five): MemberChange {
  const held = holdFor(change, target);
  return {
    ...change,
    switches: false,
    restart: false,
    running: target,
    onDisk: target,
    why: "the held values go",
    facts: { ...change.facts, held, filesNewerThanLoad: false },
  };
}

/** `target` above what the generation says, and what is held in any case. */
export const holdFor = (change: MemberChange, target: Five): Record<string, string> => ({
  ...change.member.held,
  ...above(target, change.declared),
});

/** @param also held besides, whatever the generation says */
export function standbySteps(
  change: MemberChange,
  target: Five,
  poolers: string[],
  also: Record<string, string> = {},
): Step[] {
  const name = change.member.name;
  const steps = fileSteps(change, { ...holdFor(change, target), ...also });
  if (!change.restart && differing(change.running, target).length === 0) return steps;
  if (poolers.length > 0) steps.push({ kind: "drain", member: name, poolers, reason: "it restarts" });
  steps.push({ kind: "restart", member: name, reason: change.why });
  if (poolers.length > 0) steps.push({ kind: "undrain", poolers, reason: `${name} is back` });
  return steps;
}

function primarySteps(change: MemberChange, poolers: string[]): Step[] {
  const name = change.member.name;
  const steps = fileSteps(change, { ...change.member.held });
  if (!change.restart && differing(change.running, change.declared).length === 0) return steps;
  steps.push({ kind: "checkpoint", member: name, reason: "so that the restart is short" });
  if (poolers.length > 0) steps.push({ kind: "pause", member: name, poolers, reason: `${name} restarts` });
  steps.push({ kind: "restart", member: name, reason: change.why });
  if (poolers.length > 0) steps.push({ kind: "resume", poolers, reason: `${name} is back` });
  return steps;
}

/** Files: holds stand before a switch that would lower a value, and go only after it. */
export function fileSteps(change: MemberChange, hold: Record<string, string>): Step[] {
  const { member, facts } = change;
  const steps: Step[] = [];
  const during = change.switches ? { ...facts.held, ...hold } : hold;
  steps.push(...holdSteps(member.name, facts.held, during));
  if (change.switches) {
    steps.push({ kind: "switch", member: member.name, generation: member.generation, reason: change.why });
  } else if (facts.filesNewerThanLoad) {
    steps.push({
      kind: "reload",
      member: member.name,
      reason: "its files were written after the server last read them",
    });
  }
  return [...steps, ...holdSteps(member.name, during, hold)];
}

export function holdSteps(member: string, from: Record<string, string>, to: Record<string, string>): Step[] {
  const text = (settings: Record<string, string>): string => JSON.stringify(Object.entries(settings).sort());
  if (text(from) === text(to)) return [];
  if (Object.keys(to).length === 0) return [{ kind: "release", member, reason: "nothing needs to be held" }];
  return [{ kind: "hold", member, settings: to, reason: "until others have changed" }];
}

/** Under `manual` nothing restarts, and a reboot must not change the five either: they are held as they run. */
export function manual(change: MemberChange, into: Plan, also: Record<string, string> = {}): void {
  const different = differing(change.running, change.declared);
  const hold = Object.fromEntries(different.map((name) => [name, String(change.running[name])]));
  into.steps.push(...fileSteps(change, { ...change.member.held, ...hold, ...also }));
  if (change.restart || different.length > 0) into.pending.push(`${change.member.name}: restart for ${change.why}`);
}
