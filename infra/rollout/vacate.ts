/** How a member gives up its work before its machine goes away for a while: who may, who takes over, in which steps. */

import { plan as makePlan } from "./plan.ts";
import type { Classify, DeclaredFleet, DeclaredMember, MemberFacts, ObservedFleet, Plan, Step } from "./types.ts";

/** What the registry says of a member: all there is without a declaration. */
export interface RegisteredPlace {
  name: string;
  address: string;
  slot: string;
  /** Member that it was last declared to stream from; "" for the primary. */
  upstream: string;
  /** Folder of the files in force. */
  files: string;
}

export const NOT_STREAMING = "does not stream";

/** Why the others cannot do without this member now, a line each. One that does not run is missed by nobody. */
export function missedBy(observed: ObservedFleet, leaving: string): string[] {
  if (!observed.members.find((m) => m.name === leaving)?.running) return [];
  const missed = observed.members
    .filter((m) => m.name !== leaving)
    .flatMap((m) => {
      if (!m.reachable) return [`${m.name} cannot be reached`];
      if (!m.running) return [`${m.name} does not run`];
      return m.role === "replica" && !m.streaming ? [`${m.name} ${NOT_STREAMING}`] : [];
    });
  const primaries = observed.members.filter((m) => m.role === "primary").length;
  return missed.length > 0 || primaries === 1 ? missed : [`${primaries === 0 ? "nobody" : "more than one"} is primary`];
}

/** Where a standby gets its WAL: its conninfo in force, with what is held above its files. */
const conninfoOf = (facts: MemberFacts): string | undefined =>
  facts.held.primary_conninfo ?? facts.settings.primary_conninfo;

/** It streams, or will stream, from the server at this address. */
export const leadsTo = (facts: MemberFacts, address: string): boolean =>
  /(?:^|\s)host=(\S+)/.exec(conninfoOf(facts) ?? "")?.[1] === address;

/**
 * Who takes over from the primary: one that streams, from the primary itself if there is such a one, and rather one
 * with as much memory. Undefined: nobody can.
 *
 * @param memoryMb member → memory of its host, as far as known
 */
export function successor(
  observed: ObservedFleet,
  primary: MemberFacts,
  memoryMb: Record<string, number>,
): string | undefined {
  const rank = (m: MemberFacts): number[] => [
    leadsTo(m, primary.address) ? 0 : 1,
    (memoryMb[m.name] ?? 0) >= (memoryMb[primary.name] ?? 0) ? 0 : 1,
    -(memoryMb[m.name] ?? 0),
  ];
  const able = observed.members.filter((m) => m.reachable && m.running && m.role === "replica" && m.streaming);
  return able.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    const at = x.findIndex((value, i) => value !== y[i]);
    return at < 0 ? (a.name < b.name ? -1 : 1) : x[at]! - y[at]!;
  })[0]?.name;
}

/**
 * The fleet as it is, with another primary: generations and settings as in force, and nothing restarts. Who streamed from
 * the old primary is led to the new one by a hold, which goes when the declared files are put in force again.
 */
export function movePlan(
  observed: ObservedFleet,
  places: RegisteredPlace[],
  to: string,
  tls: DeclaredFleet["tls"],
  classify: Classify,
): Plan {
  // What else poolers need is Rollout's: with its files put in force anew one would lead to the old primary again.
  const poolers = observed.poolers.filter((p) => p.running || !p.reachable).map((p) => ({ ...p, differences: [] }));
  const fleet = { ...observed, poolers };
  return makePlan(fleet, withPrimary(fleet, places, to, tls), classify);
}

function withPrimary(
  observed: ObservedFleet,
  places: RegisteredPlace[],
  to: string,
  tls: DeclaredFleet["tls"],
): DeclaredFleet {
  const from = observed.members.find((m) => m.role === "primary")!;
  const place = (name: string): RegisteredPlace => places.find((p) => p.name === name)!;
  const fresh = observed.members.find((m) => m.name === to)!;
  const member = (facts: MemberFacts): DeclaredMember => {
    const { slot, upstream, address } = place(facts.name);
    const moves = facts !== fresh && (facts === from || leadsTo(facts, from.address));
    return {
      name: facts.name,
      generation: facts.generation,
      settings: facts.settings,
      slot,
      address,
      reclone: facts.recloned,
      upstream: facts === fresh || moves ? "" : upstream,
      ...(moves ? { held: follow(facts, place(facts.name), fresh, place(to)) } : {}),
    };
  };
  return {
    primary: to,
    restart: "manual",
    gone: [],
    ...(tls ? { tls } : {}),
    poolers: observed.poolers.map(({ name, generation }) => ({ name, generation })),
    members: observed.members.map(member),
  };
}

/** A primary has no conninfo of its own: then it takes its successor's, which differs in names and folders only. */
function follow(
  facts: MemberFacts,
  own: RegisteredPlace,
  fresh: MemberFacts,
  to: RegisteredPlace,
): Record<string, string> {
  const conninfo =
    conninfoOf(facts) ??
    (conninfoOf(fresh) ?? "")
      .replaceAll(to.files, own.files)
      .replace(/(^|\s)application_name=\S+/, `$1application_name=${own.name}`);
  return {
    primary_conninfo: conninfo.replace(/(^|\s)host=\S+/, `$1host=${to.address}`),
    primary_slot_name: own.slot,
  };
}

/** A replica, or a primary that stops with the writes it serves; clients are held back as the policy says. */
export function haltSteps(facts: MemberFacts, poolers: string[], reason: string): Step[] {
  const { name: member } = facts;
  const steps: Step[] = [];
  if (!facts.running) return steps;
  if (facts.role === "replica") {
    if (poolers.length > 0) steps.push({ kind: "drain", member, poolers, reason });
    return [...steps, { kind: "halt", member, reason }];
  }
  steps.push({ kind: "checkpoint", member, reason: "so that its stop is short" });
  if (poolers.length > 0) steps.push({ kind: "pause", member, poolers, reason });
  steps.push({ kind: "halt", member, reason });
  if (poolers.length > 0)
    steps.push({ kind: "resume", poolers, atLimit: true, reason: "nothing answers them until it is back" });
  return steps;
}

export const planOf = (primary: string, steps: Step[]): Plan => ({
  source: "live",
  primary,
  steps,
  problems: [],
  pending: [],
});
