/** Functions that programs call: what vendors publish, and what is there already. */

import { type CloudState, type Entry, find, kindOf, ofKind, outputsOf, type Values } from "./cloud.ts";
import { architectureOf, imageFor } from "./images.ts";

interface Where {
  state: CloudState;
  region: string;
}

/** @throws for a function that has no stand-in */
export function call(token: string, args: Values, { state, region }: Where): Values {
  switch (kindOf(token)) {
    case "ssm/getParameter": {
      const name = String(args.name);
      const value = parameter(state, name);
      return {
        id: name,
        arn: `arn:aws:ssm:${region}::parameter${name}`,
        name,
        type: "String",
        value,
        insecureValue: value,
        version: 1,
        region,
        withDecryption: true,
      };
    }
    case "ec2/getAmi":
      return image(args, region);
    case "index/getAvailabilityZones":
      return {
        id: region,
        names: state.zones,
        zoneIds: state.zones.map(zoneId),
        groupNames: [region],
        state: "available",
        region,
      };
    case "index/getAvailabilityZone":
      if (!state.zones.includes(String(args.name)))
        throw new Error(`InvalidParameterValue: Invalid availability zone: [${args.name}]`);
      return { id: args.name, name: args.name, zoneId: zoneId(String(args.name)), region, state: "available" };
    case "index/getCallerIdentity":
      return {
        id: state.account,
        accountId: state.account,
        arn: `arn:aws:iam::${state.account}:user/test`,
        userId: "AIDATEST",
      };
    case "index/getRegion":
      return { id: region, region, name: region, description: region, endpoint: `ec2.${region}.amazonaws.com` };
    case "index/getPartition":
      return { id: "aws", partition: "aws", dnsSuffix: "amazonaws.com", reverseDnsPrefix: "com.amazonaws" };
    case "ec2/getSubnet":
      return one(state, "ec2/subnet", args, "InvalidSubnetID.NotFound: The subnet ID");
    case "ec2/getVpc":
      return one(state, "ec2/vpc", args, "InvalidVpcID.NotFound: The vpc ID");
    case "ec2/getSecurityGroup":
      return one(state, "ec2/securityGroup", args, "InvalidGroup.NotFound: The security group");
    case "ec2/getInstance":
      return one(state, "ec2/instance", { id: args.instanceId }, "InvalidInstanceID.NotFound: The instance ID");
    case "ec2/getSubnets": {
      const wanted = filters(args);
      const ids = ofKind(state, "ec2/subnet")
        .filter((entry) => matches(entry, wanted, args.tags))
        .map(({ id }) => id);
      return { id: region, ids, region, tags: args.tags ?? {} };
    }
    case "route53/getZone": {
      const name = String(args.name ?? "").replace(/\.$/, "");
      const found = ofKind(state, "route53/zone").find((zone) => zone.id === args.zoneId || zone.inputs.name === name);
      if (!found) throw new Error(`no matching Route 53 Hosted Zone found: ${args.zoneId ?? args.name}`);
      return { ...outputsOf(found), id: found.id };
    }
    case "iam/getPolicyDocument": {
      const json = JSON.stringify(policy(args));
      return { id: String(json.length), json, minifiedJson: json };
    }
    default:
      throw new Error(`the stand-in has no function ${token}`);
  }
}

const zoneId = (zone: string): string => `euc1-az${zone.charCodeAt(zone.length - 1) - 96}`;

function parameter(state: CloudState, name: string): string {
  const given = state.parameters[name];
  if (given !== undefined) return given;
  if (/^\/aws\/service\/(debian|canonical\/ubuntu)\/.*(amd64|arm64)/.test(name)) return imageFor(name);
  throw new Error(`ParameterNotFound: couldn't find the parameter ${name}`);
}

function image(args: Values, region: string): Values {
  const wanted = filters(args);
  const id = wanted.get("image-id")?.[0] ?? imageFor(JSON.stringify(args));
  const architecture = architectureOf(id) ?? "x86_64";
  return {
    id,
    imageId: id,
    architecture,
    arn: `arn:aws:ec2:${region}::image/${id}`,
    name: `debian-13-${architecture}`,
    ownerId: "136693071363",
    rootDeviceName: "/dev/xvda",
    rootDeviceType: "ebs",
    state: "available",
    virtualizationType: "hvm",
    creationDate: "2026-01-01T00:00:00.000Z",
    blockDeviceMappings: [],
    tags: {},
    region,
  };
}

function one(state: CloudState, kind: string, args: Values, missing: string): Values {
  const wanted = filters(args);
  const found =
    args.id !== undefined
      ? find(state, kind, args.id)
      : ofKind(state, kind).find((entry) => matches(entry, wanted, args.tags));
  if (!found) throw new Error(`${missing} '${args.id ?? JSON.stringify(args)}' does not exist`);
  return { tags: {}, ...outputsOf(found), id: found.id };
}

function filters(args: Values): Map<string, string[]> {
  const given = (args.filters ?? []) as { name: string; values: string[] }[];
  return new Map(given.map(({ name, values }) => [name, values]));
}

/** vpc-id, availability-zone, tag:Name and the like. */
function matches(entry: Entry, wanted: Map<string, string[]>, tags: unknown): boolean {
  const has = outputsOf(entry);
  const tagged = (has.tags ?? {}) as Record<string, string>;
  const all = [
    ...wanted,
    ...Object.entries((tags ?? {}) as Record<string, string>).map(([key, value]) => [`tag:${key}`, [value]] as const),
  ];
  return all.every(([name, values]) => {
    const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return values.includes(String(name.startsWith("tag:") ? tagged[name.slice(4)] : has[key]));
  });
}

function policy({ statements = [], version = "2012-10-17" }: Values): object {
  const bare = (list: string[]): string | string[] => (list.length === 1 ? list[0]! : list);
  return {
    Version: version,
    Statement: (statements as Values[]).map((given) => ({
      ...(given.sid !== undefined && { Sid: given.sid }),
      Effect: given.effect ?? "Allow",
      ...(given.actions !== undefined && { Action: bare(given.actions as string[]) }),
      ...(given.resources !== undefined && { Resource: bare(given.resources as string[]) }),
      ...(given.principals !== undefined && {
        Principal: Object.fromEntries(
          (given.principals as { type: string; identifiers: string[] }[]).map(({ type, identifiers }) => [
            type,
            bare(identifiers),
          ]),
        ),
      }),
      ...(given.conditions !== undefined && {
        Condition: Object.fromEntries(
          (given.conditions as { test: string; variable: string; values: string[] }[]).map(
            ({ test, variable, values }) => [test, { [variable]: bare(values) }],
          ),
        ),
      }),
    })),
  };
}
