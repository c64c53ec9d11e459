/** The [databases] of a PgBouncer file, as far as Rollout needs them: which entry leads to which servers. */

import { readOnlyAlias } from "../../infra/rendering/names.ts";

export interface DatabaseEntry {
  alias: string;
  hosts: string[];
  /** The line as it stands. */
  line: string;
}

/** Where entries lead for a while, other than their file says. */
export interface Detour {
  /** Address that entries of the file's primary lead to; "" when to the primary itself. */
  to: string;
  /** Replicas that entries lead around; an entry that has no other server goes to `instead`. */
  without: { address: string; instead: string }[];
}

export const NO_DETOUR: Detour = { to: "", without: [] };

/** Later lines for one alias replace earlier ones, as PgBouncer reads them. */
export function databaseEntries(ini: string): DatabaseEntry[] {
  const entries = new Map<string, DatabaseEntry>();
  let section = "";
  for (const raw of ini.split("\n")) {
    const line = raw.trim();
    const head = /^\[(\w+)\]$/.exec(line);
    if (head) section = head[1]!;
    if (section !== "databases" || line === "" || /^[;#[%]/.test(line)) continue;
    const match = /^("(?:[^"]|"")+"|\S+)\s*=\s*(.*)$/.exec(line);
    if (!match) continue;
    const alias = match[1]!.replace(/^"|"$/g, "").replaceAll('""', '"');
    entries.set(alias, { alias, line, hosts: (/(?:^|\s)host=(\S+)/.exec(match[2]!)?.[1] ?? "").split(",") });
  }
  return [...entries.values()];
}

/** Address that entries for writes lead to: those that have a partner for reads only. "" when there are none. */
export function writeAddress(entries: DatabaseEntry[]): string {
  const aliases = new Set(entries.map((entry) => entry.alias));
  return entries.find((entry) => aliases.has(readOnlyAlias(entry.alias)) && entry.hosts.length === 1)?.hosts[0] ?? "";
}

/** Entries as they are with the detour. */
export function detoured(entries: DatabaseEntry[], { to, without }: Detour): DatabaseEntry[] {
  const primary = writeAddress(entries);
  return entries.map((entry) => {
    let hosts = entry.hosts;
    if (to !== "") hosts = [...new Set(hosts.map((host) => (host === primary ? to : host)))];
    for (const { address, instead } of without) {
      if (!hosts.includes(address) || address === instead) continue;
      const left = hosts.filter((host) => host !== address);
      hosts = left.length > 0 ? left : [instead];
    }
    if (hosts.join() === entry.hosts.join()) return entry;
    const line = entry.line.replace(/((?:^|\s|=)host=)\S+/, (_, key: string) => `${key}${hosts.join(",")}`);
    return { ...entry, hosts, line };
  });
}

/** Text of the file that holds the detour: what it is as comments, and the entries that differ. */
export function detourText(entries: DatabaseEntry[], detour: Detour): string {
  if (detour.to === "" && detour.without.length === 0) return "";
  const lines = detoured(entries, detour).filter((entry, i) => entry !== entries[i]);
  return [
    "; Written by Rollout while servers change; empty otherwise.",
    ...(detour.to ? [`; to ${detour.to}`] : []),
    ...detour.without.map(({ address, instead }) => `; without ${address} instead ${instead}`),
    "[databases]",
    ...lines.map((entry) => entry.line),
    "",
  ].join("\n");
}

export function parseDetour(text: string): Detour {
  return {
    to: /^; to (\S+)$/m.exec(text)?.[1] ?? "",
    without: [...text.matchAll(/^; without (\S+) instead (\S+)$/gm)].map(([, address, instead]) => ({
      address: address!,
      instead: instead!,
    })),
  };
}
