/** Addresses in subnets, as the cloud gives them out. */
import { isIPv4 } from "node:net";
import { holds, type Ipv4Range, ipv4Number, ipv4Range, ipv4Text } from "../../../infra/config/ipv4-range.ts";

/** "10.20.1.0/24"; undefined when it is none, or does not begin where its size says. */
export function blockOf(cidr: string): Ipv4Range | undefined {
  const range = ipv4Range(cidr);
  return range && range.first % (range.last - range.first + 1) === 0 ? range : undefined;
}

/** The cloud keeps the first four of a subnet, and the last. */
export function usable(subnet: Ipv4Range, address: string): boolean {
  const free = { ...subnet, first: subnet.first + 4, last: subnet.last - 1 };
  return isIPv4(address) && holds(free, ipv4Number(address));
}

export function firstFree(subnet: Ipv4Range, taken: ReadonlySet<string>): string | undefined {
  for (let number = subnet.first + 4; number < subnet.last; number++)
    if (!taken.has(ipv4Text(number))) return ipv4Text(number);
  return undefined;
}
