/** IPv4 networks as ranges of addresses: what is in what, what overlaps, and what is free. */

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

/** Addresses of a /28, the smallest subnet that EC2 allows. */
const SMALLEST = 16;

/**
 * The last /28 of a network that touches none of the given ones.
 *
 * @returns undefined when there is none
 */
export function freeSubnet(network: Ipv4Range, taken: readonly Ipv4Range[]): string | undefined {
  for (let first = network.last + 1 - SMALLEST; first >= network.first; ) {
    const cidr = `${ipv4Text(first)}/28`;
    const clash = taken.find((other) => overlap(ipv4Range(cidr)!, other));
    if (!clash) return cidr;
    first = Math.floor((clash.first - SMALLEST) / SMALLEST) * SMALLEST;
  }
  return undefined;
}
