import { describe, expect, test } from "vitest";
import { majors } from "../../infra/tuning/facts.ts";
import { AWS_HOSTS, awsConfig, PUBLIC_KEY, SUBNETS } from "./cases/aws.ts";
import { config, problemsOf, specOf } from "./support.ts";

const spec = (...args: Parameters<typeof awsConfig>) => specOf(config(awsConfig(...args)));
const host = (name: string, ...args: Parameters<typeof awsConfig>) =>
  spec(...args).spec.hosts.find((one) => one.name === name)!;

describe("a stack on aws", () => {
  test("with all defaults", () => {
    const { spec: made, warnings } = spec({}, { cluster: "my_shop" });
    expect(warnings).toEqual([]);
    expect(made.aws).toEqual({
      region: "eu-central-1",
      network: { kind: "made", cidr: "10.20.0.0/16", subnets: SUBNETS },
      image: { kind: "vendor", distribution: "debian", release: "13" },
      publicKey: PUBLIC_KEY,
      dnsZone: "db.my-shop.internal",
      tags: {},
      backupRetentionDays: 35,
      resizePrimary: "switchover",
    });
    expect(made.hosts[1]).toEqual({
      name: "db2",
      role: "replica",
      address: "10.20.2.11",
      memoryMb: 8192,
      cpus: 2,
      diskMb: 10240,
      storage: "ssd",
      parameters: {},
      protect: true,
      ssh: { user: "admin", port: 22 },
      aws: {
        instanceType: "m7g.large",
        architecture: "arm64",
        zone: "eu-central-1b",
        subnetCidr: "10.20.2.0/24",
        volume: { iops: 3000, throughputMbps: 125 },
        replace: "",
      },
    });
  });

  test("with everything said", () => {
    const { spec: made } = spec(
      {
        network: { vpc: "vpc-0a1b2c3d", subnets: SUBNETS.map((one, i) => ({ ...one, id: `subnet-0000000${i}` })) },
        image: "ubuntu-24.04",
        dnsZone: "pg.example.org",
        tags: { team: "payments", cost: "42" },
        volume: { iops: 4000, throughput: "250MB" },
        backupRetention: "90d",
        resizePrimary: "stop",
      },
      {
        version: 16,
        hosts: {
          ...AWS_HOSTS,
          db2: { ...AWS_HOSTS.db2, volume: { throughput: "500MB" }, replace: "2026-03-01", ssh: { port: 2222 } },
        },
      },
    );
    expect(made.aws).toMatchObject({
      network: {
        kind: "existing",
        vpcId: "vpc-0a1b2c3d",
        subnets: [{ id: "subnet-00000000" }, { id: "subnet-00000001" }],
      },
      image: { kind: "vendor", distribution: "ubuntu", release: "24.04" },
      dnsZone: "pg.example.org",
      tags: { cost: "42", team: "payments" },
      backupRetentionDays: 90,
      resizePrimary: "stop",
    });
    const db2 = made.hosts[1]!;
    expect(db2.aws).toMatchObject({ volume: { iops: 4000, throughputMbps: 500 }, replace: "2026-03-01" });
    expect(db2.ssh).toEqual({ user: "ubuntu", port: 2222 });
  });

  test("memory and cpus: a host's own, else its type's; those at the top do nothing and are said to", () => {
    const hosts = { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, memory: "4GB" } };
    const { spec: made, warnings } = spec({}, { memory: "1GB", cpus: 1, hosts });
    expect(made.hosts.map(({ memoryMb, cpus }) => [memoryMb, cpus])).toEqual([
      [8192, 2],
      [4096, 2],
    ]);
    expect(warnings).toEqual([
      "memory at the top does nothing on aws: it follows from each host's size. Remove it.",
      "cpus at the top does nothing on aws: it follows from each host's size. Remove it.",
    ]);
  });

  test("a type that is not in the table, with memory and cpus, of the processor that its name says", () => {
    const future = { size: "m19g.large", memory: "8GB", cpus: 2 };
    expect(host("db2", {}, { hosts: { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, ...future } } })).toMatchObject({
      memoryMb: 8192,
      aws: { instanceType: "m19g.large", architecture: "arm64" },
    });
  });

  test("hosts without a server have machines too, of any processor", () => {
    const pool1 = { role: "pooler", address: "10.20.1.21", size: "t3.small" };
    const volume = { iops: 4000, throughput: "250MB" };
    expect(host("pool1", { volume }, { hosts: { ...AWS_HOSTS, pool1 } })).toMatchObject({
      memoryMb: 2048,
      cpus: 2,
      aws: {
        instanceType: "t3.small",
        architecture: "x86_64",
        zone: "eu-central-1a",
        // What members' volumes can do is not paid for where there is no server.
        volume: { iops: 3000, throughputMbps: 125 },
      },
    });
  });

  test("every vendor's image goes with every version once PGDG's packages are there", () => {
    for (const image of ["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"])
      for (const version of majors) {
        const { spec: made } = specOf(config(awsConfig({ image }, { version, packageSource: "pgdg" })));
        expect(made.packageSource).toBe("pgdg");
      }
    expect(specOf(config(awsConfig({}, { packageSource: "distribution" }))).spec).not.toHaveProperty("packageSource");
  });

  test("an image of one's own goes with any version, once it is said who logs in", () => {
    const own = awsConfig({ image: "ami-0a1b2c3d" }, { version: 18, ssh: { user: "ops" } });
    const { spec: made } = specOf(config(own));
    expect(made.aws?.image).toEqual({ kind: "ami", id: "ami-0a1b2c3d" });
    expect(made.hosts[0]!.ssh).toEqual({ user: "ops", port: 22 });
  });

  test("members that slow down, and a network of one zone, are warned of", () => {
    expect(spec({}, { size: "t4g.large" }).warnings.join()).toContain("db1 (t4g.large), db2 (t4g.large)");
    const hosts = { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, address: "10.20.1.12" } };
    const single = spec({ network: { cidr: "10.20.0.0/16", subnets: [SUBNETS[0]] } }, { hosts });
    expect(single.warnings.join()).toContain("every subnet is in eu-central-1a");
  });

  test("one member alone is in one zone, and that is no problem", () => {
    expect(problemsOf(config(awsConfig({}, { hosts: { db1: AWS_HOSTS.db1 } })))).toEqual([]);
  });

  test("a private key is shown nowhere", () => {
    const publicKey = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----";
    for (const value of [publicKey, { key: publicKey }, [publicKey]])
      expect(JSON.stringify(problemsOf(config(awsConfig({ publicKey: value }))))).not.toContain("MIIEpAIB");
  });

  test("an RSA key is taken from 2048 bits on", () => {
    const field = (bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([0, 0, bytes.length >> 8, bytes.length & 255]), bytes]);
    const rsa = (bits: number): string => {
      const modulus = Buffer.concat([Buffer.from([0, 0x80]), Buffer.alloc(bits / 8 - 1, 1)]);
      return `ssh-rsa ${Buffer.concat([Buffer.from("ssh-rsa"), Buffer.from([1, 0, 1]), modulus].map(field)).toString("base64")}`;
    };
    expect(problemsOf(config(awsConfig({ publicKey: rsa(2048) })))).toEqual([]);
    expect(problemsOf(config(awsConfig({ publicKey: rsa(1024) })))[0]!.message).toContain("is an RSA key of 1024 bits");
  });

  test.each([null, "x", 1, [], [null], {}, { x: 1 }])("%j in place of anything is a problem, not a crash", (junk) => {
    const whole = awsConfig().aws as Record<string, unknown>;
    const network = { cidr: "10.20.0.0/16", subnets: SUBNETS };
    const configs = [
      awsConfig({}, { aws: junk }),
      awsConfig({}, { hosts: { ...AWS_HOSTS, db2: junk } }),
      awsConfig({}, { size: junk }),
      ...Object.keys({ ...whole, image: 0, dnsZone: 0, backupRetention: 0, resizePrimary: 0 }).map((name) =>
        awsConfig({ [name]: junk }),
      ),
      ...Object.keys(network).map((name) => awsConfig({ network: { ...network, [name]: junk } })),
      ...["zone", "cidr", "id"].map((name) =>
        awsConfig({ network: { ...network, subnets: [{ ...SUBNETS[0], [name]: junk }, SUBNETS[1]] } }),
      ),
      awsConfig({ network: { ...network, subnets: [junk, ...SUBNETS] } }),
      ...["size", "address"].map((name) =>
        awsConfig({}, { hosts: { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, [name]: junk } } }),
      ),
    ];
    for (const raw of configs) expect(problemsOf(config(raw)), JSON.stringify(raw)).not.toEqual([]);
  });

  test("everything wrong at once is said at once", () => {
    const paths = problemsOf(
      config(
        awsConfig(
          {
            region: "x",
            publicKey: "y",
            image: "debian-12",
            network: { cidr: "10.0.0.0/8", subnets: [{ zone: "z" }] },
          },
          { storage: "nvme", hosts: { ...AWS_HOSTS, db2: { ...AWS_HOSTS.db2, size: "m7i.lrge" } } },
        ),
      ),
    ).map(({ path }) => path);
    expect(paths.toSorted()).toEqual(
      [
        "aws.image",
        "aws.network.cidr",
        "aws.network.subnets[0].cidr",
        "aws.publicKey",
        "aws.region",
        "hosts",
        "hosts.db2.size",
        "storage",
      ].toSorted(),
    );
  });
});
