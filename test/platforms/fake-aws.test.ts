// What the stand-in for the plugin of @pulumi/aws says of changes, and what it refuses: the words of the real one.

import { describe, expect, it } from "vitest";
import { blockOf, firstFree, usable } from "../fakes/aws/addresses.ts";
import type { CloudState, Entry, Values } from "../fakes/aws/cloud.ts";
import { diff } from "../fakes/aws/diff.ts";
import { call } from "../fakes/aws/functions.ts";
import { architectureOf, imageFor } from "../fakes/aws/images.ts";
import { describeInstances, sessionAddress } from "../fakes/aws/queries.ts";
import { refusedCreate, refusedDelete, refusedUpdate } from "../fakes/aws/refusals.ts";
import { made } from "../fakes/aws/shapes.ts";

const INSTANCE = "aws:ec2/instance:Instance";
const VOLUME = "aws:ebs/volume:Volume";
const ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment";
const AMI = imageFor("/aws/service/debian/release/13/latest/amd64");

/** A cloud with these things in it, each made as a program would. */
function cloud(): { state: CloudState; add: (type: string, name: string, inputs: Values) => Entry } {
  const state: CloudState = {
    account: "123456789012",
    zones: ["eu-central-1a", "eu-central-1b"],
    entries: {},
    attachments: [],
    parameters: {},
    sizes: {},
  };
  const add = (type: string, name: string, inputs: Values): Entry => {
    const entry = { type, name, inputs, ...made({ type, name, inputs, region: "eu-central-1", state }) };
    state.entries[`${type}::${entry.id}`] = entry;
    return entry;
  };
  return { state, add };
}

function network() {
  const { state, add } = cloud();
  const vpc = add("aws:ec2/vpc:Vpc", "main", { cidrBlock: "10.20.0.0/16" });
  const subnet = (zone: string, third: number): Entry =>
    add("aws:ec2/subnet:Subnet", zone, {
      vpcId: vpc.id,
      cidrBlock: `10.20.${third}.0/24`,
      availabilityZone: `eu-central-1${zone}`,
    });
  const [a, b] = [subnet("a", 1), subnet("b", 2)];
  const instance = { ami: AMI, instanceType: "r7i.large", subnetId: a.id };
  return { state, add, vpc, a, b, instance };
}

describe("which changes make a new resource", () => {
  const instance = { ami: "ami-1", instanceType: "r7i.large", userData: "#!/bin/sh", tags: { a: "b" } };
  const cases: [what: string, type: string, olds: Values, news: Values, kinds: Record<string, string>][] = [
    [
      "an instance's type is in place",
      INSTANCE,
      instance,
      { ...instance, instanceType: "r7i.xlarge" },
      { instanceType: "update" },
    ],
    ["its image is not", INSTANCE, instance, { ...instance, ami: "ami-2" }, { ami: "update-replace" }],
    ["its script is in place", INSTANCE, instance, { ...instance, userData: "#!/bin/bash" }, { userData: "update" }],
    [
      "its script is not where the program says so",
      INSTANCE,
      { ...instance, userDataReplaceOnChange: true },
      { ...instance, userDataReplaceOnChange: true, userData: "#!/bin/bash" },
      { userData: "update-replace" },
    ],
    [
      "a volume grows in place",
      VOLUME,
      { size: 1, availabilityZone: "a" },
      { size: 2, availabilityZone: "a" },
      { size: "update" },
    ],
    [
      "its zone is not",
      VOLUME,
      { size: 1, availabilityZone: "a" },
      { size: 1, availabilityZone: "b" },
      { availabilityZone: "update-replace" },
    ],
    [
      "an attachment to another instance",
      ATTACHMENT,
      { instanceId: "i-1" },
      { instanceId: "i-2" },
      { instanceId: "update-replace" },
    ],
    [
      "one that is not known yet",
      ATTACHMENT,
      { instanceId: "i-1" },
      { instanceId: Symbol("unknown") },
      { instanceId: "update-replace" },
    ],
    [
      "how it is taken out is in place",
      ATTACHMENT,
      {},
      { stopInstanceBeforeDetaching: true },
      { stopInstanceBeforeDetaching: "add" },
    ],
    ["the order of keys is nothing", INSTANCE, { tags: { a: 1, b: 2 } }, { tags: { b: 2, a: 1 } }, {}],
    [
      "a bucket's companion goes with its bucket",
      "aws:s3/bucketVersioning:BucketVersioning",
      { bucket: "a" },
      { bucket: "b" },
      { bucket: "update-replace" },
    ],
    [
      "a type that nobody described",
      "aws:x/thing:Thing",
      { name: "a", size: 1 },
      { name: "b", size: 2 },
      { name: "update-replace", size: "update" },
    ],
  ];
  it.each(cases)("%s", (_, type, olds, news, kinds) => {
    const { changes, detailed } = diff(type, olds, news);
    expect(Object.fromEntries(Object.entries(detailed).map(([key, { kind }]) => [key, kind]))).toEqual(kinds);
    expect(changes).toBe(Object.keys(kinds).length > 0);
  });

  it("what has a name of the program's is gone before the new one is made", () => {
    const role = (path: string, name?: string): Values => ({ path, ...(name && { name }) });
    const type = "aws:iam/role:Role";
    expect(diff(type, role("/a", "host"), role("/b", "host")).deleteBeforeReplace).toBe(true);
    expect(diff(type, role("/a"), role("/b")).deleteBeforeReplace).toBe(false);
  });
});

describe("ids and outputs", () => {
  it.each([
    [INSTANCE, /^i-[0-9a-f]{17}$/],
    [VOLUME, /^vol-[0-9a-f]{17}$/],
    ["aws:ec2/vpc:Vpc", /^vpc-[0-9a-f]{17}$/],
    ["aws:ec2/subnet:Subnet", /^subnet-[0-9a-f]{17}$/],
    ["aws:ec2/securityGroup:SecurityGroup", /^sg-[0-9a-f]{17}$/],
    ["aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", /^sgr-[0-9a-f]{17}$/],
    ["aws:iam/role:Role", /^main-[0-9a-f]{7}$/],
    ["aws:route53/zone:Zone", /^Z[0-9A-F]{20}$/],
  ])("%s", (type, form) => {
    const { add } = cloud();
    expect(add(type, "main", {}).id).toMatch(form);
  });

  it("a name that the program gives is the id, and no other is made up", () => {
    const { add } = cloud();
    const bucket = add("aws:s3/bucket:Bucket", "backup", { bucket: "shop-backup" });
    expect(bucket).toMatchObject({ id: "shop-backup", computed: { arn: "arn:aws:s3:::shop-backup" } });
    expect(bucket.computed.bucket).toBeUndefined();
  });

  it("instances get a free address of their subnet, and its zone", () => {
    const { add, b, instance } = network();
    const own = { ...instance, subnetId: b.id };
    const [first, second] = [add(INSTANCE, "one", own), add(INSTANCE, "two", own)];
    expect(first.computed).toMatchObject({ privateIp: "10.20.2.4", availabilityZone: "eu-central-1b" });
    expect(second.computed.privateIp).toBe("10.20.2.5");
  });

  it("a record's name is whole", () => {
    const { add } = cloud();
    const zone = add("aws:route53/zone:Zone", "db", { name: "db.example" });
    const record = add("aws:route53/record:Record", "p", { zoneId: zone.id, name: "primary", type: "A" });
    expect(record).toMatchObject({ id: `${zone.id}_primary_A`, computed: { fqdn: "primary.db.example" } });
  });
});

describe("addresses", () => {
  it("the cloud keeps the first four of a subnet, and the last", () => {
    const subnet = blockOf("10.20.1.0/24")!;
    expect(
      ["10.20.1.3", "10.20.1.4", "10.20.1.254", "10.20.1.255", "10.20.2.4"].map((at) => usable(subnet, at)),
    ).toEqual([false, true, true, false, false]);
    expect(firstFree(blockOf("10.20.1.0/29")!, new Set(["10.20.1.4", "10.20.1.5", "10.20.1.6"]))).toBeUndefined();
  });
  it.each(["10.20.1.1/24", "10.20.1.0", "10.20.1.0/33", "10.20.300.0/24", "here"])("%s is no range", (text) =>
    expect(blockOf(text)).toBeUndefined(),
  );
});

describe("what is refused when it is made", () => {
  type Network = ReturnType<typeof network>;
  const cases: [what: string, type: string, inputs: (all: Network) => Values, said: RegExp | undefined][] = [
    ["nothing of a good instance", INSTANCE, ({ instance }) => instance, undefined],
    [
      "an unknown type",
      INSTANCE,
      ({ instance }) => ({ ...instance, instanceType: "r7i.enormous" }),
      /Invalid value 'r7i.enormous' for InstanceType/,
    ],
    [
      "a family that is none",
      INSTANCE,
      ({ instance }) => ({ ...instance, instanceType: "z1d.large" }),
      /for InstanceType/,
    ],
    [
      "an image for other processors",
      INSTANCE,
      ({ instance }) => ({ ...instance, instanceType: "r7g.large" }),
      /architecture 'arm64'/,
    ],
    [
      "an unknown subnet",
      INSTANCE,
      ({ instance }) => ({ ...instance, subnetId: "subnet-0123456789abcdef0" }),
      /InvalidSubnetID.NotFound/,
    ],
    [
      "an unknown group",
      INSTANCE,
      ({ instance }) => ({ ...instance, vpcSecurityGroupIds: ["sg-0123456789abcdef0"] }),
      /InvalidGroup.NotFound/,
    ],
    [
      "another zone than the subnet's",
      INSTANCE,
      ({ instance }) => ({ ...instance, availabilityZone: "eu-central-1b" }),
      /availability zone 'eu-central-1b' is not that of/,
    ],
    [
      "an address of another subnet",
      INSTANCE,
      ({ instance }) => ({ ...instance, privateIp: "10.20.2.11" }),
      /does not fall within/,
    ],
    [
      "an address that the cloud keeps",
      INSTANCE,
      ({ instance }) => ({ ...instance, privateIp: "10.20.1.1" }),
      /does not fall within/,
    ],
    [
      "an unknown key pair",
      INSTANCE,
      ({ instance }) => ({ ...instance, keyName: "nobody" }),
      /InvalidKeyPair.NotFound/,
    ],
    [
      "an unknown profile",
      INSTANCE,
      ({ instance }) => ({ ...instance, iamInstanceProfile: "none" }),
      /Invalid IAM Instance Profile/,
    ],
    [
      "a script that is too long",
      INSTANCE,
      ({ instance }) => ({ ...instance, userData: "x".repeat(16_385) }),
      /User data is limited to 16384 bytes/,
    ],
    [
      "a zone that does not exist",
      VOLUME,
      () => ({ availabilityZone: "eu-central-1z", size: 1 }),
      /Value \(eu-central-1z\) for parameter availabilityZone/,
    ],
    [
      "a speed that the size does not give",
      VOLUME,
      () => ({ availabilityZone: "eu-central-1a", size: 5, type: "gp3", iops: 4000 }),
      /Iops to volume size ratio/,
    ],
    [
      "a throughput that the speed does not give",
      VOLUME,
      () => ({ availabilityZone: "eu-central-1a", size: 100, type: "gp3", throughput: 1000 }),
      /Throughput \(MiB\/s\) to iops/,
    ],
    [
      "an unknown network",
      "aws:ec2/subnet:Subnet",
      () => ({ vpcId: "vpc-0123456789abcdef0", cidrBlock: "10.20.3.0/24" }),
      /InvalidVpcID.NotFound/,
    ],
    [
      "a subnet outside its network",
      "aws:ec2/subnet:Subnet",
      ({ vpc }) => ({ vpcId: vpc.id, cidrBlock: "10.21.3.0/24" }),
      /InvalidSubnet.Range/,
    ],
    [
      "a subnet over another",
      "aws:ec2/subnet:Subnet",
      ({ vpc }) => ({ vpcId: vpc.id, cidrBlock: "10.20.1.128/25" }),
      /InvalidSubnet.Conflict/,
    ],
    [
      "a record of no zone",
      "aws:route53/record:Record",
      () => ({ zoneId: "Z1", name: "a", type: "A" }),
      /NoSuchHostedZone/,
    ],
  ];
  it.each(cases)("%s", (_, type, inputs, said) => {
    const all = network();
    const refused = refusedCreate(all.state, type, inputs(all));
    if (said === undefined) expect(refused).toBeUndefined();
    else expect(refused).toMatch(said);
  });

  it("an address that an instance has, until it is gone", () => {
    const { state, add, instance } = network();
    const inputs = { ...instance, privateIp: "10.20.1.11" };
    const there = add(INSTANCE, "db1", inputs);
    expect(refusedCreate(state, INSTANCE, inputs)).toMatch(/InvalidIPAddress.InUse/);
    delete state.entries[`${INSTANCE}::${there.id}`];
    expect(refusedCreate(state, INSTANCE, inputs)).toBeUndefined();
  });

  it("what belongs to a bucket that is not there", () => {
    const { state, add } = cloud();
    const type = "aws:s3/bucketVersioning:BucketVersioning";
    expect(refusedCreate(state, type, { bucket: "shop-backup" })).toMatch(/NoSuchBucket/);
    add("aws:s3/bucket:Bucket", "backup", { bucket: "shop-backup" });
    expect(refusedCreate(state, type, { bucket: "shop-backup" })).toBeUndefined();
  });

  it("a second name, rule or record of the same kind", () => {
    const { state, add, vpc } = network();
    const group = add("aws:ec2/securityGroup:SecurityGroup", "m", { vpcId: vpc.id, name: "members" });
    const rule = { securityGroupId: group.id, ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIpv4: "10.0.0.0/8" };
    const all: [string, Values][] = [
      ["aws:iam/role:Role", { name: "host" }],
      ["aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", rule],
    ];
    for (const [type, inputs] of all) {
      expect(refusedCreate(state, type, inputs)).toBeUndefined();
      add(type, "x", inputs);
      expect(refusedCreate(state, type, inputs)).toMatch(/EntityAlreadyExists|InvalidPermission.Duplicate/);
    }
  });

  it("a volume in another zone, or in two instances; one that is there as wanted is taken", () => {
    const { state, add, b, instance } = network();
    const one = add(INSTANCE, "db1", instance);
    const two = add(INSTANCE, "db2", instance);
    const other = add(INSTANCE, "db3", { ...instance, subnetId: b.id });
    const volume = add(VOLUME, "db1", { availabilityZone: "eu-central-1a", size: 1 });
    const into = (entry: Entry): Values => ({ volumeId: volume.id, instanceId: entry.id, deviceName: "/dev/sdf" });
    expect(refusedCreate(state, ATTACHMENT, into(other))).toMatch(/InvalidVolume.ZoneMismatch/);
    state.attachments.push({ volumeId: volume.id, instanceId: one.id, deviceName: "/dev/sdf", slot: 1 });
    expect(refusedCreate(state, ATTACHMENT, into(two))).toMatch(/VolumeInUse/);
    expect(refusedCreate(state, ATTACHMENT, into(one))).toBeUndefined();
    expect(refusedDelete(state, volume)).toMatch(/VolumeInUse/);
  });
});

describe("what is refused later", () => {
  it("a smaller volume, and an unknown instance type", () => {
    const { state, instance } = network();
    expect(refusedUpdate(state, VOLUME, { size: 2 }, { size: 1 })).toMatch(/New size cannot be smaller/);
    expect(refusedUpdate(state, VOLUME, { size: 2 }, { size: 3 })).toBeUndefined();
    expect(refusedUpdate(state, INSTANCE, instance, { ...instance, instanceType: "huge" })).toMatch(/InstanceType/);
  });

  it("taking away what something else stands on, and a protected instance", () => {
    const { state, add, vpc, a, instance } = network();
    const host = add(INSTANCE, "db1", { ...instance, disableApiTermination: true });
    expect(refusedDelete(state, vpc)).toMatch(/DependencyViolation/);
    expect(refusedDelete(state, a)).toMatch(/DependencyViolation/);
    expect(refusedDelete(state, host)).toMatch(/OperationNotPermitted/);
  });
});

describe("functions", () => {
  const where = { state: cloud().state, region: "eu-central-1" };
  it("a vendor's parameter is an image of its processors, until a newer one is published", () => {
    const name = "/aws/service/debian/release/13/latest/arm64";
    const ask = (): string => call("aws:ssm/getParameter:getParameter", { name }, where).value as string;
    expect(architectureOf(ask())).toBe("arm64");
    where.state.parameters[name] = "ami-0123456789abcdef0";
    expect(ask()).toBe("ami-0123456789abcdef0");
  });
  it("a network that was there before is found", () => {
    const { state, vpc, a } = network();
    const there = { state, region: "eu-central-1" };
    expect(call("aws:ec2/getVpc:getVpc", { id: vpc.id }, there)).toMatchObject({ cidrBlock: "10.20.0.0/16" });
    const tagged = {
      filters: [
        { name: "vpc-id", values: [vpc.id] },
        { name: "availability-zone", values: ["eu-central-1a"] },
      ],
    };
    expect(call("aws:ec2/getSubnet:getSubnet", tagged, there)).toMatchObject({ id: a.id, cidrBlock: "10.20.1.0/24" });
    expect(
      call("aws:ec2/getSubnets:getSubnets", { filters: [{ name: "vpc-id", values: ["vpc-0"] }] }, there).ids,
    ).toEqual([]);
  });
  it("what is not there is refused", () => {
    const ask = (token: string, args: Values) => () => call(token, args, where);
    expect(ask("aws:ssm/getParameter:getParameter", { name: "/mine" })).toThrow(/ParameterNotFound/);
    expect(ask("aws:ec2/getVpc:getVpc", { id: "vpc-1" })).toThrow(/InvalidVpcID.NotFound/);
    expect(ask("aws:ec2/getSubnet:getSubnet", { id: "subnet-1" })).toThrow(/InvalidSubnetID.NotFound/);
    expect(ask("aws:x/y:y", {})).toThrow("no function aws:x/y:y");
  });
});

describe("the aws command", () => {
  const { state, add, instance } = network();
  const host = add(INSTANCE, "db1", { ...instance, privateIp: "10.20.1.11" });
  host.computed.tagsAll = { "pgfleet:stack": "prod", "pgfleet:host": "db1" };
  const describeWith = (...filters: string[]): string =>
    describeInstances(state, [
      "--filters",
      ...filters,
      "--query",
      "Reservations[].Instances[].InstanceId",
      "--output",
      "text",
    ]);
  const session = ["--target", host.id, "--document-name", "AWS-StartSSHSession", "--parameters", "portNumber=22"];

  it("finds an instance by its tags", () => {
    const tags = ["Name=tag:pgfleet:stack,Values=prod", "Name=tag:pgfleet:host,Values=db1"];
    expect(describeWith(...tags, "Name=instance-state-name,Values=pending,running")).toBe(host.id);
    expect(describeWith(...tags, "Name=instance-state-name,Values=stopped")).toBe("");
    expect(describeWith("Name=tag:pgfleet:host,Values=db2")).toBe("");
  });
  it("a session goes to the instance that runs", () => {
    expect(sessionAddress(state, session)).toEqual(["10.20.1.11", 22]);
    host.computed.instanceState = "stopped";
    expect(() => sessionAddress(state, session)).toThrow(/TargetNotConnected/);
  });
});
