/** IPv4 ranges, as far as subnets and instances need them. */

export interface Range {
  first: number;
  last: number;
}

/** "10.20.1.0/24"; undefined when it is none. */
export function rangeOf(cidr: string): Range | undefined {
  const [base = "", bits = ""] = cidr.split("/");
  const start = numberOf(base);
  const length = Number(bits);
  if (start === undefined || bits === "" || !Number.isInteger(length) || length < 0 || length > 32) return undefined;
  const size = 2 ** (32 - length);
  return start % size === 0 ? { first: start, last: start + size - 1 } : undefined;
}

export const overlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;
export const within = (outer: Range, inner: Range): boolean => outer.first <= inner.first && inner.last <= outer.last;

/** The cloud keeps the first four of a subnet, and the last. */
export function usable(subnet: Range, address: string): boolean {
  const number = numberOf(address);
  return number !== undefined && number >= subnet.first + 4 && number < subnet.last;
}

export function firstFree(subnet: Range, taken: ReadonlySet<string>): string | undefined {
  for (let number = subnet.first + 4; number < subnet.last; number++)
    if (!taken.has(addressOf(number))) return addressOf(number);
  return undefined;
}

function numberOf(address: string): number | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

const addressOf = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
