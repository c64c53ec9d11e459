import { describe, expect, test } from "vitest";
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

describe("pg_ident.conf", () => {
  test("root and the server's user may be the superuser; only the latter the exporter", () => {
    expect(identLines("postgres").map((line) => line.replace(/ +/g, " "))).toEqual([
      "pgfleet root postgres",
      "pgfleet postgres postgres",
      "pgfleet postgres pgfleet_exporter",
    ]);
    expect(identLines("anna.b").map((line) => line.replace(/ +/g, " "))).toContain('pgfleet "anna.b" postgres');
  });
});
