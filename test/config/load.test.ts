import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatProblems, loadFleet, loadStackFile, type RawConfig } from "../../infra/config/load.ts";
import { byName } from "../../infra/config/maps.ts";
import { parseStackFile } from "../../infra/config/stack-file.ts";
import { config, existing, fleet, problemsOf, specOf } from "./support.ts";

const stackFile = (stack: string): string =>
  readFileSync(new URL(`../../Pulumi.${stack}.yaml`, import.meta.url), "utf8");

/** As the engine hands it over: scalars as text, the rest as JSON with sorted keys. */
function engineStyle(raw: RawConfig): RawConfig {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, sorted(item)]),
    );
  };
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [
      key,
      typeof value === "object" ? JSON.stringify(sorted(value)) : String(value),
    ]),
  );
}

describe("a valid config", () => {
  test("the smallest one, with all defaults", () => {
    const { spec, warnings } = specOf(config());
    expect(warnings).toEqual([]);
    expect(spec).toEqual({
      stack: "test",
      platform: "local",
      cluster: {
        name: "broxiva",
        version: 17,
        workload: "web",
        restart: "rolling",
        synchronous: "off",
        initdb: {
          dataChecksums: true,
          encoding: "UTF8",
          localeProvider: "libc",
          locale: "C.UTF-8",
          walSegmentSizeMb: 16,
        },
        parameters: {},
      },
      hosts: [
        {
          name: "db1",
          role: "primary",
          address: "127.0.10.1",
          memoryMb: 512,
          cpus: 1,
          diskMb: 10240,
          storage: "ssd",
          parameters: {},
          protect: false,
        },
      ],
      primary: "db1",
      gone: [],
      rollout: { limitSeconds: 5, tries: 3, terminate: false },
      tls: { required: true, clients: "require", validDays: 365, renew: 1, caVersion: 1, caTrusted: [1] },
      databases: [],
      roles: [],
      allowedNetworks: [],
      state: "shared",
      protect: false,
    });
  });

  test("a pooler and monitoring come with their hosts", () => {
    const { spec } = specOf(config({ hosts: fleet() }));
    expect(spec.pooler).toEqual({
      hosts: ["pool1"],
      poolMode: "transaction",
      maxClientConnections: 1000,
      poolSize: 20,
      reservePoolSize: 5,
      port: 6432,
      parameters: {},
    });
    expect(spec.monitoring).toEqual({
      hosts: ["mon1"],
      scrapeIntervalSeconds: 15,
      retentionDays: 15,
      prometheusPort: 9090,
    });
  });

  test("a host's own size goes before the one at the top, and helpers need none", () => {
    const hosts = fleet({
      db2: { role: "replica", address: "127.0.10.2", memory: "2GB", cpus: 4, disk: "1TB", storage: "nvme" },
    });
    const db2 = specOf(config({ hosts })).spec.hosts.find((h) => h.name === "db2");
    expect(db2).toMatchObject({ memoryMb: 2048, cpus: 4, diskMb: 1024 * 1024, storage: "nvme" });
    expect(specOf(config({ hosts })).spec.hosts.find((h) => h.name === "pool1")).toMatchObject({
      memoryMb: 512,
      cpus: 1,
      diskMb: 10240,
    });

    const own = { memory: "1GB", cpus: 2, disk: "10GB" };
    const bare = {
      db1: { role: "primary", address: "127.0.10.1", ...own },
      pool1: { role: "pooler", address: "127.0.10.10" },
    };
    const { spec } = specOf(config({ memory: undefined, cpus: undefined, disk: undefined, hosts: bare }));
    expect(spec.hosts.find((h) => h.name === "pool1")).toMatchObject({ memoryMb: 512, cpus: 1, diskMb: 10240 });
  });

  test("primary names the primary when no host has the role", () => {
    const hosts = fleet({ db1: { role: "replica", address: "127.0.10.1" } });
    const { spec } = specOf(config({ hosts, primary: "db2" }));
    expect(spec.primary).toBe("db2");
    expect(spec.hosts.map((h) => [h.name, h.role])).toEqual([
      ["db1", "replica"],
      ["db2", "primary"],
      ["pool1", "pooler"],
      ["mon1", "monitoring"],
    ]);
  });

  test("hosts have one order, whatever the file's", () => {
    const member = (n: number): object => ({ role: n === 1 ? "primary" : "replica", address: `127.0.10.${n}` });
    const hosts = {
      pool1: { role: "pooler", address: "127.0.10.99" },
      db10: member(10),
      db2: member(2),
      db1: member(1),
    };
    expect(specOf(config({ hosts })).spec.hosts.map((h) => h.name)).toEqual(["db1", "db2", "db10", "pool1"]);
  });

  test("parameters become text as PostgreSQL reads it", () => {
    const { spec } = specOf(
      config({ parameters: { jit: false, random_page_cost: 1.1, work_mem: "64MB", full_page_writes: true } }),
    );
    expect(spec.cluster.parameters).toEqual({
      full_page_writes: "on",
      jit: "off",
      random_page_cost: "1.1",
      work_mem: "64MB",
    });
  });

  test("monitoring can be switched off", () => {
    const { spec, warnings } = specOf(config({ hosts: fleet(), monitoring: { enabled: false } }));
    expect(spec.monitoring).toBeUndefined();
    expect(warnings.join()).toContain("mon1");
  });

  test("true and false are what they say, from the engine, which gives text, too", () => {
    for (const protect of [true, "true"]) expect(specOf(config({ protect })).spec.protect).toBe(true);
    for (const protect of [false, "false"])
      expect(specOf(config({ ...existing("10.0.0.1"), protect })).spec.protect).toBe(false);
  });

  test("members are protected everywhere but on this machine; the fleet, and then the host, may say otherwise", () => {
    const hosts = {
      db1: { role: "primary", address: "10.0.0.1" },
      db2: { role: "replica", address: "10.0.0.2", protect: false },
    };
    const flags = (changes: RawConfig) => {
      const { spec } = specOf(config({ platform: "existing", hosts, ...changes }));
      return [spec.protect, ...spec.hosts.map((host) => host.protect)];
    };
    expect(flags({})).toEqual([true, true, false]);
    expect(flags({ protect: false })).toEqual([false, false, false]);
    expect(specOf(config()).spec).toMatchObject({ protect: false, hosts: [{ protect: false }] });
  });

  test("of secrets only the names are kept", () => {
    const raw = config({
      roles: { app: { access: "readonly", passwordSecret: "app_pw" } },
      secrets: { app_pw: "topsecret", spare: "another1" },
    });
    const { spec, warnings } = specOf(raw);
    expect(spec.roles[0]).toEqual({
      name: "app",
      login: true,
      connectionLimit: -1,
      access: "readonly",
      password: { kind: "secret", name: "app_pw" },
    });
    expect(JSON.stringify({ spec, warnings })).not.toMatch(/topsecret|another1/);
    expect(warnings).toEqual(["secrets.spare is used by no role."]);
  });

  test("an override that the given check refuses is a problem", () => {
    const problems = problemsOf(config({ parameters: { work_mem: "64MB" } }), {
      validateOverride: (name, value, version) => `${name} ${value} ${version} refused`,
    });
    expect(problems).toEqual([{ path: "parameters.work_mem", message: "work_mem 64MB 17 refused" }]);
  });

  test("a machine with room, the version and free ports is no problem; other platforms do not look at it", () => {
    const taken = [{ address: "127.0.10.7", port: 5432, by: "x" }];
    expect(problemsOf(config(), { machine: { installedMajors: [17], memoryMb: 512, portsInUse: taken } })).toEqual([]);
    const elsewhere = config({ platform: "existing", hosts: { db1: { role: "primary", address: "10.0.0.1" } } });
    expect(problemsOf(elsewhere, { machine: { installedMajors: [], memoryMb: 1, portsInUse: [] } })).toEqual([]);
  });
});

describe("the order of names", () => {
  test("is one, whatever order they come in", () => {
    const name = fc.stringMatching(/^[a-c]{0,2}[0-9]{0,3}-?[0-9]{0,2}$/);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 8 }), fc.nat(), (names, seed) => {
        const shuffled = names
          .toSorted((a, b) => ((a.length * 31 + seed) % 7) - ((b.length * 31 + seed) % 7))
          .reverse();
        expect(shuffled.toSorted(byName)).toEqual(names.toSorted(byName));
      }),
      { numRuns: 2000 },
    );
    expect(["db10", "db2", "db", "db1", "a"].toSorted(byName)).toEqual(["a", "db", "db1", "db2", "db10"]);
  });
});

describe("the engine and the file give the same", () => {
  const full = config({
    hosts: { pool1: { role: "pooler", address: "127.0.10.10" }, ...fleet() },
    connections: 100,
    parameters: { work_mem: "64MB", jit: false },
    pooler: { poolSize: 7 },
    monitoring: { enabled: true, retention: "30d" },
    roles: { own: { access: "owner", login: false }, app: { access: "readwrite" } },
    databases: { shop: { owner: "own", extensions: ["hstore"] }, cart: { owner: "own" } },
    allowedNetworks: ["10.0.0.0/8"],
    stateDir: "/var/lib/pgfleet/test",
  });

  test("spec, in every order of keys", () => {
    expect(JSON.stringify(specOf(engineStyle(full)).spec)).toBe(JSON.stringify(specOf(full).spec));
  });

  test.each(["local", "prod"])("Pulumi.%s.yaml", (stack) => {
    const { raw } = parseStackFile(stackFile(stack), `Pulumi.${stack}.yaml`);
    expect(JSON.stringify(specOf(engineStyle(raw)).spec)).toBe(JSON.stringify(specOf(raw).spec));
  });

  test("problems", () => {
    const bad = config({
      version: 12,
      memory: "32G",
      cpus: 0,
      hosts: fleet({ db2: { role: "replica", address: "127.0.10.1" } }),
      pooler: { poolSize: 0 },
    });
    const engine = problemsOf(engineStyle(bad));
    expect(engine.length).toBe(5);
    expect(engine).toEqual(problemsOf(bad));
  });
});

describe("the stack files", () => {
  test("Pulumi.local.yaml: a primary, two replicas, a pooler and monitoring on this machine", () => {
    const result = loadStackFile(stackFile("local"), "Pulumi.local.yaml", { stack: "local" });
    if (!result.ok) throw new Error(formatProblems(result.problems, "local"));
    const { spec } = result;
    expect(result.warnings).toEqual([]);
    expect(spec.hosts.map((h) => `${h.name} ${h.role} ${h.address} ${h.memoryMb}`)).toEqual([
      "db1 primary 127.0.10.1 1024",
      "db2 replica 127.0.10.2 1024",
      "db3 replica 127.0.10.3 1024",
      "pool1 pooler 127.0.10.10 1024",
      "mon1 monitoring 127.0.10.20 1024",
    ]);
    expect(spec.cluster).toMatchObject({ name: "broxiva", version: 15, connections: 50 });
    expect(spec.databases).toEqual([{ name: "broxiva", owner: "broxiva_owner", extensions: ["pg_stat_statements"] }]);
  });

  test("Pulumi.prod.yaml: four members of 32GB, two poolers, nothing secret in clear", () => {
    const result = loadStackFile(stackFile("prod"), "Pulumi.prod.yaml", { stack: "prod" });
    if (!result.ok) throw new Error(formatProblems(result.problems, "prod"));
    const { spec } = result;
    expect(result.warnings).toEqual([]);
    const members = spec.hosts.filter((h) => h.role === "primary" || h.role === "replica");
    expect(members.map((h) => [h.memoryMb, h.cpus])).toEqual(members.map(() => [32768, 8]));
    expect(members).toHaveLength(4);
    expect(spec.hosts.map((h) => `${h.name} ${h.aws?.instanceType} ${h.aws?.zone}`)).toEqual([
      "db1 m7g.2xlarge eu-central-1a",
      "db2 m7g.2xlarge eu-central-1b",
      "db3 m7g.2xlarge eu-central-1c",
      "db4 m7g.2xlarge eu-central-1a",
      "pool1 t4g.small eu-central-1a",
      "pool2 t4g.small eu-central-1b",
      "mon1 t4g.medium eu-central-1c",
    ]);
    expect(spec.pooler?.hosts).toEqual(["pool1", "pool2"]);
    expect(stackFile("prod")).not.toMatch(/password:|secure:/);
  });
});

describe("many mistakes, one message", () => {
  const text = `config:
  postgres-fleet:cluster: Broxiva
  postgres-fleet:version: 13
  postgres-fleet:memory: 32G
  postgres-fleet:cpus: 0
  postgres-fleet:poolsize: 3
  postgres-fleet:hosts:
    db1: { role: primary, address: 127.0.10.1 }
    db2:
      role: primary
      address: 127.0.10.1
      memory: 5
    pool1: { role: pooler, address: 10.0.0.1 }
  postgres-fleet:pooler: { hosts: [pool9] }
  postgres-fleet:databases: { broxiva: { owner: nobody } }
`;
  test("each has its key path and its line, in the order of the file", () => {
    const result = loadStackFile(text, "Pulumi.bad.yaml", { stack: "bad" });
    if (result.ok) throw new Error("accepted");
    const message = formatProblems(result.problems, "bad");
    const heads = message.split("\n").filter((line) => /^ {2}\S/.test(line));
    expect(message.split("\n")[0]).toBe('Config of stack "bad" has 14 problems; nothing was changed.');
    expect(heads).toEqual([
      "  initdb  (Pulumi.bad.yaml:1)",
      "  disk  (Pulumi.bad.yaml:1)",
      "  cluster  (Pulumi.bad.yaml:2)",
      "  version  (Pulumi.bad.yaml:3)",
      "  memory  (Pulumi.bad.yaml:4)",
      "  cpus  (Pulumi.bad.yaml:5)",
      "  poolsize  (Pulumi.bad.yaml:6)",
      "  hosts  (Pulumi.bad.yaml:7)",
      "  hosts.db2.address  (Pulumi.bad.yaml:11)",
      "  hosts.db2.memory  (Pulumi.bad.yaml:12)",
      "  hosts.pool1.address  (Pulumi.bad.yaml:13)",
      "  pooler.hosts[0]  (Pulumi.bad.yaml:14)",
      "  pooler.hosts  (Pulumi.bad.yaml:14)",
      "  databases.broxiva.owner  (Pulumi.bad.yaml:15)",
    ]);
  });

  test("nothing at all names every required key", () => {
    const result = loadFleet({}, { stack: "empty" });
    expect(result.ok ? [] : result.problems.map((p) => p.path)).toEqual(["cluster", "version", "initdb", "hosts"]);
  });
});
