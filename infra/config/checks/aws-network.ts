/** Platform aws: subnets that fit together and into their VPC, and every host in one of them. */

import { isIPv4 } from "node:net";
import { freeSubnet, holds, type Ipv4Range, inside, ipv4Number, ipv4Range, ipv4Text, overlap } from "../ipv4-range.ts";
import { zoneProblem } from "../names-aws.ts";
import { addressProblem } from "../network.ts";
import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import { type HostSpec, isMember } from "../spec.ts";
import type { AwsSubnet } from "../spec-aws.ts";

type Subnet = { [Key in keyof AwsSubnet]?: AwsSubnet[Key] | undefined };

const NETWORK: Path = ["aws", "network"];
/** AWS has the network's own address, the router's, the resolver's, one for later, and the broadcast address. */
const RESERVED_FIRST = 4;

export function checkNetwork(aws: NonNullable<Draft["aws"]>, hosts: HostSpec[], report: Report): void {
  const { network, region } = aws;
  if (network === undefined) return;
  const subnets: Subnet[] = network.subnets ?? [];
  const vpc = checkVpc(network, report);
  const ranges = subnets.map(({ cidr }, index) => rangeAt([...NETWORK, "subnets", index, "cidr"], cidr, report));
  checkSubnets(subnets, ranges, vpc, report);
  checkIds(network, subnets, report);
  if (region !== undefined)
    subnets.forEach(({ zone }, index) => {
      const problem = zone === undefined ? undefined : zoneProblem(zone, region);
      if (problem !== undefined) report.add([...NETWORK, "subnets", index, "zone"], problem);
    });
  // Of a subnet that is not known, the hosts may be in it.
  if (subnets.length === 0 || ranges.includes(undefined)) return;
  if (vpc !== undefined && freeSubnet(vpc, ranges as Ipv4Range[]) === undefined)
    report.add(
      [...NETWORK, "cidr"],
      `${vpc.cidr} is taken up by the subnets, and hosts reach out through a NAT gateway that needs a /28 of its own in it. Write a larger network, or smaller subnets.`,
    );
  checkPlaces(subnets, ranges as Ipv4Range[], hosts, report);
  checkSpread(subnets, hosts, report);
}

function checkVpc({ cidr, vpc }: { cidr?: string | undefined; vpc?: string | undefined }, report: Report) {
  const known = !report.has([...NETWORK, "cidr"]) && !report.has([...NETWORK, "vpc"]);
  if (cidr !== undefined && vpc !== undefined)
    report.add(NETWORK, "has cidr and vpc: a VPC is either made with cidr, or there already. Remove one of the two.");
  if (cidr === undefined && vpc === undefined && known)
    report.add(
      NETWORK,
      "has neither cidr nor vpc. Write cidr: 10.20.0.0/16 to have a VPC made, or vpc: vpc-… for one that is there already.",
    );
  return cidr === undefined || vpc !== undefined ? undefined : rangeAt([...NETWORK, "cidr"], cidr, report);
}

/** AWS has IPv4 networks from /16 to /28, for VPCs and subnets alike. */
function rangeAt(path: Path, cidr: string | undefined, report: Report): Ipv4Range | undefined {
  if (cidr === undefined) return undefined;
  const range = ipv4Range(cidr);
  if (range !== undefined && range.prefix >= 16 && range.prefix <= 28) return range;
  const what = range === undefined ? "is an IPv6 network" : `has ${range.last - range.first + 1} addresses`;
  report.add(path, `${cidr} ${what}. AWS takes IPv4 networks from /16 to /28, e.g. "10.20.1.0/24".`);
  return undefined;
}

function checkSubnets(
  subnets: Subnet[],
  ranges: (Ipv4Range | undefined)[],
  vpc: Ipv4Range | undefined,
  report: Report,
): void {
  ranges.forEach((range, index) => {
    if (range === undefined) return;
    const path = [...NETWORK, "subnets", index, "cidr"];
    if (vpc !== undefined && !inside(range, vpc))
      report.add(
        path,
        `${range.cidr} is not inside ${vpc.cidr}, which the VPC is made with (${ipv4Text(vpc.first)} to ${ipv4Text(vpc.last)}). Change one of the two.`,
      );
    const other = ranges.slice(0, index).find((one) => one !== undefined && overlap(one, range));
    if (other !== undefined)
      report.add(
        path,
        `${range.cidr} (${subnets[index]!.zone ?? "?"}) has addresses of ${other.cidr} (${subnets[ranges.indexOf(other)]!.zone ?? "?"}) too. Subnets do not overlap; change one of the two.`,
      );
  });
}

function checkIds(
  { vpc, cidr }: { cidr?: string | undefined; vpc?: string | undefined },
  subnets: Subnet[],
  report: Report,
): void {
  if ((vpc === undefined) === (cidr === undefined)) return;
  subnets.forEach(({ id }, index) => {
    const path = [...NETWORK, "subnets", index, "id"];
    if (vpc !== undefined && id === undefined && !report.has(path))
      report.add(path, `is missing: ${vpc} is there already, and so are its subnets. Write id: subnet-… of this one.`);
    if (vpc === undefined && id !== undefined)
      report.add(
        path,
        `is the id of a subnet that is there already, but the VPC is made here, and its subnets are too. Remove it, or name the VPC: network.vpc in place of network.cidr.`,
      );
    if (id !== undefined && subnets.findIndex((one) => one.id === id) < index)
      report.add(path, `${id} is the id of another subnet of this list too. Change one of the two.`);
  });
}

function checkPlaces(subnets: Subnet[], ranges: Ipv4Range[], hosts: HostSpec[], report: Report): void {
  for (const { name, address } of hosts) {
    if (!isIPv4(address) || addressProblem(address, "aws") !== undefined) continue;
    const value = ipv4Number(address);
    const range = ranges.find((one) => holds(one, value));
    const path = ["hosts", name, "address"];
    if (range === undefined) {
      report.add(
        path,
        `${address} is in none of the subnets: ${subnets.map(({ cidr, zone }) => `${cidr} (${zone ?? "?"})`).join(", ")}. Use an address of one of them, or add its subnet to aws.network.subnets.`,
      );
      continue;
    }
    const [first, last] = [range.first + RESERVED_FIRST, range.last - 1];
    if (value < first || value > last)
      report.add(
        path,
        `${address} is one of the five that AWS keeps in ${range.cidr}: the first four and the last. Use one from ${ipv4Text(first)} to ${ipv4Text(last)}.`,
      );
  }
}

/** A zone is what fails as a whole; replicas beside their primary go with it. */
function checkSpread(subnets: Subnet[], hosts: HostSpec[], report: Report): void {
  const members = hosts.filter(isMember);
  const used = new Set(members.map((host) => host.aws?.zone ?? ""));
  const [zone] = used;
  if (members.length < 2 || used.size > 1 || !zone || subnets.some((one) => one.zone === undefined)) return;
  const names = members.map(({ name }) => name);
  const others = subnets.filter((one) => one.zone !== zone);
  if (others.length === 0) {
    report.warn(
      `aws.network: every subnet is in ${zone}, and all members with them: if that zone fails, so does the cluster. Add a subnet of another zone.`,
    );
    return;
  }
  report.add(
    ["hosts"],
    `has all members (${names.join(", ")}) in ${zone}: if that zone fails, none is left. Give ${names.length === 2 ? `${names[1]}` : "some of them"} an address of another zone's subnet: ${others.map((one) => `${one.cidr} (${one.zone})`).join(", ")}.`,
  );
}
