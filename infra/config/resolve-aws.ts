/** Platform aws: what a draft says of it, with defaults. What is wrong with it is reported by the checks. */

import { isIPv4 } from "node:net";
import { architectureByName, type InstanceType, instanceType } from "../platforms/aws/instance-types.ts";
import { holds, ipv4Number, ipv4Range } from "./ipv4-range.ts";
import { isImageId } from "./names-aws.ts";
import { DEFAULT_VOLUME } from "./schema/aws.ts";
import type { Draft, FleetConfig } from "./schema/fleet.ts";
import type { AwsHostSpec, AwsSpec } from "./spec-aws.ts";

type DraftHost = NonNullable<NonNullable<Draft["hosts"]>[string]>;

const DAY_SECONDS = 86_400;
const USERS: Record<string, string> = { debian: "admin", ubuntu: "ubuntu" };

/** What the host's instance type has; undefined: no type, one that is not in the table, or another platform. */
export function machineOf(draft: Draft, host: DraftHost): InstanceType | undefined {
  const name = draft.platform === "aws" ? (host.size ?? draft.size) : undefined;
  return name === undefined ? undefined : instanceType(name);
}

/** What is missing or wrong is "" here. */
export function resolveAwsHost(draft: Draft, host: DraftHost): AwsHostSpec {
  const type = host.size ?? draft.size ?? "";
  const subnet = subnetOf(draft, host.address);
  const shared = host.role === "primary" || host.role === "replica" ? draft.aws?.volume : undefined;
  const throughputKb = host.volume?.throughput ?? shared?.throughput;
  return {
    instanceType: type,
    architecture: machineOf(draft, host)?.architecture ?? architectureByName(type),
    zone: subnet?.zone ?? "",
    subnetCidr: subnet?.cidr ?? "",
    volume: {
      iops: host.volume?.iops ?? shared?.iops ?? DEFAULT_VOLUME.iops,
      throughputMbps: throughputKb === undefined ? DEFAULT_VOLUME.throughputMbps : throughputKb / 1024,
    },
    replace: host.replace ?? "",
  };
}

/** The subnet that has this address. */
function subnetOf(draft: Draft, address: string | undefined): { zone?: string; cidr?: string } | undefined {
  if (address === undefined || !isIPv4(address)) return undefined;
  return draft.aws?.network?.subnets?.find(({ cidr }) => {
    const range = ipv4Range(cidr ?? "");
    return range !== undefined && holds(range, ipv4Number(address));
  });
}

/** Who logs in on a host made from this image; undefined: an own image, of which nothing is known. */
export function imageUser(image: string): string | undefined {
  return USERS[image.split("-")[0]!];
}

export function resolveAws({ aws, cluster }: FleetConfig): AwsSpec | undefined {
  if (aws === undefined) return undefined;
  const { cidr, vpc } = aws.network;
  const subnets = aws.network.subnets.map(({ zone, cidr, id }) => ({
    zone,
    cidr,
    ...(id === undefined ? {} : { id }),
  }));
  return {
    region: aws.region,
    network:
      vpc === undefined ? { kind: "made", cidr: cidr ?? "", subnets } : { kind: "existing", vpcId: vpc, subnets },
    image: imageOf(aws.image),
    publicKey: aws.publicKey.trim(),
    dnsZone: aws.dnsZone ?? defaultDnsZone(cluster),
    tags: Object.fromEntries(Object.entries(aws.tags).sort(([a], [b]) => (a < b ? -1 : 1))),
    backupRetentionDays: aws.backupRetention / DAY_SECONDS,
    resizePrimary: aws.resizePrimary,
  };
}

export const defaultDnsZone = (cluster: string): string => `db.${cluster.replaceAll("_", "-")}.internal`;

function imageOf(image: string): AwsSpec["image"] {
  if (isImageId(image)) return { kind: "ami", id: image };
  const [distribution, release = ""] = image.split("-");
  return { kind: "vendor", distribution: distribution === "ubuntu" ? "ubuntu" : "debian", release };
}
