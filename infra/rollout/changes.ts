/** What a member's change needs, from the texts of its configuration before and after. */

import { hotStandbyParameters } from "../config/owned-parameters.ts";
import type { ChangeClass } from "../tuning/types.ts";
import type { Classify, DeclaredMember, MemberFacts } from "./types.ts";

export type Five = Partial<Record<(typeof hotStandbyParameters)[number], number>>;

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
  const changed = Object.keys(after).filter((name) => before[name] !== after[name]);
  const gone = Object.keys(before).filter((name) => after[name] === undefined);
  return [...changed, ...gone]
    .sort()
    .map((name) => ({ name, from: before[name], to: after[name], class: classify(name) }));
}

export interface MemberChange {
  member: DeclaredMember;
  facts: MemberFacts;
  /** Its generation is not the declared one. */
  switches: boolean;
  /** A parameter outside the five needs a restart, or one is left from before. */
  restart: boolean;
  /** e.g. "shared_buffers 128MB → 256MB". */
  why: string;
  /** Declared values of the five. */
  declared: Five;
  /** What it runs with; of a stopped server what its files say. */
  running: Five;
  /** What a reboot would give it now. */
  onDisk: Five;
}

export function memberChange(member: DeclaredMember, facts: MemberFacts, classify: Classify): MemberChange {
  const changes = parameterChanges(facts.settings, member.settings, classify);
  const five = (name: string): boolean => (hotStandbyParameters as readonly string[]).includes(name);
  const restarting = changes.filter((c) => c.class === "restart" || c.class === "ordered-restart");
  const switches = facts.generation !== member.generation;
  // A restart that an earlier run left behind is due as well, unless the value went back in the meantime.
  const left = facts.pendingRestart.filter((name) => !five(name) && !changes.some((c) => c.name === name));
  const lines = (restarting.length > 0 ? restarting : changes).map(
    (c) => `${c.name} ${c.from ?? "unset"} → ${c.to ?? "unset"}`,
  );
  const onDisk = { ...fiveOf(facts.settings), ...fiveOf(facts.held) };
  return {
    member,
    facts,
    switches,
    restart: (switches && restarting.some((c) => !five(c.name))) || left.length > 0,
    why: [...lines, ...left.map((name) => `${name} waits for a restart`)].join(", ") || "files changed",
    declared: fiveOf(member.settings),
    running: facts.running ? facts.running5 : onDisk,
    onDisk,
  };
}

export function fiveOf(settings: Record<string, string>): Five {
  const five: Five = {};
  for (const name of hotStandbyParameters) {
    const value = Number(settings[name]);
    if (settings[name] !== undefined && Number.isFinite(value)) five[name] = value;
  }
  return five;
}

/** The larger of each. */
export function highest(...all: Five[]): Five {
  const result: Five = {};
  for (const five of all)
    for (const name of hotStandbyParameters)
      if (five[name] !== undefined) result[name] = Math.max(result[name] ?? 0, five[name]!);
  return result;
}

/** Names where `a` has another value than `b`; what either does not know does not count. */
export function differing(a: Five, b: Five): (typeof hotStandbyParameters)[number][] {
  return hotStandbyParameters.filter((name) => a[name] !== undefined && b[name] !== undefined && a[name] !== b[name]);
}

/** Values of `target` that differ from `base`'s, as settings. */
export function above(target: Five, base: Five): Record<string, string> {
  return Object.fromEntries(differing(target, base).map((name) => [name, String(target[name])]));
}

/** True when each of `a` is at least `b`'s. */
export function covers(a: Five, b: Five): boolean {
  return hotStandbyParameters.every((name) => a[name] === undefined || b[name] === undefined || a[name]! >= b[name]!);
}
