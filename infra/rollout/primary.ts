/**
 * Who is primary: by what runs, never by what is declared. Where nobody is, who becomes it again without losing a
 * commit; where that cannot be known, a problem that says what to do.
 */

import { fiveOf } from "./changes.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

export const RUNBOOK = "docs/members.md, “When the primary is lost”";

export interface Primacy {
  /** Primary once `first` is done; facts as they are then. */
  primary: MemberFacts;
  /** What makes it primary. */
  first: Step[];
  /** Members with data of a former primary: started as they are, they would be a second one. */
  former: MemberFacts[];
}

const names = (members: MemberFacts[]): string => members.map((m) => m.name).join(", ");

/** @returns undefined when there is none; then `into.problems` says why, unless the cluster is new */
export function findPrimary(observed: ObservedFleet, declared: DeclaredFleet, into: Plan): Primacy | undefined {
  const writable = observed.members.filter((m) => m.role === "primary");
  // Started, these would be primaries.
  const sleeping = observed.members.filter((m) => m.reachable && m.hasData && !m.running && !m.standby);
  if (writable.length > 1) {
    into.problems.push(
      `more than one member is writable: ${names(writable)}. Stop all but the right one; nothing was changed.`,
    );
    return undefined;
  }
  if (writable.length === 1) return { primary: writable[0]!, first: [], former: sleeping };
  if (sleeping.length > 1) {
    into.problems.push(
      `no primary runs, and each of ${names(sleeping)} would start as one. Start the right one by hand, or move the data of the others aside; nothing was changed.`,
    );
    return undefined;
  }
  const [only] = sleeping;
  if (only) return wake(only, observed, declared, into);
  return observed.switchover ? finishSwitchover(observed, declared, into) : nobody(observed, declared, into);
}

/** The one server that would start as primary: started, unless another that cannot be seen may be primary by now. */
function wake(only: MemberFacts, observed: ObservedFleet, declared: DeclaredFleet, into: Plan): Primacy | undefined {
  const unseen = observed.members.filter((m) => !m.reachable && !declared.gone.includes(m.name));
  if (only.name !== declared.primary && unseen.length > 0) {
    into.problems.push(
      `${only.name} was primary and does not run, and ${names(unseen)} cannot be reached and may have taken over. Nothing was changed; see ${RUNBOOK}.`,
    );
    return undefined;
  }
  const first: Step[] = [{ kind: "start", member: only.name, reason: "it does not run" }];
  return { primary: asPrimary(only), first, former: [] };
}

/** A server that is started runs with what its files say. */
function asPrimary(member: MemberFacts): MemberFacts {
  const running5 = member.running ? member.running5 : fiveOf({ ...member.settings, ...member.held });
  return { ...member, role: "primary", running: true, standby: false, running5 };
}

/** Old and new primary are both standbys: the declared one of the two is made primary. */
function finishSwitchover(observed: ObservedFleet, declared: DeclaredFleet, into: Plan): Primacy | undefined {
  const { from, to } = observed.switchover!;
  const facts = (name: string): MemberFacts | undefined => observed.members.find((m) => m.name === name);
  const [old, fresh] = [facts(from), facts(to)];
  const seen = (m: MemberFacts | undefined): m is MemberFacts => m?.reachable === true && m.hasData;
  if (!seen(old) || !seen(fresh)) {
    into.problems.push(
      `a switchover from ${from} to ${to} was not finished, and ${!seen(old) ? from : to} cannot be reached: which of the two may be primary cannot be known. Nothing was changed; see ${RUNBOOK}.`,
    );
    return undefined;
  }
  if (declared.primary !== from && declared.primary !== to) {
    into.problems.push(
      `a switchover from ${from} to ${to} was not finished: declare one of the two as primary first, ${declared.primary} later.`,
    );
    return undefined;
  }
  const reason = `the switchover from ${from} to ${to} was not finished`;
  const start = (m: MemberFacts): Step[] =>
    m.running ? [] : [{ kind: "start", member: m.name, reason: "it does not run" }];
  const [chosen, first]: [MemberFacts, Step[]] =
    declared.primary === to
      ? [fresh, [...start(fresh), { kind: "promote", member: to, from, reason }]]
      : [old, [{ kind: "reinstate", member: from, successor: to, reason }]];
  return { primary: asPrimary(chosen), first, former: [] };
}

function nobody(observed: ObservedFleet, declared: DeclaredFleet, into: Plan): undefined {
  const known = observed.members.find((m) => m.name === declared.primary);
  const having = observed.members.filter((m) => m.hasData);
  if (known && !known.reachable)
    into.problems.push(
      `the primary ${declared.primary} cannot be reached: nothing was changed. If it is lost for good, see ${RUNBOOK}.`,
    );
  else if (known?.hasData)
    into.problems.push(
      `${declared.primary} is declared primary but is in recovery, and no other member is primary. Nothing was changed; see ${RUNBOOK}.`,
    );
  else if (having.length > 0)
    into.problems.push(
      `${declared.primary} is declared primary and has no data, while ${names(having)} has: declare one of those as primary.`,
    );
  else
    into.problems.push(
      "no member has data, though the cluster was made before. Restore its data, or destroy the stack to begin anew.",
    );
  return undefined;
}
