/** IPv4 networks as ranges of addresses: what is in what, and what overlaps. */

import { isIPv4 } from "node:net";

export interface Ipv4Range {
  cidr: string;
  first: number;
  last: number;
  prefix: number;
}

/** Undefined: not an IPv4 network. */
export function ipv4Range(cidr: string): Ipv4Range | undefined {
  const [address = "", prefix = "", ...rest] = cidr.split("/");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32 || rest.length > 0) return undefined;
  const first = ipv4Number(address);
  return { cidr, first, last: first + 2 ** (32 - Number(prefix)) - 1, prefix: Number(prefix) };
}

/** @param address valid */
export const ipv4Number = (address: string): number =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

export const ipv4Text = (value: number): string =>
  [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join(".");

export const holds = (range: Ipv4Range, address: number): boolean => address >= range.first && address <= range.last;

export const inside = (inner: Ipv4Range, outer: Ipv4Range): boolean =>
  inner.first >= outer.first && inner.last <= outer.last;

export const overlap = (a: Ipv4Range, b: Ipv4Range): boolean => a.first <= b.last && b.first <= a.last;
