// The production stack, whole: every resource as reviewed, and the rules that none of them may break.

import * as fs from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { isExampleKey } from "../../../infra/platforms/aws/example-key.ts";
import type { Registered } from "../../support/record.ts";
import { type Config, runProgram, stackConfig } from "./program.ts";

let all: Registered[];
beforeAll(async () => {
  all = await runProgram(stackConfig("prod"));
});

const kind = (name: string, from = all): Registered[] =>
  from.filter(({ type }) => type.startsWith("aws:") && type.endsWith(`:${name}`));
const one = (type: string, name: string, from = all): Registered => {
  const found = from.find((r) => r.type.endsWith(`:${type}`) && r.name === name);
  if (!found) throw new Error(`no ${type} ${name}`);
  return found;
};
const MEMBERS = ["db1", "db2", "db3", "db4"];
const changed = async (change: (config: Config) => void): Promise<Registered[]> => {
  const config = stackConfig("prod");
  change(config);
  return runProgram(config);
};
/** What the cloud would be told about a machine, and how. */
const machines = (from: Registered[]) =>
  kind("Instance", from).map(({ name, inputs, options }) => ({ name, inputs, options }));

describe("the production stack", () => {
  test("is what was reviewed", async () => {
    const shown = all
      .filter(({ type }) => type.startsWith("aws:") || /:(Drain|Ready)$/.test(type))
      .map(({ type, name, inputs, options, retainOnDelete, protect, dependsOn }) => ({
        [`${type} ${name}`]: {
          ...inputs,
          // Its text is in files of its own.
          ...("userData" in inputs ? { userData: "(user-data)" } : {}),
          ...(retainOnDelete || protect || Object.keys(options).length > 0
            ? { "(options)": { ...options, ...(retainOnDelete && { retainOnDelete }), ...(protect && { protect }) } }
            : {}),
          ...(dependsOn.length > 0 ? { "(after)": dependsOn } : {}),
        },
      }))
      .sort((a, b) => (Object.keys(a)[0]! < Object.keys(b)[0]! ? -1 : 1));
    await expect(
      stringify(Object.assign({}, ...shown), { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false }),
    ).toMatchFileSnapshot("prod.golden.yaml");
  });

  test.each([
    ["db1", "user-data-member.golden.sh"],
    ["pool1", "user-data-pooler.golden.sh"],
  ])("tells %s at its first boot what was reviewed", async (host, file) => {
    await expect(String(one("Instance", host).inputs.userData)).toMatchFileSnapshot(file);
  });

  test("has no way in from everywhere, and none to port 22", () => {
    const rules = kind("SecurityGroupIngressRule");
    expect(rules.length).toBeGreaterThan(5);
    for (const { name, inputs } of rules) {
      expect(inputs.cidrIpv4, name).not.toBe("0.0.0.0/0");
      expect(inputs.cidrIpv6, name).not.toBe("::/0");
      expect(inputs.fromPort, name).toBe(inputs.toPort);
      expect([5432, 6432, 9187, 9127], name).toContain(inputs.fromPort);
    }
    expect(kind("SecurityGroup").every(({ inputs }) => !("ingress" in inputs))).toBe(true);
    expect(kind("SecurityGroupRule")).toEqual([]);
    for (const { inputs } of kind("Instance")) expect(inputs.associatePublicIpAddress).toBe(false);
    for (const { inputs } of kind("Subnet")) expect(inputs.mapPublicIpOnLaunch).toBe(false);
    expect(one("DefaultSecurityGroup", "broxiva").inputs).not.toHaveProperty("ingress");
  });

  test("encrypts every volume, and protects the data on them from the stack", () => {
    const volumes = kind("Volume");
    expect(volumes.map(({ name }) => name).sort()).toEqual([...MEMBERS, "mon1"]);
    for (const { name, inputs, protect, retainOnDelete } of volumes) {
      expect(inputs.encrypted, name).toBe(true);
      expect(protect, name).toBe(true);
      expect(retainOnDelete, name).toBe(true);
    }
    for (const { inputs } of kind("Instance")) expect(inputs.rootBlockDevice).toMatchObject({ encrypted: true });
    const members = all.filter(({ type }) => type.endsWith(":PostgresInstance"));
    expect(members.map(({ protect }) => protect)).toEqual(MEMBERS.map(() => true));
  });

  test("answers metadata only to requests with a token", () => {
    for (const { inputs } of kind("Instance"))
      expect(inputs.metadataOptions).toEqual({
        httpEndpoint: "enabled",
        httpTokens: "required",
        httpPutResponseHopLimit: 1,
      });
  });

  test("is spread over zones, poolers too", () => {
    const zoneOf = (name: string) => String(one("Instance", name).inputs.subnetId);
    expect(new Set(MEMBERS.map(zoneOf)).size).toBe(3);
    expect(zoneOf("pool1")).not.toBe(zoneOf("pool2"));
    for (const { name, inputs } of kind("Volume"))
      expect(one("Instance", name).inputs.subnetId).toBe(`subnet-broxiva-${String(inputs.availabilityZone)}`);
  });

  test("closes the bucket to the public and keeps what was overwritten", () => {
    expect(one("BucketPublicAccessBlock", "broxiva-backup").inputs).toMatchObject({
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    expect(one("BucketVersioning", "broxiva-backup").inputs.versioningConfiguration).toEqual({ status: "Enabled" });
    expect(one("Bucket", "broxiva-backup")).toMatchObject({ retainOnDelete: true, protect: true });
    expect(JSON.stringify(one("BucketPolicy", "broxiva-backup").inputs)).toContain("aws:SecureTransport");
  });

  test("lets members alone use the bucket", () => {
    const using = kind("RolePolicy").map(({ inputs }) => inputs.role);
    expect(using).toEqual(["broxiva-member"]);
    for (const { name, inputs } of kind("Instance"))
      expect(inputs.iamInstanceProfile, name).toBe(MEMBERS.includes(name) ? "broxiva-member" : "broxiva-host");
  });

  test("changes machines one after the other: replicas, poolers, monitoring, the primary last", () => {
    const order: string[] = [];
    for (let next: string | undefined = "db1"; next; next = one("Drain", next).dependsOn[0]) order.unshift(next);
    expect(order).toEqual(["db2", "db3", "db4", "pool1", "pool2", "mon1", "db1"]);
    // The first host of a stack waits for nobody; behind each the next waits until it is back.
    for (const host of order) {
      expect(one("Instance", host).dependsOn).toEqual([host]);
      const ready = all.findIndex((r) => r.type.endsWith(":Ready") && r.name === host);
      const instance = all.findIndex((r) => r.type.endsWith(":Instance") && r.name === host);
      expect(ready).toBeGreaterThan(instance);
    }
  });

  test("touches hosts only when every machine is there", () => {
    for (const host of [...MEMBERS, "pool1", "pool2", "mon1"])
      expect(one("Machine", host).dependsOn.toSorted()).toEqual([...MEMBERS, "mon1", "pool1", "pool2"]);
  });

  test("says to every resource of a host which machine it is on, and dials without knowing", () => {
    expect(one("HostFiles", "db2").inputs.connection).toMatchObject({
      ssh: { machine: "i-db2", ssm: { region: "eu-central-1", stack: "prod", host: "db2" } },
    });
    expect(JSON.stringify(one("Drain", "db2").inputs.connection)).not.toContain("i-db2");
    const rollout = one("Rollout", "broxiva").inputs as { members: { connection: { ssh: { machine: string } } }[] };
    expect(rollout.members.map(({ connection }) => connection.ssh.machine)).toEqual(MEMBERS.map((name) => `i-${name}`));
  });

  test("tells the rollout what the machines are: the primary comes back behind a change of its own", async () => {
    const types = (from: Registered[]) => (one("Rollout", "broxiva", from).inputs as { machines: object }).machines;
    expect(types(all)).toMatchObject({ db1: "m7g.2xlarge", pool1: "t4g.small" });
    const after = await changed((config) => {
      config.hosts.db1!.size = "m7g.4xlarge";
    });
    expect(types(after)).toMatchObject({ db1: "m7g.4xlarge", db2: "m7g.2xlarge" });
  });

  test("keeps secrets secret, and out of what machines are told", () => {
    for (const { name, secret } of all.filter(({ type }) => type.endsWith(":HostFiles")))
      expect(secret, name).toContain("secrets");
    for (const { inputs } of kind("Instance")) expect(JSON.stringify(inputs)).not.toMatch(/given-by-mocks|PRIVATE KEY/);
  });
});

test("the example's key is told from a key", () => {
  const shipped = /publicKey: (.*)/.exec(fs.readFileSync("Pulumi.prod.yaml", "utf8"))![1]!;
  expect(isExampleKey(shipped)).toBe(true);
  expect(isExampleKey((stackConfig("prod").aws as { publicKey: string }).publicKey)).toBe(false);
});

describe("a change of the stack file", () => {
  test("of settings touches no machine", async () => {
    const before = machines(all);
    const after = await changed((config) => {
      config.parameters = { random_page_cost: "1.5", work_mem: "6MB" };
      config.connections = 210;
      config.restart = "manual";
      config.allowedNetworks = ["10.20.0.0/16", "10.30.0.0/16"];
      (config.pooler as Record<string, unknown>).poolSize = 30;
    });
    expect(machines(after)).toEqual(before);
    expect(kind("VolumeAttachment", after)).toEqual(kind("VolumeAttachment"));
  });

  test("of the primary touches no machine", async () => {
    const after = await changed((config) => {
      config.hosts.db1!.role = "replica";
      config.hosts.db2!.role = "primary";
    });
    expect(machines(after).sort(byName)).toEqual(machines(all).sort(byName));
  });

  test("of a size changes the type in its place, and nothing that asks for a new machine", async () => {
    const after = await changed((config) => {
      config.hosts.db2!.size = "m7g.4xlarge";
    });
    const [was, is] = [one("Instance", "db2"), one("Instance", "db2", after)];
    expect(is.inputs).toEqual({ ...was.inputs, instanceType: "m7g.4xlarge" });
    expect(is.options).toEqual(was.options);
  });

  test("of `replace` makes a new machine, and keeps the volume", async () => {
    const after = await changed((config) => {
      config.hosts.db2!.replace = "2026-12-01";
    });
    expect(one("Instance", "db2").options.replacementTrigger).toBe("");
    expect(one("Instance", "db2", after).options.replacementTrigger).toBe("2026-12-01");
    expect(one("Volume", "db2", after)).toEqual(one("Volume", "db2"));
    expect(one("Instance", "db2", after).options).toMatchObject({ deleteBeforeReplace: true });
  });

  test("of where packages come from reaches every machine, and touches none", async () => {
    const source = (from: Registered[]) =>
      from.filter(({ type }) => type.endsWith(":Machine")).map(({ inputs }) => inputs.packageSource);
    expect(new Set(source(all))).toEqual(new Set([undefined]));
    const after = await changed((config) => {
      config.packageSource = "pgdg";
    });
    expect(new Set(source(after))).toEqual(new Set(["pgdg"]));
    expect(machines(after)).toEqual(machines(all));
  });

  test("of the disk changes the volume's size and nothing else", async () => {
    const after = await changed((config) => {
      config.hosts.db2!.disk = "1TB";
    });
    expect(one("Volume", "db2", after).inputs).toEqual({ ...one("Volume", "db2").inputs, size: 1024 });
  });
});

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
