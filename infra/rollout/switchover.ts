/**
 * A planned switchover: the primary moves to a standby that has all of its WAL, while clients wait.
 *
 * Standbys take their new files first and stream from the successor already, as cascaded standbys; the successor
 * itself keeps following the old primary by a hold. Under pause the old primary stops cleanly and is made a standby
 * for good before the successor is promoted, so two servers are never writable. What lowers the hot-standby five
 * comes afterwards, with the new primary.
 */

import { differing, highest, type MemberChange } from "./changes.ts";
import { type Membership, slotSteps } from "./membership.ts";
import {
  checkAway,
  fileSteps,
  floorOf,
  holdFor,
  holdSteps,
  lastSteps,
  manual,
  type Ordering,
  resetSteps,
  settled,
  standbySteps,
  standbysOf,
  targetOf,
} from "./order.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

/** Where a standby gets its WAL; the successor keeps these until it is primary. */
const FOLLOWING = ["primary_conninfo", "primary_slot_name"] as const;

/** Whether the declared primary can take over from the live one. */
export function checkMove(
  observed: ObservedFleet,
  declared: DeclaredFleet,
  primary: MemberFacts,
  { newcomers, leavers }: Membership,
  into: Plan,
): void {
  const to = declared.primary;
  const facts = observed.members.find((m) => m.name === to);
  const move = `the primary cannot move from ${primary.name} to ${to}`;
  if (leavers.some((m) => m.name === primary.name)) return;
  if (newcomers.some((m) => m.name === to))
    into.problems.push(`${move}: ${to} has no data yet. Add it as a replica first, then make it primary.`);
  else if (!facts?.reachable) into.problems.push(`${move}: ${to} cannot be reached. Nothing was changed.`);
  else if (!facts.standby && !facts.running)
    into.problems.push(
      `${move}: ${to} was primary before and does not follow it. Declare ${primary.name} as primary, so that ${to} can join it again; then move.`,
    );
  else if (facts.running && !facts.streaming)
    into.problems.push(
      `${move}: ${to} does not stream, so it may not have every commit. Nothing was changed; mend ${to} with ${primary.name} as primary first.`,
    );
}

/** @param poolers what poolers need; their new files lead to the new primary */
export function switchoverSteps(ordering: Ordering, to: string, poolers: Step[], into: Plan): void {
  const old = ordering.changes.find((c) => c.member.name === ordering.primary)!;
  const fresh = ordering.changes.find((c) => c.member.name === to)!;
  const rolling = ordering.restart === "rolling";
  into.steps.push(...resetSteps(ordering.changes));
  checkAway(ordering, old, into);
  if (into.problems.length > 0) return;

  const following = followingOf(fresh, old.facts.address);
  const after = new Map<string, MemberChange>();
  into.steps.push(
    ...slotSteps([{ ...fresh.member, upstream: "" }], old.member.name, new Map([[old.member.name, old.facts]])),
  );
  // The successor first: nobody may stream from it before it streams from the old primary itself.
  for (const standby of [fresh, ...standbysOf(ordering).filter((c) => c !== fresh)]) {
    const also = standby === fresh ? following : {};
    // Nor may any be below what the successor runs with: it is the next primary.
    const floor = highest(floorOf(old), after.get(to)?.running ?? {});
    const target = rolling ? targetOf(standby, floor) : standby.running;
    if (rolling) into.steps.push(...standbySteps(standby, target, ordering.poolers, also));
    else manual(standby, into, also);
    after.set(standby.member.name, settled(standby, target));
  }
  // The old primary restarts as a standby: of what is lowered it keeps what the new one runs with.
  const target = highest(old.running, old.onDisk, rolling ? old.declared : {}, after.get(to)!.running);
  into.steps.push(...fileSteps(old, holdFor(old, target)));
  after.set(old.member.name, settled(old, target));

  into.steps.push(...moveSteps(old.member.name, to, ordering.poolers));
  into.steps.push(...holdSteps(to, { ...after.get(to)!.facts.held, ...following }, after.get(to)!.facts.held));
  into.steps.push({ kind: "wait-streaming", member: old.member.name, reason: `it follows ${to}` }, ...poolers);
  if (!rolling) return;
  const lowered = (c: MemberChange): boolean => differing(c.running, c.declared).length > 0;
  const rest = [...after.values()].filter((c) => c.member.name !== to && lowered(c));
  lastSteps(after.get(to), rest, ordering.poolers, into);
}

/** Clients wait from pause to resume. */
function moveSteps(from: string, to: string, poolers: string[]): Step[] {
  const reason = `${to} is declared primary`;
  const steps: Step[] = [
    { kind: "check-switchover", from, to, reason },
    { kind: "checkpoint", member: from, reason: "so that its stop is short" },
  ];
  if (poolers.length > 0) steps.push({ kind: "pause", member: from, poolers, reason: `the primary moves to ${to}` });
  steps.push({ kind: "demote", member: from, to, reason }, { kind: "promote", member: to, from, reason });
  if (poolers.length > 0) {
    steps.push({ kind: "repoint", to, poolers, reason: `${to} is primary` });
    steps.push({ kind: "resume", poolers, reason: `${to} is primary` });
  }
  steps.push({ kind: "start", member: from, reason: `as a standby of ${to}` });
  return steps;
}

/** What the successor keeps, led to the live primary: an unfinished run may have led it elsewhere. */
function followingOf(fresh: MemberChange, address: string): Record<string, string> {
  const now = { ...fresh.facts.settings, ...fresh.facts.held };
  return Object.fromEntries(
    FOLLOWING.flatMap((name) => {
      const value = now[name]?.replace(/(^|\s)host=\S+/, `$1host=${address}`);
      return value !== undefined && value !== fresh.member.settings[name] ? [[name, value]] : [];
    }),
  );
}
