/** What a member's change needs, from the texts of its configuration before and after. */

import type { ChangeClass } from "../tuning/types.ts";
import type { Classify, DeclaredMember, MemberFacts } from "./types.ts";

export const HOT_STANDBY_FIVE = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

export interface ParameterChange {
  name: string;
  from: string | undefined;
  to: string | undefined;
  class: ChangeClass;
}

export function parameterChanges(
  before: Record<string, string>,
  after: Record<string, string>,
  classify: Classify,
): ParameterChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, from: before[name], to: after[name], class: classify(name) }));
}

const needsRestart = (c: ChangeClass): boolean => c === "restart" || c === "ordered-restart";

export interface MemberChange {
  member: DeclaredMember;
  facts: MemberFacts;
  /** Its generation is not the declared one. */
  switches: boolean;
  restart: boolean;
  /** e.g. "shared_buffers 128MB → 256MB". */
  why: string;
}

export function memberChange(member: DeclaredMember, facts: MemberFacts, classify: Classify): MemberChange {
  const changes = parameterChanges(facts.settings, member.settings, classify);
  const restarting = changes.filter((c) => needsRestart(c.class));
  const switches = facts.generation !== member.generation;
  // A restart that an earlier run left behind is due as well, unless the value went back in the meantime.
  const left = facts.pendingRestart.filter((name) => !changes.some((c) => c.name === name));
  const lines = (restarting.length > 0 ? restarting : changes).map(
    (c) => `${c.name} ${c.from ?? "unset"} → ${c.to ?? "unset"}`,
  );
  return {
    member,
    facts,
    switches,
    restart: (switches && restarting.length > 0) || left.length > 0,
    why: [...lines, ...left.map((name) => `${name} waits for a restart`)].join(", ") || "files changed",
  };
}

/** -1: the declared value is smaller than the primary runs with, 1: larger, 0: equal or unknown. */
export function directions(
  declared: Record<string, string>,
  running: Record<string, number>,
): { raises: string[]; lowers: string[] } {
  const raises: string[] = [];
  const lowers: string[] = [];
  for (const name of HOT_STANDBY_FIVE) {
    const to = Number(declared[name]);
    const from = running[name];
    if (from === undefined || !Number.isFinite(to)) continue;
    if (to > from) raises.push(name);
    if (to < from) lowers.push(name);
  }
  return { raises, lowers };
}
