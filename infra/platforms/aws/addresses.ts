/** Arithmetic of IPv4 networks: where the one subnet lies that the project chooses by itself. Pure. */

const value = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const text = (number: number): string => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");

interface Range {
  first: number;
  /** Behind the last. */
  end: number;
}

function range(cidr: string): Range {
  const [address = "", prefix = "32"] = cidr.split("/");
  const first = value(address);
  return { first, end: first + 2 ** (32 - Number(prefix)) };
}

/** Whether an address, or a whole network, lies in a network. */
export function isWithin(inner: string, network: string): boolean {
  const [a, b] = [range(inner), range(network)];
  return a.first >= b.first && a.end <= b.end;
}

/** Smallest subnet that EC2 allows. */
const SIZE = 16;

/**
 * The last /28 of a network that touches none of the given subnets.
 *
 * @returns undefined when there is none
 */
export function freeSubnet(network: string, taken: readonly string[]): string | undefined {
  const { first, end } = range(network);
  const ranges = taken.map(range);
  for (let start = end - SIZE; start >= first; ) {
    const clash = ranges.find((other) => start < other.end && start + SIZE > other.first);
    if (!clash) return `${text(start)}/28`;
    start = Math.floor((clash.first - SIZE) / SIZE) * SIZE;
  }
  return undefined;
}
