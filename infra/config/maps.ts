/**
 * Handling of maps. One order for them, whoever read them: the engine hands over JSON with sorted keys, YAML keeps the file's order,
 * and both must lead to the same files.
 */

import type { HostRole, HostSpec } from "./spec.ts";

/** db2 before db10. */
export function byName(a: string, b: string): number {
  const parts = (name: string): string[] => name.match(/\d+|\D+/g) ?? [];
  const left = parts(a);
  const right = parts(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i]!;
    const y = right[i]!;
    const numbers = /^\d/.test(x) && /^\d/.test(y);
    if (numbers && Number(x) !== Number(y)) return Number(x) - Number(y);
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

export function sortedEntries<T>(map: Record<string, T>): [string, T][] {
  return Object.entries(map).sort(([a], [b]) => byName(a, b));
}

const groups: Record<HostRole, number> = { primary: 0, replica: 0, pooler: 1, monitoring: 2 };

/** Members, poolers, monitoring. The primary is not first: a switchover must not reorder anything. */
export function sortedHosts(hosts: HostSpec[]): HostSpec[] {
  return hosts.toSorted((a, b) => groups[a.role] - groups[b.role] || byName(a.name, b.name));
}

/** A copy with other values. Made so that a key named __proto__ stays a key like any other. */
export function mapValues<T, U>(map: Record<string, T>, change: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
