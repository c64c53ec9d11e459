/** What the cloud refuses, in its own words; the reason is said before anything is done. */

import { inside, overlap } from "../../../infra/config/ipv4-range.ts";
import { blockOf, usable } from "./addresses.ts";
import { type CloudState, type Entry, find, kindOf, ofKind, outputsOf, type Values } from "./cloud.ts";
import { NAMES } from "./diff.ts";
import { architectureOf } from "./images.ts";

/** Ids of things that have to be there when something refers to them: prefix → what the cloud calls it. */
const REFERENCES: Record<string, string> = {
  vpc: "VpcID",
  subnet: "SubnetID",
  sg: "Group",
  i: "InstanceID",
  vol: "Volume",
  rtb: "RouteTableID",
  igw: "InternetGatewayID",
  nat: "NatGatewayID",
  eipalloc: "AllocationID",
};
/** Computed outputs that are ids of things of their own. */
const BESIDE = ["defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "mainRouteTableId"];
const INSTANCE_TYPE =
  /^((?:[rmctix]|im|is)\d+[a-z]*(?:-[a-z0-9]+)?)\.(nano|micro|small|medium|large|xlarge|\d{1,2}xlarge|metal(?:-\d+xl)?)$/;

export function refusedCreate(state: CloudState, type: string, inputs: Values): string | undefined {
  const kind = kindOf(type);
  const refused = missingReference(state, inputs) ?? takenName(state, type, inputs);
  if (refused !== undefined || CREATES[kind]) return refused ?? CREATES[kind]?.(inputs, state);
  // What belongs to a bucket.
  if (kind.startsWith("s3/bucket") && !find(state, "s3/bucket", inputs.bucket))
    return `NoSuchBucket: The specified bucket does not exist: ${inputs.bucket}`;
  return undefined;
}

/** @param olds inputs up to now */
export function refusedUpdate(state: CloudState, type: string, olds: Values, news: Values): string | undefined {
  const refused = missingReference(state, news);
  if (refused !== undefined) return refused;
  switch (kindOf(type)) {
    case "ec2/instance":
      return instanceType(news) ?? longScript(news);
    case "ebs/volume":
      if (Number(news.size) < Number(olds.size))
        return `InvalidParameterValue: New size cannot be smaller than existing size (${olds.size} GiB)`;
      return volumeSpeed(news);
  }
  return undefined;
}

export function refusedDelete(state: CloudState, entry: Entry): string | undefined {
  const { id, inputs } = entry;
  const kind = kindOf(entry.type);
  if (kind === "ec2/instance" && inputs.disableApiTermination === true && inputs.forceDestroy !== true)
    return `OperationNotPermitted: The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`;
  const attached = state.attachments.find(({ volumeId }) => volumeId === id);
  if (attached) return `VolumeInUse: Volume ${id} is currently attached to ${attached.instanceId}`;
  const holder = Object.values(state.entries).find((other) => other !== entry && holds(other, kind, id));
  if (holder) return `DependencyViolation: ${id} has a dependent object (${holder.id}) and cannot be deleted.`;
  return undefined;
}

/** What has to go first. */
function holds({ type, inputs }: Entry, kind: string, id: string): boolean {
  const other = kindOf(type);
  switch (kind) {
    case "ec2/vpc":
      return other.startsWith("ec2/") && inputs.vpcId === id;
    case "ec2/subnet":
      return ["ec2/instance", "ec2/natGateway"].includes(other) && inputs.subnetId === id;
    case "ec2/securityGroup":
      if (other === "ec2/instance") return list(inputs.vpcSecurityGroupIds).includes(id);
      return inputs.referencedSecurityGroupId === id && inputs.securityGroupId !== id;
    case "iam/role":
      return other === "iam/rolePolicyAttachment" && inputs.role === id;
    default:
      return false;
  }
}

const CREATES: Record<string, (inputs: Values, state: CloudState) => string | undefined> = {
  "ec2/subnet": subnet,
  "ec2/instance": (inputs, state) => instanceType(inputs) ?? longScript(inputs) ?? instance(inputs, state),
  "ebs/volume": ({ availabilityZone, ...rest }, state) =>
    unknownZone(availabilityZone, state) ??
    (Number(rest.size) >= 1 || rest.snapshotId
      ? volumeSpeed(rest)
      : "MissingParameter: The request must contain the parameter size or snapshotId"),
  "ec2/volumeAttachment": attachment,
  "ec2/keyPair": ({ publicKey }) =>
    /^ssh-(ed25519|rsa) \S+/.test(String(publicKey))
      ? undefined
      : "InvalidKey.Format: Key is not in valid OpenSSH public key format",
  "iam/instanceProfile": ({ role }, state) => noSuch(state, "iam/role", role),
  "iam/rolePolicyAttachment": ({ role }, state) => noSuch(state, "iam/role", role),
  "iam/rolePolicy": ({ role }, state) => noSuch(state, "iam/role", role),
  "route53/record": record,
  "s3/bucket": ({ bucket }) =>
    bucket === undefined || /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(String(bucket))
      ? undefined
      : `InvalidBucketName: The specified bucket is not valid: ${bucket}`,
  "vpc/securityGroupEgressRule": rule("vpc/securityGroupEgressRule"),
  "vpc/securityGroupIngressRule": rule("vpc/securityGroupIngressRule"),
};

function subnet({ vpcId, cidrBlock, availabilityZone }: Values, state: CloudState): string | undefined {
  const range = blockOf(String(cidrBlock));
  if (!range)
    return `InvalidParameterValue: Value (${cidrBlock}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`;
  const outer = blockOf(String(find(state, "ec2/vpc", vpcId)?.inputs.cidrBlock));
  if (outer && !inside(range, outer)) return `InvalidSubnet.Range: The CIDR '${cidrBlock}' is invalid.`;
  const taken = ofKind(state, "ec2/subnet").filter(({ inputs }) => inputs.vpcId === vpcId);
  if (taken.some(({ inputs }) => overlap(range, blockOf(String(inputs.cidrBlock))!)))
    return `InvalidSubnet.Conflict: The CIDR '${cidrBlock}' conflicts with another subnet`;
  return availabilityZone === undefined ? undefined : unknownZone(availabilityZone, state);
}

function instanceType({ instanceType: type, ami }: Values): string | undefined {
  const [, family] = INSTANCE_TYPE.exec(String(type)) ?? [];
  if (family === undefined) return `InvalidParameterValue: Invalid value '${type}' for InstanceType.`;
  // A g behind the generation: r7g, c6gn. The first letter may be one as well.
  const wants = /^[a-z]+\d+[a-z]*g/.test(family) ? "arm64" : "x86_64";
  const has = architectureOf(String(ami));
  if (has !== undefined && has !== wants)
    return `InvalidParameterValue: The architecture '${wants}' of the specified instance type does not match the architecture '${has}' of the specified AMI.`;
  return undefined;
}

function longScript({ userData, userDataBase64 }: Values): string | undefined {
  const bytes =
    Buffer.byteLength(String(userData ?? ""), "utf8") + Buffer.byteLength(String(userDataBase64 ?? ""), "base64");
  return bytes > 16_384 ? "InvalidParameterValue: User data is limited to 16384 bytes" : undefined;
}

function instance(inputs: Values, state: CloudState): string | undefined {
  const { ami, subnetId, privateIp, availabilityZone, keyName, iamInstanceProfile } = inputs;
  if (!/^ami-[0-9a-f]{8,17}$/.test(String(ami))) return `InvalidAMIID.Malformed: Invalid id: "${ami}"`;
  if (keyName !== undefined && !ofKind(state, "ec2/keyPair").some(({ id }) => id === keyName))
    return `InvalidKeyPair.NotFound: The key pair '${keyName}' does not exist`;
  if (iamInstanceProfile !== undefined && !find(state, "iam/instanceProfile", iamInstanceProfile))
    return `InvalidParameterValue: Value (${iamInstanceProfile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`;
  const place = find(state, "ec2/subnet", subnetId);
  if (!place) return availabilityZone === undefined ? undefined : unknownZone(availabilityZone, state);
  const { cidrBlock, availabilityZone: zone, vpcId } = outputsOf(place);
  if (availabilityZone !== undefined && availabilityZone !== zone)
    return `InvalidParameterValue: The availability zone '${availabilityZone}' is not that of ${subnetId} (${zone})`;
  for (const group of list(inputs.vpcSecurityGroupIds)) {
    const of = find(state, "ec2/securityGroup", group);
    if (of && of.inputs.vpcId !== vpcId)
      return `InvalidParameter: Security group ${group} and subnet ${subnetId} belong to different networks.`;
  }
  if (privateIp === undefined) return undefined;
  if (!usable(blockOf(String(cidrBlock))!, String(privateIp)))
    return `InvalidParameterValue: Address ${privateIp} does not fall within the subnet's address range`;
  if (ofKind(state, "ec2/instance").some((other) => outputsOf(other).privateIp === privateIp))
    return `InvalidIPAddress.InUse: Address ${privateIp} is in use.`;
  return undefined;
}

function attachment({ volumeId, instanceId, deviceName }: Values, state: CloudState): string | undefined {
  const zoneOf = (kind: string, id: unknown) => outputsOf(find(state, kind, id)!).availabilityZone;
  if (zoneOf("ebs/volume", volumeId) !== zoneOf("ec2/instance", instanceId))
    return `InvalidVolume.ZoneMismatch: The volume '${volumeId}' is not in the same availability zone as instance '${instanceId}'`;
  const there = state.attachments.find((one) => one.volumeId === volumeId);
  // The plugin takes one that is just as wanted for its own.
  if (there?.instanceId === instanceId && there?.deviceName === deviceName) return undefined;
  if (there) return `VolumeInUse: ${volumeId} is already attached to an instance`;
  if (state.attachments.some((one) => one.instanceId === instanceId && one.deviceName === deviceName))
    return `InvalidParameterValue: Invalid value '${deviceName}' for unixDevice. Attachment point ${deviceName} is already in use`;
  return undefined;
}

function volumeSpeed({ size, type, iops, throughput }: Values): string | undefined {
  if (type !== "gp3") return undefined;
  const speed = Number(iops ?? 3000);
  if (speed < 3000 || (speed > 3000 && speed > 500 * Number(size)))
    return `InvalidParameterCombination: Iops to volume size ratio of ${speed}:${size} is not in the range of 3000 to 500 per GiB`;
  if (Number(throughput ?? 125) < 125 || Number(throughput ?? 125) > 0.25 * speed)
    return `InvalidParameterCombination: Throughput (MiB/s) to iops ratio of ${throughput}:${speed} is too high; the maximum is 0.250000 MiB/s per iops`;
  return undefined;
}

function record({ zoneId, name, type }: Values, state: CloudState): string | undefined {
  if (!find(state, "route53/zone", zoneId)) return `NoSuchHostedZone: No hosted zone found with ID: ${zoneId}`;
  const same = ofKind(state, "route53/record").some(
    ({ inputs }) =>
      inputs.zoneId === zoneId && inputs.name === name && inputs.type === type && inputs.setIdentifier === undefined,
  );
  return same
    ? `InvalidChangeBatch: Tried to create resource record set [name='${name}', type='${type}'] but it already exists`
    : undefined;
}

function rule(kind: string) {
  const KEYS = [
    "securityGroupId",
    "ipProtocol",
    "fromPort",
    "toPort",
    "cidrIpv4",
    "cidrIpv6",
    "prefixListId",
    "referencedSecurityGroupId",
  ];
  return (inputs: Values, state: CloudState): string | undefined =>
    ofKind(state, kind).some((other) => KEYS.every((key) => other.inputs[key] === inputs[key]))
      ? `InvalidPermission.Duplicate: the specified rule already exists in ${inputs.securityGroupId}`
      : undefined;
}

const unknownZone = (zone: unknown, { zones }: CloudState): string | undefined =>
  zones.includes(String(zone))
    ? undefined
    : `InvalidParameterValue: Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`;

const noSuch = (state: CloudState, kind: string, id: unknown): string | undefined =>
  id === undefined || find(state, kind, id) ? undefined : `NoSuchEntity: ${kind.split("/")[1]} ${id} cannot be found.`;

function takenName(state: CloudState, type: string, inputs: Values): string | undefined {
  const kind = kindOf(type);
  const key = NAMES[kind];
  if (key === undefined || inputs[key] === undefined || kind === "iam/rolePolicy") return undefined;
  // Groups of another network may have the same name.
  const same = ofKind(state, kind).find(
    ({ inputs: other }) => other[key] === inputs[key] && other.vpcId === inputs.vpcId,
  );
  return same ? `EntityAlreadyExists: ${kind.split("/")[1]} with ${key} ${inputs[key]} already exists.` : undefined;
}

function missingReference(state: CloudState, inputs: Values): string | undefined {
  const known = new Set(
    Object.values(state.entries).flatMap(({ id, computed }) => [id, ...BESIDE.flatMap((key) => computed[key] ?? [])]),
  );
  for (const text of strings(inputs)) {
    const [, prefix = ""] = /^([a-z]+)-[0-9a-f]{8,17}$/.exec(text) ?? [];
    const called = Object.hasOwn(REFERENCES, prefix) ? REFERENCES[prefix] : undefined;
    if (called !== undefined && !known.has(text)) return `Invalid${called}.NotFound: The ID '${text}' does not exist`;
  }
  return undefined;
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}
