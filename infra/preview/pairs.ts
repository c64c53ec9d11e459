/** Which host of the base is which host of the head. */

import { slotName } from "../rendering/names.ts";
import type { PlanFile, PlanHost } from "./plan-file.ts";

export interface HostPair {
  before: PlanHost | undefined;
  after: PlanHost | undefined;
}

/** What a host is for; its place in a rename. A member can become primary, but no pooler a member. */
const kind = (host: PlanHost): string => (host.role === "primary" || host.role === "replica" ? "member" : host.role);

/** Hosts of the head in their order, then those that are gone. The same address under a new name is a rename. */
export function pairHosts(before: PlanFile, after: PlanFile): HostPair[] {
  const old = new Map(before.hosts.map((host) => [host.name, host]));
  const names = new Set(after.hosts.map((host) => host.name));
  const left = before.hosts.filter((host) => !names.has(host.name));
  const byAddress = new Map(left.map((host) => [`${kind(host)} ${host.address}`, host]));
  const renamed = new Set<PlanHost>();
  const pairs = after.hosts.map((host): HostPair => {
    const same = old.get(host.name);
    if (same) return { before: same, after: host };
    const former = byAddress.get(`${kind(host)} ${host.address}`);
    if (former) renamed.add(former);
    return { before: former, after: host };
  });
  return [...pairs, ...left.filter((host) => !renamed.has(host)).map((host) => ({ before: host, after: undefined }))];
}

/**
 * For a new host, one of its kind that was there before, else one that comes before it; of the same role if there is one.
 * Nothing for a host that is not new, or the first of its kind.
 */
export function models(pairs: readonly HostPair[]): (pair: HostPair) => PlanHost | undefined {
  const first = new Map<string, PlanHost>();
  for (const old of [true, false])
    for (const { before, after } of pairs)
      if (after && (before !== undefined) === old)
        for (const key of [after.role, `kind ${kind(after)}`]) if (!first.has(key)) first.set(key, after);
  return ({ before, after }) => {
    if (before || !after) return undefined;
    const [same, alike] = [first.get(after.role), first.get(`kind ${kind(after)}`)];
    return same !== after ? same : alike !== after ? alike : undefined;
  };
}

/** Puts the new name in the place of the old one, also in the name of its slot; other words that hold it stay. */
export function rename(text: string, from: string, to: string): string {
  return replaceWord(replaceWord(text, slotName(from), slotName(to)), from, to);
}

export function replaceWord(text: string, from: string, to: string): string {
  if (from === to || !text.includes(from)) return text;
  const word = new RegExp(`(?<![A-Za-z0-9_-])${from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![A-Za-z0-9_-])`, "g");
  return text.replace(word, () => to);
}
