/** Ids and computed outputs of what the cloud makes, as the real one gives them. */

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { blockOf, firstFree } from "./addresses.ts";
import { type CloudState, find, kindOf, ofKind, type Values } from "./cloud.ts";
import { NAMES } from "./diff.ts";

/** What a thing of these kinds is called: prefix-<17 hex digits>. */
const PREFIXES: Record<string, string> = {
  "ebs/volume": "vol",
  "ec2/eip": "eipalloc",
  "ec2/instance": "i",
  "ec2/internetGateway": "igw",
  "ec2/natGateway": "nat",
  "ec2/networkInterface": "eni",
  "ec2/routeTable": "rtb",
  "ec2/routeTableAssociation": "rtbassoc",
  "ec2/securityGroup": "sg",
  "ec2/subnet": "subnet",
  "ec2/vpc": "vpc",
  "ec2/vpcEndpoint": "vpce",
  "vpc/securityGroupEgressRule": "sgr",
  "vpc/securityGroupIngressRule": "sgr",
};

export const newId = (prefix: string): string => `${prefix}-0${randomBytes(8).toString("hex")}`;
/** The same for the same text. */
export const idFrom = (prefix: string, text: string): string => `${prefix}-0${hash(text).slice(0, 16)}`;
const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

export interface Making {
  type: string;
  /** Of the resource in the program. */
  name: string;
  inputs: Values;
  region: string;
  state: CloudState;
}

export interface Made {
  id: string;
  computed: Values;
}

export function made(making: Making): Made {
  const { type, name, inputs, region, state } = making;
  const kind = kindOf(type);
  const named = nameOf(kind, name, inputs);
  const all: Values = { ...named, ...inputs };
  const id = idOf(kind, all, making);
  const service = kind.split("/")[0] === "ebs" || kind.split("/")[0] === "vpc" ? "ec2" : kind.split("/")[0];
  const what = kind.split("/")[1];
  const arn = `arn:aws:${service}:${region}:${state.account}:${what}/${id}`;
  const computed: Values = { arn, region, ...named, ...details(kind, id, all, making) };
  return { id: kind === "iam/policy" ? String(computed.arn) : id, computed };
}

/** The name that the plugin makes up where the program gives none. */
function nameOf(kind: string, name: string, inputs: Values): Values {
  const key = NAMES[kind];
  if (key === undefined || inputs[key] !== undefined) return {};
  const prefix = inputs[`${key}Prefix`];
  return { [key]: prefix === undefined ? `${name}-${randomBytes(4).toString("hex").slice(1)}` : newId(String(prefix)) };
}

function idOf(kind: string, all: Values, { name, state }: Making): string {
  const prefix = PREFIXES[kind];
  if (prefix !== undefined) return newId(prefix);
  const key = NAMES[kind];
  switch (kind) {
    case "ec2/volumeAttachment":
      return `vai-${Number.parseInt(hash(`${all.deviceName}-${all.instanceId}-${all.volumeId}`).slice(0, 8), 16)}`;
    case "ec2/route":
      return `r-${all.routeTableId}${Number.parseInt(hash(String(all.destinationCidrBlock)).slice(0, 8), 16)}`;
    case "iam/rolePolicy":
      return `${all.role}:${all.name}`;
    case "iam/rolePolicyAttachment":
      return `${all.role}/${all.policyArn}`;
    case "route53/zone":
      return `Z${hash(`${name}${randomUUID()}`).slice(0, 20).toUpperCase()}`;
    case "route53/record":
      return [all.zoneId, all.name, all.type, all.setIdentifier].filter((part) => part !== undefined).join("_");
    case "ec2/defaultSecurityGroup":
      return String(find(state, "ec2/vpc", all.vpcId)?.computed.defaultSecurityGroupId);
    case "kms/key":
      return randomUUID();
  }
  if (key !== undefined) return String(all[key]);
  if (kind.startsWith("s3/bucket")) return String(all.bucket);
  return String(all.name ?? `${name}-${randomBytes(4).toString("hex").slice(1)}`);
}

function details(kind: string, id: string, all: Values, { region, state }: Making): Values {
  const account = state.account;
  const iam = (what: string): Values => ({
    arn: `arn:aws:iam::${account}:${what}/${all.name}`,
    uniqueId: hash(id).slice(0, 21).toUpperCase(),
  });
  switch (kind) {
    case "ec2/vpc":
      return {
        mainRouteTableId: newId("rtb"),
        defaultRouteTableId: newId("rtb"),
        defaultSecurityGroupId: newId("sg"),
        defaultNetworkAclId: newId("acl"),
        enableDnsSupport: true,
        enableDnsHostnames: false,
        instanceTenancy: "default",
        ownerId: account,
      };
    case "ec2/subnet":
      return { availabilityZone: state.zones[0], mapPublicIpOnLaunch: false, ownerId: account };
    case "ec2/defaultSecurityGroup":
      return { name: "default", description: "default VPC security group", ownerId: account };
    case "ec2/securityGroup":
      return { description: "Managed by Pulumi", ownerId: account, ingress: [], egress: [] };
    case "vpc/securityGroupIngressRule":
    case "vpc/securityGroupEgressRule":
      return { securityGroupRuleId: id };
    case "ec2/instance":
      return instance(id, all, state);
    case "ebs/volume":
      return { type: "gp2", encrypted: false, iops: 3000, throughput: 125, createTime: new Date().toISOString() };
    case "ec2/keyPair":
      return { keyPairId: newId("key"), keyType: "ed25519", fingerprint: hash(String(all.publicKey)).slice(0, 40) };
    case "ec2/eip":
      return { allocationId: id, publicIp: "203.0.113.10" };
    case "ec2/vpcEndpoint":
      return {
        state: "available",
        prefixListId: newId("pl"),
        dnsEntries: [],
        networkInterfaceIds: [],
        ownerId: account,
      };
    case "iam/role":
      return { ...iam("role"), createDate: new Date().toISOString(), path: "/", maxSessionDuration: 3600 };
    case "iam/policy":
      return { ...iam("policy"), policyId: hash(id).slice(0, 21).toUpperCase(), path: "/" };
    case "iam/instanceProfile":
      return { ...iam("instance-profile"), createDate: new Date().toISOString(), path: "/" };
    case "route53/zone":
      return { arn: `arn:aws:route53:::hostedzone/${id}`, zoneId: id, nameServers: [], comment: "Managed by Pulumi" };
    case "route53/record":
      return { fqdn: fqdn(all, state) };
    case "s3/bucket":
      return {
        arn: `arn:aws:s3:::${all.bucket}`,
        bucketDomainName: `${all.bucket}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${all.bucket}.s3.${region}.amazonaws.com`,
        hostedZoneId: "Z21DNDUVLTQW6Q",
        forceDestroy: false,
      };
    case "kms/key":
      return { keyId: id, arn: `arn:aws:kms:${region}:${account}:key/${id}` };
    default:
      return {};
  }
}

function instance(id: string, all: Values, state: CloudState): Values {
  const subnet = find(state, "ec2/subnet", all.subnetId);
  const range = blockOf(String(subnet?.inputs.cidrBlock ?? ""));
  const taken = new Set(
    ofKind(state, "ec2/instance").map(({ inputs, computed }) => String(inputs.privateIp ?? computed.privateIp)),
  );
  const privateIp = String(all.privateIp ?? (range ? firstFree(range, taken) : ""));
  return {
    availabilityZone: subnet?.inputs.availabilityZone ?? subnet?.computed.availabilityZone ?? state.zones[0],
    instanceState: "running",
    privateIp,
    privateDns: `ip-${privateIp.replaceAll(".", "-")}.eu-central-1.compute.internal`,
    primaryNetworkInterfaceId: idFrom("eni", id),
    publicIp: "",
    publicDns: "",
    tenancy: "default",
    vpcSecurityGroupIds: [],
  };
}

/** Names of records may be given with or without their zone's. */
function fqdn({ name, zoneId }: Values, state: CloudState): string {
  const zone = String(find(state, "route53/zone", zoneId)?.inputs.name ?? "").replace(/\.$/, "");
  const given = String(name).replace(/\.$/, "");
  return given === zone || given.endsWith(`.${zone}`) ? given : `${given}.${zone}`;
}
