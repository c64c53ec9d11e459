import { describe, expect, test } from "vitest";
import type { HbaRuleSpec } from "../../infra/config/spec.ts";
import { hbaGroups, identLines } from "../../infra/rendering/hba.ts";
import { fleet, host } from "./fixture.ts";

const remote = fleet({
  platform: "existing",
  hosts: [
    host("db1", "primary", "10.0.0.1"),
    host("db2", "replica", "10.0.0.2"),
    host("db3", "replica", "10.0.0.3"),
    host("pool1", "pooler", "10.0.0.11"),
    host("pool2", "pooler", "10.0.0.12"),
  ],
  pooler: {
    hosts: ["pool1", "pool2"],
    poolMode: "transaction",
    maxClientConnections: 500,
    poolSize: 20,
    reservePoolSize: 5,
    port: 6432,
    parameters: {},
  },
  databases: [
    { name: "app", owner: "app", extensions: [] },
    { name: "all", owner: "app", extensions: [] },
  ],
  allowedNetworks: ["10.1.0.0/16", "fd00::/8"],
});
const lines = (spec = remote, name = "db1"): string[] =>
  hbaGroups(spec, spec.hosts.find((h) => h.name === name)!).flatMap((group) =>
    group.lines.map((line) => line.replace(/ +/g, " ").trim()),
  );

describe("pg_hba.conf", () => {
  test("each line, in order", () => {
    expect(lines()).toEqual([
      "local all postgres peer map=pgfleet",
      "local replication postgres peer map=pgfleet",
      "local all pgfleet_exporter peer map=pgfleet",
      "host replication pgfleet_replicator 10.0.0.2/32 scram-sha-256",
      "host replication pgfleet_replicator 10.0.0.3/32 scram-sha-256",
      "host app app,reporter 10.0.0.11/32 scram-sha-256",
      'host "all" app,reporter 10.0.0.11/32 scram-sha-256',
      "host app app,reporter 10.0.0.12/32 scram-sha-256",
      'host "all" app,reporter 10.0.0.12/32 scram-sha-256',
      "host app app,reporter 10.1.0.0/16 scram-sha-256",
      'host "all" app,reporter 10.1.0.0/16 scram-sha-256',
      "host app app,reporter fd00::/8 scram-sha-256",
      'host "all" app,reporter fd00::/8 scram-sha-256',
      "local all all reject",
      "local replication all reject",
      "host all all all reject",
      "host replication all all reject",
    ]);
  });

  test("a member names every other member and never itself", () => {
    expect(lines(remote, "db2").filter((line) => line.includes("pgfleet_replicator"))).toEqual([
      "host replication pgfleet_replicator 10.0.0.1/32 scram-sha-256",
      "host replication pgfleet_replicator 10.0.0.3/32 scram-sha-256",
    ]);
  });

  test("on platform local every address is 127.0.0.1/32 and no line is there twice", () => {
    const all = lines(fleet({ allowedNetworks: ["10.1.0.0/16"] }));
    expect(new Set(all).size).toBe(all.length);
    for (const line of all.filter((one) => one.startsWith("host") && !one.endsWith("reject")))
      expect(line).toContain(" 127.0.0.1/32 ");
    expect(all.filter((line) => line.startsWith("host app "))).toHaveLength(1);
  });

  test("nothing weaker than SCRAM, and no password for the superuser at all", () => {
    for (const line of lines()) {
      expect(line).toMatch(/(scram-sha-256|reject|peer map=pgfleet)$/);
      if (line.split(" ")[2] === "postgres") expect(line).toMatch(/^local .* peer/);
    }
  });

  test("without roles that log in, and without a pooler or networks, nobody from outside gets in", () => {
    const closed = lines({ ...remote, roles: [] });
    expect(closed.filter((line) => line.includes("scram"))).toHaveLength(2);
    const { pooler: _, ...noPooler } = remote;
    expect(lines({ ...noPooler, allowedNetworks: [] }).filter((line) => line.includes("app"))).toEqual([]);
  });
});

describe("rules of the config", () => {
  const rule = (changes: Partial<HbaRuleSpec>): HbaRuleSpec => ({
    index: 0,
    databases: ["app"],
    users: ["reporter"],
    from: ["10.7.0.0/16"],
    method: "scram-sha-256",
    options: {},
    order: 600,
    ...changes,
  });
  const withRules = (...hba: HbaRuleSpec[]) => ({ ...remote, adminNetworks: ["10.99.0.0/24"], hba });

  test("stand at their order, behind derived lines of the same one", () => {
    const all = lines(
      withRules(
        rule({}),
        rule({ index: 1, order: 500, from: ["10.8.0.0/16"] }),
        rule({ index: 2, order: 350, from: ["10.1.3.0/24"], method: "reject" }),
      ),
    );
    const at = (text: string): number => all.findIndex((line) => line.includes(text));
    const places = [
      "10.0.0.3/32",
      "10.1.3.0/24",
      "10.0.0.11/32",
      "10.1.0.0/16",
      "10.8.0.0/16",
      "10.7.0.0/16",
      "all all all reject",
    ];
    expect(places.map(at)).toEqual(places.map(at).toSorted((a, b) => a - b));
    expect(places.map(at)).not.toContain(-1);
  });

  test("never reach the project's own roles, whoever they name", () => {
    const all = lines(
      withRules(rule({ users: ["all"], databases: ["all"], method: "trust", order: 301, exception: "x" })),
    );
    const refused = all.indexOf("host all postgres,pgfleet_exporter,pgfleet_replicator all reject");
    expect(refused).toBeGreaterThan(-1);
    expect(all.indexOf("host all all 10.7.0.0/16 trust")).toBeGreaterThan(refused);
  });

  test("aliases are the addresses they stand for", () => {
    const from = (alias: string): string[] =>
      lines(withRules(rule({ from: [alias], users: ["+staff"] }))).filter((line) => line.includes("+staff"));
    expect(from("cluster")).toEqual([1, 2, 3].map((i) => `host app +staff 10.0.0.${i}/32 scram-sha-256`));
    expect(from("pooler")).toEqual([11, 12].map((i) => `host app +staff 10.0.0.${i}/32 scram-sha-256`));
    expect(from("app")).toEqual(["10.1.0.0/16", "fd00::/8"].map((net) => `host app +staff ${net} scram-sha-256`));
    expect(from("admin")).toEqual(["host app +staff 10.99.0.0/24 scram-sha-256"]);
    expect(from("socket")).toEqual(["local app +staff scram-sha-256"]);
  });

  test("are on the members they name", () => {
    const has = (spec: typeof remote, name: string): boolean =>
      lines(spec, name).some((line) => line.includes("10.7.0.0/16"));
    const replicas = withRules(rule({ role: "replica" }));
    expect(["db1", "db2", "db3"].map((name) => has(replicas, name))).toEqual([false, true, true]);
    const named = withRules(rule({ hosts: ["db1", "db3"] }));
    expect(["db1", "db2", "db3"].map((name) => has(named, name))).toEqual([true, false, true]);
    // The role moves with the key `primary`.
    expect(has({ ...replicas, primary: "db2" }, "db1")).toBe(true);
  });

  test("on platform local an alias is 127.0.0.1 and a network is what it was", () => {
    const local = lines(fleet({ hba: [rule({ from: ["pooler", "10.7.0.0/16"], users: ["all"] })] }));
    expect(local).toContain("host app all 127.0.0.1/32 scram-sha-256");
    expect(local).toContain("host app all 10.7.0.0/16 scram-sha-256");
  });

  test("carry their comment and why they are an exception, on one line each", () => {
    const [group] = hbaGroups(
      withRules(rule({ comment: "two\nlines", exception: "old appliance", method: "md5" })),
      remote.hosts[0]!,
    ).filter(({ lines: all }) => all[0]!.includes("md5"));
    expect(group!.comments).toEqual(["hba[0]: two lines", "Exception: old appliance"]);
  });

  test("a role that is for other databases, or only replicates, has no line; an alternate has its twin's", () => {
    const [app, reporter] = remote.roles;
    const spec = {
      ...remote,
      roles: [
        { ...app!, databases: ["all"] },
        { ...reporter!, name: "stream", access: "replication" as const },
        { ...app!, name: "app_b", alternateOf: "app", databases: ["all"] },
      ],
      hba: [rule({ users: ["app"], databases: ["all"] })],
    };
    const all = lines(spec).filter((line) => !line.includes("reject"));
    expect(all.filter((line) => line.startsWith("host app "))).toEqual([]);
    expect(all).toContain('host "all" app,app_b 10.1.0.0/16 scram-sha-256');
    expect(all).toContain("host all app,app_b 10.7.0.0/16 scram-sha-256");
    expect(all.join()).not.toContain("stream");
  });
});

describe("pg_ident.conf", () => {
  test("has the maps of the config", () => {
    const all = identLines("postgres", [{ map: "people", osUser: "anna", role: "reporter" }]);
    expect(all.map((line) => line.replace(/ +/g, " ")).at(-1)).toBe("people anna reporter");
  });

  test("root and the server's user may be the superuser; only the latter the exporter", () => {
    expect(identLines("postgres").map((line) => line.replace(/ +/g, " "))).toEqual([
      "pgfleet root postgres",
      "pgfleet postgres postgres",
      "pgfleet postgres pgfleet_exporter",
    ]);
    expect(identLines("anna.b").map((line) => line.replace(/ +/g, " "))).toContain('pgfleet "anna.b" postgres');
  });
});
