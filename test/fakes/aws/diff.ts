/** Which changes the real plugin makes by a new resource, for the types that programs here use. */

import type { DiffResult } from "../../../provider/types.ts";
import { kindOf, type Values } from "./cloud.ts";

const REPLACING: Record<string, string[]> = {
  "ebs/volume": ["availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"],
  "ec2/eip": ["domain", "networkBorderGroup", "publicIpv4Pool"],
  "ec2/instance": [
    "ami",
    "associatePublicIpAddress",
    "availabilityZone",
    "cpuOptions",
    "ebsBlockDevices",
    "ephemeralBlockDevices",
    "hibernation",
    "ipv6AddressCount",
    "ipv6Addresses",
    "keyName",
    "networkInterfaces",
    "placementGroup",
    "privateIp",
    "securityGroups",
    "subnetId",
    "tenancy",
  ],
  "ec2/internetGateway": [],
  "ec2/keyPair": ["keyName", "keyNamePrefix", "publicKey"],
  "ec2/natGateway": ["allocationId", "connectivityType", "subnetId"],
  "ec2/route": ["destinationCidrBlock", "destinationPrefixListId", "routeTableId"],
  "ec2/routeTable": ["vpcId"],
  "ec2/routeTableAssociation": ["gatewayId", "subnetId"],
  "ec2/securityGroup": ["description", "name", "namePrefix", "vpcId"],
  "ec2/subnet": ["availabilityZone", "cidrBlock", "vpcId"],
  "ec2/volumeAttachment": ["deviceName", "instanceId", "volumeId"],
  "ec2/vpc": ["cidrBlock"],
  "ec2/vpcEndpoint": ["serviceName", "vpcEndpointType", "vpcId"],
  "iam/instanceProfile": ["name", "namePrefix", "path"],
  "iam/policy": ["description", "name", "namePrefix", "path"],
  "iam/role": ["name", "namePrefix", "path"],
  "iam/rolePolicy": ["name", "namePrefix", "role"],
  "iam/rolePolicyAttachment": ["policyArn", "role"],
  "route53/record": ["name", "setIdentifier", "zoneId"],
  "route53/zone": ["delegationSetId", "name"],
  "s3/bucket": ["bucket", "bucketPrefix", "objectLockEnabled"],
  "vpc/securityGroupEgressRule": ["securityGroupId"],
  "vpc/securityGroupIngressRule": ["securityGroupId"],
};
/** Of types that are not above: what makes a thing another one nearly everywhere. */
const USUAL = ["availabilityZone", "bucket", "bucketPrefix", "cidrBlock", "name", "namePrefix", "subnetId", "vpcId"];

/** Kind → the input that is its name; without it the plugin makes one from the resource's name. */
export const NAMES: Record<string, string> = {
  "cloudwatch/logGroup": "name",
  "ec2/keyPair": "keyName",
  "ec2/placementGroup": "name",
  "ec2/securityGroup": "name",
  "iam/instanceProfile": "name",
  "iam/policy": "name",
  "iam/role": "name",
  "iam/rolePolicy": "name",
  "s3/bucket": "bucket",
};

export function changedKeys(olds: Values, news: Values): string[] {
  const keys = new Set([...Object.keys(olds), ...Object.keys(news)]);
  return [...keys].filter((key) => !key.startsWith("__") && text(olds[key]) !== text(news[key]));
}

export function diff(type: string, olds: Values, news: Values): DiffResult {
  const kind = kindOf(type);
  const changed = changedKeys(olds, news);
  const detailed = Object.fromEntries(
    changed.map((key) => {
      const how = key in olds ? (key in news ? "update" : "delete") : "add";
      const replaces = isReplacing(kind, key, olds, news);
      return [key, { kind: replaces ? (`${how}-replace` as const) : how, inputDiff: true } as const];
    }),
  );
  const name = NAMES[kind];
  // Two things cannot have one name at a time: the plugin says so itself where the program gives the name.
  const sameName = name !== undefined && news[name] !== undefined && text(news[name]) === text(olds[name]);
  return { changes: changed.length > 0, detailed, deleteBeforeReplace: sameName };
}

function isReplacing(kind: string, key: string, olds: Values, news: Values): boolean {
  if (key === "region") return true;
  if (kind === "ec2/instance") {
    if (key === "userData" || key === "userDataBase64") return news.userDataReplaceOnChange === true;
    // Its size, kind and speed change in place.
    if (key === "rootBlockDevice") return ["encrypted", "kmsKeyId"].some((part) => differs(olds, news, key, part));
  }
  if (kind.startsWith("s3/bucket") && kind !== "s3/bucket") return key === "bucket";
  return (REPLACING[kind] ?? USUAL).includes(key);
}

const differs = (olds: Values, news: Values, key: string, part: string): boolean =>
  text((olds[key] as Values | undefined)?.[part]) !== text((news[key] as Values | undefined)?.[part]);

/** What is not known yet is different from everything. */
const text = (value: unknown): string => JSON.stringify(sorted(value)) ?? "";

function sorted(value: unknown): unknown {
  if (typeof value === "symbol") return "\0not known";
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as Values).filter(([key, item]) => !key.startsWith("__") && item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
}
