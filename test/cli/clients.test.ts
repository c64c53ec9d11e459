/** Settings for applications follow the pooler's mode, version and sizes, and never hold a password. */

import { parse as parseConnection } from "node:querystring";
import { describe, expect, test } from "vitest";
import { CLIENTS, notes, snippet } from "../../cli/clients/snippets.ts";
import { clientEndpoint, clientUrls } from "../../infra/clients.ts";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { fleet, host, tls } from "../rendering/fixture.ts";
import { pgfleet, stackFile } from "./support.ts";

const hosts = [
  host("db1", "primary", "10.0.0.1"),
  host("db2", "replica", "10.0.0.2"),
  host("pool1", "pooler", "10.0.0.11"),
  host("pool2", "pooler", "10.0.0.12"),
];
const spec = (pooler: object = {}, changes: Partial<FleetSpec> = {}): FleetSpec =>
  fleet({
    platform: "existing",
    hosts,
    pooler: { ...fleet().pooler!, hosts: ["pool1", "pool2"], ...pooler },
    ...changes,
  });
const endpoint = (version = "1.18.0", fleetSpec = spec(), instances = 2) =>
  clientEndpoint(fleetSpec, "app", "app", instances, version);
const prisma = (version: string, pooler: object = {}) => {
  const text = snippet("prisma", endpoint(version, spec(pooler)));
  return parseConnection(/DATABASE_URL="[^?]*\?([^"]*)"/.exec(text)![1]!);
};

describe("TLS", () => {
  const encrypted = (changes: object = {}) => endpoint("1.21.0", spec({}, { tls: { ...tls, ...changes } }));

  test.each(CLIENTS)("%s checks whom it speaks to", (client) => {
    const text = snippet(client, encrypted());
    expect(text).toContain("root.crt");
    const checks = {
      "node-postgres": /ssl: \{ ca: .*host: "10\.0\.0\.11" \}/,
      typeorm: /ssl: \{ ca: .*host: "10\.0\.0\.11" \}/,
    };
    const strict = client === "prisma" ? /sslmode=require&sslaccept=strict/ : /sslmode=verify-full/;
    expect(text).toMatch(client in checks ? checks[client as keyof typeof checks] : strict);
    expect(snippet(client, endpoint("1.21.0"))).not.toMatch(/ssl/);
  });

  test("URLs of the stack say it", () => {
    const urls = clientUrls(spec({}, { tls }));
    expect(urls.app!.app!.readWrite).toMatch(/\?sslmode=verify-full&sslrootcert=root\.crt$/);
    expect(clientUrls(spec()).app!.app!.readWrite).not.toContain("ssl");
  });

  test("where clients may come without it, they are not told to insist", () => {
    expect(snippet("psql", encrypted({ clients: "prefer" }))).toContain("sslmode=prefer");
    expect(encrypted({ required: false }).tls).toBe("prefer");
  });

  test("what to trust, and where from, is said", () => {
    expect(notes(encrypted(), 2)[0]).toContain("pulumi stack output rootCertificates");
  });
});

describe("settings of clients", () => {
  test("writes go to the primary's entry, reads to that of the replicas", () => {
    const { readWrite, readOnly } = endpoint();
    expect([readWrite.database, readOnly.database]).toEqual(["app", "app_ro"]);
    expect(readWrite.hosts.map((h) => `${h.address}:${h.port}`)).toEqual(["10.0.0.11:6432", "10.0.0.12:6432"]);
  });

  test("prepared statements are turned off exactly where the pooler does not keep them", () => {
    expect(prisma("1.18.0")).toMatchObject({ pgbouncer: "true" });
    expect(prisma("1.21.0")).not.toHaveProperty("pgbouncer");
    expect(prisma("1.21.0", { maxPreparedStatements: 0 })).toMatchObject({ pgbouncer: "true" });
    expect(prisma("1.18.0", { poolMode: "session" })).not.toHaveProperty("pgbouncer");
    const of = (client: "jdbc" | "sqlalchemy", version: string) => snippet(client, endpoint(version));
    expect(of("jdbc", "1.18.0")).toContain("prepareThreshold=0");
    expect(of("jdbc", "1.21.0")).not.toContain("prepareThreshold");
    expect(of("sqlalchemy", "1.18.0")).toContain('"prepare_threshold": None');
    expect(of("sqlalchemy", "1.21.0")).not.toContain("prepare_threshold");
  });

  test("instances share the pools: together they ask for no more than there are", () => {
    // 20 connections of each of two PgBouncers.
    for (const instances of [1, 2, 5, 10]) expect(endpoint("1.18.0", spec(), instances).pool.max).toBe(40 / instances);
    expect(endpoint("1.18.0", spec({ processes: 2 }), 4).pool.max).toBe(20);
    expect(endpoint("1.18.0", spec({ maxClientConnections: 4 }), 2).pool.max).toBe(2);
  });

  test("Prisma with a driver adapter has the pool of node-postgres, and migrations their own way", () => {
    const text = snippet("prisma", endpoint());
    const options = (what: string) => new RegExp(`${what}[^}]*database: "(\\w+)"[^}]*max: (\\d+)`).exec(text)?.slice(1);
    expect(options("writer = ")).toEqual(["app", "20"]);
    expect(options("reader = ")).toEqual(["app_ro", "20"]);
    expect(text).toMatch(/migrationAdapter = new PrismaPg\(\{\s+host: "10\.0\.0\.1",\s+port: 5432,/);
    expect(snippet("prisma", endpoint("1.18.0", spec({}, { allowedNetworks: [] })))).not.toContain("migrationAdapter");
  });

  test("waiting for a connection outlasts a restart", () => {
    const slow = spec({}, { rollout: { limitSeconds: 20, tries: 3, terminate: false } });
    expect(endpoint("1.18.0", slow).pool.waitSeconds).toBeGreaterThan(20);
    expect(snippet("node-postgres", endpoint("1.18.0", slow))).toContain("connectionTimeoutMillis: 30000");
  });

  test("migrations go past the pooler where something lets the role in", () => {
    expect(snippet("prisma", endpoint())).toContain('DIRECT_URL="postgresql://app:<password>@10.0.0.1:5432/app"');
    const closed = endpoint("1.18.0", spec({}, { allowedNetworks: [] }));
    expect(snippet("prisma", closed)).not.toContain("DIRECT_URL");
    expect(notes(closed, 2).join()).toContain("allowedNetworks");
  });

  test("a role that does not log in there is refused with those that do", () => {
    expect(() => clientEndpoint(spec(), "staff", "app", 1)).toThrow(
      'role "staff" does not log into app; these do: app, reporter',
    );
    expect(() => clientEndpoint(spec(), "app", "x", 1)).toThrow('there is no database "x"; databases are: app');
  });

  test("stack outputs have URLs for every login, with a placeholder", () => {
    const urls = clientUrls(spec());
    expect(Object.keys(urls)).toEqual(["app", "reporter"]);
    expect(urls.reporter!.app!.readOnly).toBe("postgresql://reporter:<password>@10.0.0.11:6432,10.0.0.12:6432/app_ro");
  });
});

describe("pgfleet clients", () => {
  test.each(CLIENTS)("--for %s", (client) => {
    const stack = stackFile();
    const { code, stdout, stderr } = pgfleet(["clients", "--stack", "test", "--config-file", stack, "--for", client]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const part of ["127.0.99.10", "6432", "shop_ro", "shop_app"]) expect(stdout).toContain(part);
  });

  test("--format json, and a wrong role", () => {
    const stack = stackFile();
    const base = ["clients", "--stack", "test", "--config-file", stack];
    const { stdout } = pgfleet([...base, "--format", "json", "--for", "prisma"]);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      role: "shop_app",
      database: "shop",
      poolMode: "transaction",
    });
    const wrong = pgfleet([...base, "--role", "x"]);
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toContain("these do: shop_app");
  });
});
