/**
 * Who gets in, on real servers: every role × database × source × path × with TLS or without. What should work is worked
 * out from the declaration alone, and everything else is refused.
 */

import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { config } from "../config/support.ts";
import { From } from "./support/from-address.ts";
import { RenderedFleet } from "./support/rendered-fleet.ts";

interface Role {
  access: string;
  login?: boolean;
  databases?: string[];
  grants?: Record<string, unknown>;
  alternate?: string;
  validUntil?: string;
}

const ROLES: Record<string, Role> = {
  own: { access: "owner", login: false },
  mig: { access: "migration" },
  app: { access: "readwrite", databases: ["shop"], alternate: "app_b" },
  reports: { access: "readonly" },
  auditor: { access: "none", grants: { shop: { audit: { tables: ["SELECT"] } } } },
  watch: { access: "monitoring" },
  stream: { access: "replication" },
  expired: { access: "readonly", validUntil: "2001-01-01T00:00:00Z" },
  outside: { access: "none" },
};
const DATABASES: Record<string, object> = {
  shop: { owner: "own", schemas: ["audit"] },
  stock: { owner: "own" },
  closed: { owner: "own", allowConnections: false },
};
const PRIMARY = "127.0.97.1";
const REPLICA = "127.0.97.2";
/** Where PgBouncer's connections to servers come from, whatever it listens on: all of this is one machine. */
const POOLER = "127.0.0.1";
const POOLER_PORT = 6497;

/** What of the declaration speaks of sources: a name for each, with an address that it means. */
const SOURCES = {
  allowed: "127.0.98.9",
  blocked: "127.0.98.66",
  admin: "127.0.99.5",
  pooler: POOLER,
  member: REPLICA,
  elsewhere: "127.0.96.1",
} as const;
type Source = keyof typeof SOURCES;

const declaration = config({
  version: 15,
  memory: "1GB",
  connections: 80,
  hosts: {
    db1: { role: "primary", address: PRIMARY },
    db2: { role: "replica", address: REPLICA },
    pool1: { role: "pooler", address: "127.0.97.3" },
  },
  databases: DATABASES,
  roles: ROLES,
  allowedNetworks: ["127.0.98.0/24"],
  adminNetworks: ["127.0.99.0/24"],
  hba: [
    { database: "shop", user: "reports", from: "admin" },
    { database: "all", user: "all", from: `${SOURCES.blocked}/32`, method: "reject", order: 450 },
  ],
  pooler: { port: POOLER_PORT, statsUsers: ["watch"], poolSize: 2, reservePoolSize: 0 },
});

/** Addresses count as they are written, as on machines of their own; but a replica's connection comes from POOLER too. */
const onMachines = (spec: FleetSpec): FleetSpec => ({
  ...spec,
  platform: "existing",
  hosts: spec.hosts.map((host) => (host.name === "pool1" ? { ...host, address: POOLER } : host)),
  hba: [
    ...spec.hba!,
    {
      index: spec.hba!.length,
      databases: ["replication"],
      users: ["pgfleet_replicator"],
      from: [`${POOLER}/32`],
      method: "scram-sha-256",
      options: {},
      order: 250,
    },
  ],
});

const PROJECT = ["postgres", "pgfleet_exporter", "pgfleet_replicator", "pgfleet_stats"];
/** A role that somebody made by hand, with a password. */
const STRANGER = "stranger";
const NAMES = [...Object.keys(ROLES), "app_b", ...PROJECT, STRANGER];
const CONSOLE = "pgbouncer";

const declared = (name: string): Role | undefined =>
  ROLES[name] ?? Object.values(ROLES).find(({ alternate }) => alternate === name);

/** Has this role business in this database? */
function mayUse(name: string, database: string): boolean {
  const role = declared(name);
  const place = DATABASES[database] as { allowConnections?: boolean } | undefined;
  if (!role || !place || place.allowConnections === false) return false;
  if (role.login === false || role.validUntil !== undefined) return false;
  if (role.access === "owner" || role.access === "replication") return false;
  if (role.access === "none") return role.grants?.[database] !== undefined;
  return role.databases?.includes(database) ?? true;
}

/** May it come from there to a server? */
function mayComeFrom(source: Source, name: string, database: string): boolean {
  if (source === "admin") return name === "reports" && database === "shop";
  return source === "allowed" || source === "pooler";
}

interface Attempt {
  role: string;
  database: string;
  source: Source;
  path: "primary" | "replica" | "pooled";
  tls: boolean;
}

function shouldWork({ role, database, source, path, tls }: Attempt): boolean {
  if (!tls) return false;
  if (path !== "pooled") return mayUse(role, database) && mayComeFrom(source, role, database);
  if (database === CONSOLE) return role === "watch" || role === "pgfleet_stats";
  return mayUse(role, database.replace(/_ro$/, ""));
}

function everything(): Attempt[] {
  const attempts: Attempt[] = [];
  const servers = [...Object.keys(DATABASES), "postgres"];
  const entries = [...Object.keys(DATABASES).flatMap((name) => [name, `${name}_ro`]), "postgres", CONSOLE];
  for (const role of NAMES)
    for (const tls of [true, false])
      for (const source of Object.keys(SOURCES) as Source[]) {
        for (const path of ["primary", "replica"] as const)
          for (const database of servers) attempts.push({ role, database, source, path, tls });
        for (const database of entries) attempts.push({ role, database, source, path: "pooled", tls });
      }
  return attempts;
}

/** What says that somebody decided against it, and not that something went wrong. */
const REFUSALS = [
  /pg_hba\.conf rejects connection/,
  /permission denied for database/,
  /password authentication failed/,
  /is not currently accepting connections/,
  /is not permitted to log in/,
  /^SSL required$/,
  /^SASL authentication failed$/,
  /^no such database/,
  /not allowed/,
];

let fleet: RenderedFleet;
const passwordOf = (role: string): string => fleet.passwords[role] ?? "a password by hand";

/** "in", or why not. @param statement what is done inside, and undone */
async function enter(
  { role, database, source, path, tls }: Attempt,
  password = passwordOf(role),
  statement?: string,
): Promise<string> {
  const host = { primary: PRIMARY, replica: REPLICA, pooled: POOLER }[path];
  const client = new Client({
    host,
    port: path === "pooled" ? POOLER_PORT : 5432,
    user: role,
    database,
    password,
    ssl: tls ? ({ ca: fleet.authority, host } as object) : false,
    stream: () => new From(SOURCES[source]),
    connectionTimeoutMillis: 60_000,
  } as never);
  client.on("error", () => {});
  try {
    await client.connect();
    if (database === CONSOLE) {
      await client.query("SHOW LISTS");
      return "in";
    }
    if (statement) {
      await client.query(`BEGIN; ${statement}; ROLLBACK`);
      return "in";
    }
    // With a pooler between, being let in says nothing of the server.
    const found = await client.query("SELECT session_user AS who, pg_is_in_recovery() AS replica");
    const { who, replica } = found.rows[0] as { who: string; replica: boolean };
    const wanted = path === "replica" || database.endsWith("_ro");
    return who === role && replica === wanted ? "in" : `in as ${who} on a ${replica ? "replica" : "primary"}`;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

/** A few at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

fleet = new RenderedFleet(declaration, onMachines);
const { missing } = fleet;

describe.skipIf(missing.length > 0)(`who gets in${missing.length > 0 ? `: SKIPPED, missing ${missing}` : ""}`, () => {
  beforeAll(async () => {
    await fleet.start();
    for (const role of [STRANGER, "pgfleet_exporter"])
      fleet.sql("db1", `CREATE ROLE ${role} LOGIN PASSWORD '${passwordOf(role)}'`);
    fleet.sql("db1", `ALTER ROLE postgres PASSWORD '${passwordOf("postgres")}'`);
    fleet.sql(
      "db1",
      "SET ROLE own; CREATE TABLE orders (id serial PRIMARY KEY); CREATE TABLE audit.log (id int)",
      "shop",
    );
  });
  afterAll(() => fleet.stop());

  const all = everything();
  const words = ({ role, database, source, path, tls }: Attempt): string =>
    `${role} into ${database} from ${source}, ${path}, ${tls ? "with" : "without"} TLS`;
  const paths = ["primary", "replica", "pooled"] as const;
  const table = paths.flatMap((path) => (Object.keys(SOURCES) as Source[]).map((source) => [path, source] as const));

  test.each(table)("%s from %s: all that should work does, and all else is refused", async (path, source) => {
    const attempts = all.filter((one) => one.path === path && one.source === source);
    const wrong: string[] = [];
    await each(attempts, async (attempt) => {
      const answer = await enter(attempt);
      const right = shouldWork(attempt) ? answer === "in" : REFUSALS.some((pattern) => pattern.test(answer));
      if (!right) wrong.push(`${words(attempt)}: ${answer}`);
    });
    expect(wrong).toEqual([]);
  });

  test("the table is not empty on either side", () => {
    for (const path of paths) {
      const some = all.filter((one) => one.path === path);
      expect(some.filter(shouldWork).length).toBeGreaterThan(8);
      expect(some.filter((one) => !shouldWork(one)).length).toBeGreaterThan(100);
    }
  });

  test("inside, each does what its access says: reads, writes, and makes", async () => {
    const rights: Record<string, [reads: boolean, writes: boolean, makes: boolean]> = {
      mig: [true, true, true],
      app: [true, true, false],
      app_b: [true, true, false],
      reports: [true, false, false],
      auditor: [false, false, false],
      watch: [false, false, false],
    };
    const statements = ["SELECT FROM orders", "INSERT INTO orders DEFAULT VALUES", "CREATE TABLE made (id int)"];
    for (const path of ["primary", "pooled"] as const)
      for (const [role, may] of Object.entries(rights))
        for (const [n, statement] of statements.entries()) {
          // What was made goes again: nothing is left for the next one.
          const answer = await enter(
            { role, database: "shop", source: "allowed", path, tls: true },
            undefined,
            statement,
          );
          const what = `${role}, ${path}: ${statement}`;
          if (may[n]) expect(`${what}: ${answer}`).toBe(`${what}: in`);
          else expect(`${what}: ${answer}`).toMatch(/permission denied for/);
        }
    const onReplica: Attempt = { role: "app", database: "shop_ro", source: "allowed", path: "pooled", tls: true };
    expect(await enter(onReplica, undefined, statements[1])).toMatch(/read-only transaction/);
  });

  test("a wrong password opens nothing", async () => {
    const open = all.filter(shouldWork);
    const wrong: string[] = [];
    await each(open, async (attempt) => {
      const answer = await enter(attempt, "something else");
      if (!/authentication failed/.test(answer)) wrong.push(`${words(attempt)}: ${answer}`);
    });
    expect(wrong).toEqual([]);
  });
});
