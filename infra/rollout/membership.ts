/** Members that come, go, or get new data: slots, clones, and what leavers leave behind. */

import { slotName } from "../rendering/names.ts";
import type { DeclaredFleet, DeclaredMember, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

export interface Membership {
  /** Declared, without data. */
  newcomers: DeclaredMember[];
  /** Declared, with data that is to be made anew. */
  recloned: DeclaredMember[];
  /** Declared, with data that stays. */
  existing: DeclaredMember[];
  /** No longer declared. */
  leavers: MemberFacts[];
}

export function membership(observed: ObservedFleet, declared: DeclaredFleet): Membership {
  const facts = new Map(observed.members.map((m) => [m.name, m]));
  const asked = (m: DeclaredMember): boolean => m.reclone !== "" && m.reclone !== facts.get(m.name)!.recloned;
  const having = declared.members.filter((m) => facts.get(m.name)?.hasData);
  return {
    newcomers: declared.members.filter((m) => !facts.get(m.name)?.hasData),
    // What cannot be reached keeps its data until it can.
    recloned: having.filter((m) => asked(m) && facts.get(m.name)!.reachable),
    existing: having.filter((m) => !asked(m) || !facts.get(m.name)!.reachable),
    leavers: observed.members.filter((m) => !declared.members.some((d) => d.name === m.name)),
  };
}

/** What is refused whatever else the plan holds. */
export function checkMembership(
  { newcomers, recloned, leavers }: Membership,
  observed: ObservedFleet,
  declared: DeclaredFleet,
  primary: MemberFacts,
  into: Plan,
): void {
  for (const leaver of leavers) {
    const heir = newcomers.find((m) => m.address === leaver.address);
    if (heir)
      into.problems.push(
        `${leaver.name} was removed and ${heir.name} added at the same address ${heir.address}: a member is not renamed in place. Keep the name ${leaver.name}; or add ${heir.name} at another address, and remove ${leaver.name} once it streams.`,
      );
    else if (leaver.name === primary.name)
      into.problems.push(
        `${leaver.name} is the primary and was removed from the config. Make another member primary first.`,
      );
    else if (!leaver.reachable && !declared.gone.includes(leaver.name))
      into.problems.push(
        `${leaver.name} was removed from the config but cannot be reached, so it cannot be stopped. If it is gone for good, say so: gone: [${leaver.name}].`,
      );
  }
  for (const member of declared.members) {
    const facts = observed.members.find((m) => m.name === member.name);
    if (facts?.hasData && facts.address !== "" && facts.address !== member.address)
      into.problems.push(
        `${member.name} is at ${facts.address} and declared at ${member.address}: an address is not changed in place. Add a member at ${member.address}, and remove ${member.name} once it streams.`,
      );
  }
  for (const member of recloned)
    if (member.name === primary.name || member.name === declared.primary)
      into.problems.push(
        `${member.name} is ${member.name === primary.name ? "the primary" : "to become primary"}, and reclone asks for new data for it: there is no other copy to take. Make another member primary, or take the new reclone value back.`,
      );
}

/** Where a member's slot has to be. */
const upstreamOf = (member: DeclaredMember, primary: string): string => member.upstream || primary;

export function slotSteps(
  members: DeclaredMember[],
  primary: string,
  facts: Map<string, MemberFacts>,
  ready: (upstream: string) => boolean = () => true,
): Step[] {
  const steps: Step[] = [];
  for (const member of members) {
    if (member.name === primary) continue;
    const on = upstreamOf(member, primary);
    if (!ready(on) || facts.get(on)?.slots.some((slot) => slot.name === member.slot)) continue;
    steps.push({ kind: "reserve-slot", on, slot: member.slot, reason: `${member.name} streams from it` });
  }
  return steps;
}

/** Clones in waves: a member whose upstream is new comes after it. Each ends when it streams. */
export function cloneSteps(
  { newcomers, recloned, existing }: Membership,
  primary: string,
  facts: Map<string, MemberFacts>,
  poolers: string[],
): Step[] {
  const steps: Step[] = [];
  if (newcomers.length > 0)
    steps.push({ kind: "register", members: newcomers.map((m) => m.name), reason: "new members" });
  const sources = sourcesFor(existing, primary, facts);
  let waiting = newcomers.filter((m) => facts.get(m.name)?.reachable !== false);
  const without = new Set([...waiting, ...recloned].map((m) => m.name));
  let turn = 0;
  while (waiting.length > 0) {
    const wave = waiting.filter((m) => !without.has(upstreamOf(m, primary)));
    // Whose upstream is being made anew itself goes last, with a slot on whatever is there then.
    const now = wave.length > 0 ? wave : waiting;
    steps.push(...slotSteps(now, primary, facts));
    for (const m of now)
      steps.push({ kind: "clone", member: m.name, from: sources(m, turn++), reason: "it has no data" });
    for (const m of now) steps.push({ kind: "wait-streaming", member: m.name, reason: "it is new" });
    for (const m of now) without.delete(m.name);
    waiting = waiting.filter((m) => !now.includes(m));
  }
  for (const m of recloned) {
    const reason = `reclone: ${m.reclone}`;
    if (poolers.length > 0) steps.push({ kind: "drain", member: m.name, poolers, reason });
    steps.push({ kind: "set-aside", member: m.name, reason }, ...slotSteps([m], primary, facts));
    steps.push({ kind: "clone", member: m.name, from: sources(m, turn++), reason });
    steps.push({ kind: "wait-streaming", member: m.name, reason: "its data is new" });
    if (poolers.length > 0) steps.push({ kind: "undrain", poolers, reason: `${m.name} is back` });
  }
  return steps;
}

/** A replica bears the load of a clone better than the primary; several take turns. */
function sourcesFor(existing: DeclaredMember[], primary: string, facts: Map<string, MemberFacts>) {
  const replicas = existing
    .filter((m) => m.name !== primary)
    .filter(({ name }) => {
      const f = facts.get(name)!;
      return f.reachable && f.running && f.role === "replica" && f.streaming;
    })
    .map((m) => m.name);
  return (member: DeclaredMember, turn: number): string => {
    if (replicas.includes(member.upstream)) return member.upstream;
    return replicas.length > 0 ? replicas[turn % replicas.length]! : primary;
  };
}

export function leaverSteps(leavers: MemberFacts[]): Step[] {
  const steps: Step[] = leavers
    .filter((m) => m.reachable && (m.running || m.generation !== ""))
    .map((m) => ({ kind: "stop", member: m.name, reason: "it is no longer declared" }));
  return steps;
}

export function deregisterSteps(leavers: MemberFacts[]): Step[] {
  if (leavers.length === 0) return [];
  return [{ kind: "deregister", members: leavers.map((m) => m.name), reason: "no longer declared; its data stays" }];
}

/** Slots of the project's that nobody streams from any more would keep WAL for ever. */
export function orphanSlotSteps(
  { newcomers, recloned, existing, leavers }: Membership,
  primary: string,
  observed: ObservedFleet,
): Step[] {
  const declared = [...newcomers, ...recloned, ...existing];
  const ours = new Map([
    ...leavers.map((m) => [slotName(m.name), m.name] as const),
    ...declared.map((m) => [m.slot, m.name] as const),
  ]);
  const wanted = new Set(declared.filter((m) => m.name !== primary).map((m) => `${upstreamOf(m, primary)} ${m.slot}`));
  const left = new Set(leavers.map((m) => m.name));
  const steps: Step[] = [];
  for (const server of observed.members) {
    if (left.has(server.name) || !server.reachable || recloned.some((m) => m.name === server.name)) continue;
    for (const { name } of server.slots) {
      const member = ours.get(name);
      if (member === undefined || wanted.has(`${server.name} ${name}`)) continue;
      const reason = left.has(member) ? `${member} left` : `${member} does not stream from it`;
      steps.push({ kind: "drop-slot", on: server.name, slot: name, reason });
    }
  }
  return steps;
}
