/** Roles, databases and rights on real servers: what a stack file declares is what the catalog says, and nothing else. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Major } from "../../infra/config/spec.ts";
import { catalogObjects } from "../../infra/fleet.ts";
import type { DatabaseObjectsInputs, DatabaseObjectsOutputs } from "../../infra/resources.ts";
import { scramVerifier } from "../../provider/postgres/scram.ts";
import { databaseObjects } from "../../provider/resources/database-objects.ts";
import { PartialFailure } from "../../provider/types.ts";
import { config, specOf } from "../config/support.ts";
import { type Bare, bareServer, binaries, dumpCatalog, inputsFor, listening } from "./support/catalog.ts";

const verifiers = new Map<string, string>();
const verifierOf = (role: string): string => {
  if (!verifiers.has(role)) verifiers.set(role, scramVerifier(`pw-${role}`));
  return verifiers.get(role)!;
};

/** Everything that can be said about roles and databases, once. */
const everything = {
  databases: {
    shop: {
      owner: "shop_owner",
      schemas: ["audit", "ext"],
      extensions: ["hstore", "earthdistance"],
      extensionSchemas: { hstore: "ext" },
      connectionLimit: 50,
    },
    stock: { owner: "stock_owner" },
  },
  roles: {
    shop_owner: { access: "owner", login: false },
    stock_owner: { access: "owner", login: false },
    shop_migrate: { access: "migration", databases: ["shop"] },
    app: {
      access: "readwrite",
      databases: ["shop"],
      connectionLimit: 20,
      alternate: "app_b",
      parameters: {
        statement_timeout: "30s",
        search_path: '"$user", audit, public',
        "pg_trgm.similarity_threshold": 0.5,
      },
    },
    reports: { access: "readonly", validUntil: "2031-02-03T04:05:06Z", memberOf: ["pg_read_all_settings"] },
    auditor: {
      access: "none",
      grants: { shop: { audit: { tables: ["SELECT"], sequences: ["SELECT"], functions: ["EXECUTE"], create: true } } },
    },
    watch: { access: "monitoring" },
    stream: { access: "replication" },
  },
};

function declare(bare: Bare, raw: object, more: Partial<DatabaseObjectsInputs> = {}): DatabaseObjectsInputs {
  const { roles, ...rest } = catalogObjects(specOf(config({ ...everything, ...raw })).spec);
  const login = Object.entries(roles).filter(([, role]) => role.login);
  return inputsFor(bare, {
    ...rest,
    roles: Object.fromEntries(Object.entries(roles).map(([name, role]) => [name, { ...role, credentialVersion: 1 }])),
    verifiers: Object.fromEntries(login.map(([name]) => [name, verifierOf(name)])),
    ...more,
  });
}

// The newest is tested where it can be had.
const majors: Major[] = [15, 18, ...((await binaries(19)) ? [19] : [])];
describe.each(majors)("PostgreSQL %i", (major) => {
  let bare: Bare;
  let state: DatabaseObjectsOutputs;

  const up = async (inputs: DatabaseObjectsInputs): Promise<string[]> => {
    const context = listening();
    state = state
      ? await databaseObjects.update("main", state, inputs, context)
      : (await databaseObjects.create(inputs, context)).outputs;
    return context.said;
  };
  const read = async (): Promise<DatabaseObjectsOutputs> =>
    (await databaseObjects.read("main", state, state, listening()))!.outputs;
  /** What read finds after `sql`, and that a second `up` mends it. */
  const mended = async (sql: string, database?: string): Promise<string[]> => {
    const before = await dumpCatalog(bare, ["shop", "stock"]);
    await bare.sql(sql, database);
    const { drift } = await read();
    await up(state);
    expect(await dumpCatalog(bare, ["shop", "stock"])).toEqual(before);
    expect((await read()).drift).toEqual([]);
    return drift;
  };
  const asked = async (role: string, sql: string, database = "shop"): Promise<boolean> => {
    const [row] = await bare.rows<{ ok: boolean }>(sql.replaceAll("$role", `'${role}'`), database);
    return row!.ok;
  };
  const may = (role: string, privilege: string, table: string, database = "shop"): Promise<boolean> =>
    asked(role, `SELECT has_table_privilege($role, '${table}', '${privilege}') AS ok`, database);

  beforeAll(async () => {
    const from = await binaries(major);
    if (!from) throw new Error(`there is no PostgreSQL ${major} to test with`);
    bare = await bareServer(from, { shared_preload_libraries: "" });
    // Somebody else's, there before.
    await bare.sql("CREATE ROLE datadog LOGIN CREATEDB; CREATE ROLE reports SUPERUSER; GRANT datadog TO reports;");
    await bare.sql("CREATE DATABASE wiki;");
  });
  afterAll(() => bare?.stop());

  test("what is declared is made, and what is there already is taken over and said", async () => {
    const said = await up(declare(bare, {}));
    expect(said.filter((line) => line.startsWith("warning"))).toEqual([
      expect.stringMatching(
        /^warning: role reports was there already and is taken over: .*has SUPERUSER.*is in datadog/,
      ),
    ]);
    expect(await read()).toMatchObject({ drift: [], undeclared: ["database wiki", "role datadog (LOGIN, CREATEDB)"] });
    expect(await dumpCatalog(bare, ["shop", "stock"])).toMatchObject({
      members: [
        { member: "app_b", role: "app", admin_option: false },
        { member: "reports", role: "pg_read_all_settings", admin_option: false },
        { member: "shop_migrate", role: "shop_owner", admin_option: false },
        { member: "watch", role: "pg_monitor", admin_option: false },
      ],
      settings: [
        {
          rolname: "app",
          datname: null,
          config: ["pg_trgm.similarity_threshold=0.5", 'search_path="$user", audit, public', "statement_timeout=30s"],
        },
        { rolname: "app_b", datname: null, config: expect.arrayContaining(["statement_timeout=30s"]) },
        { rolname: "shop_migrate", datname: null, config: ["role=shop_owner"] },
      ],
      shop: {
        extensions: [
          { extname: "cube", nspname: "public" },
          { extname: "earthdistance", nspname: "public" },
          { extname: "hstore", nspname: "ext" },
          { extname: "plpgsql", nspname: "pg_catalog" },
        ],
      },
    });
  });

  test("a second time changes nothing", async () => {
    const xid = async (): Promise<unknown> => bare.rows("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS x");
    const before = await xid();
    expect((await up(state)).filter((line) => /role|database/.test(line))).toEqual([]);
    expect(await xid()).toEqual(before);
  });

  test("tables that the migration makes later belong to the owner, and readers and writers have their rights", async () => {
    // As a session of shop_migrate begins: with its role set to the owner.
    await bare.sql(
      "SET SESSION AUTHORIZATION shop_migrate; SET ROLE shop_owner; CREATE TABLE orders (id serial, n int); CREATE TABLE audit.log (id serial); CREATE FUNCTION audit.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
      "shop",
    );
    expect(await may("app", "INSERT", "orders")).toBe(true);
    expect(await may("app_b", "INSERT", "orders")).toBe(true);
    expect(await may("app", "TRUNCATE", "orders")).toBe(false);
    expect(await may("reports", "SELECT", "orders")).toBe(true);
    expect(await may("reports", "INSERT", "orders")).toBe(false);
    expect(await may("auditor", "SELECT", "audit.log")).toBe(true);
    expect(await may("auditor", "SELECT", "orders")).toBe(false);
    expect(await may("stream", "SELECT", "orders")).toBe(false);
    expect(await asked("app", "SELECT has_sequence_privilege($role, 'orders_id_seq', 'USAGE') AS ok")).toBe(true);
    const into = (role: string, database: string): Promise<boolean> =>
      asked(role, `SELECT has_database_privilege($role, '${database}', 'CONNECT') AS ok`);
    expect(await into("app", "stock")).toBe(false);
    expect(await into("app_b", "shop")).toBe(true);
    expect(await into("reports", "stock")).toBe(true);
    expect(await into("watch", "postgres")).toBe(true);
    expect(await into("app", "postgres")).toBe(false);
    expect(await into("datadog", "shop")).toBe(false);
    expect(await asked("reports", "SELECT has_schema_privilege($role, 'public', 'CREATE') AS ok")).toBe(false);
    expect((await read()).drift).toEqual([]);
  });

  test.each([
    [
      "ALTER ROLE app NOLOGIN CONNECTION LIMIT 3",
      ["role app may not log in", "role app has connection limit 3, not 20"],
    ],
    ["ALTER ROLE app CREATEROLE BYPASSRLS", ["role app has CREATEROLE", "role app has BYPASSRLS"]],
    ["ALTER ROLE app PASSWORD NULL", ["role app has another password"]],
    ["ALTER ROLE shop_owner PASSWORD 'x'", ["role shop_owner has a password and needs none"]],
    [
      "ALTER ROLE reports VALID UNTIL '2040-01-01 00:00:00Z'",
      ["role reports is valid until 2040-01-01T00:00:00Z, not 2031-02-03T04:05:06Z"],
    ],
    ["GRANT shop_owner TO reports", ["role reports is in shop_owner"]],
    ["GRANT app TO app_b WITH ADMIN OPTION", ["role app_b may give membership in app to others"]],
    ["REVOKE pg_monitor FROM watch", ["role watch is not in pg_monitor"]],
    [
      "ALTER ROLE app SET statement_timeout = '1h'; ALTER ROLE app RESET search_path; ALTER ROLE app SET work_mem = '1GB'",
      [
        "role app has statement_timeout = 1h, not 30s",
        expect.stringContaining("role app has no search_path"),
        "role app sets work_mem",
      ],
    ],
    ["ALTER DATABASE shop CONNECTION LIMIT 1", ["database shop has connection limit 1, not 50"]],
    [
      "ALTER DATABASE shop OWNER TO stock_owner",
      [expect.stringContaining("belongs to stock_owner"), expect.anything()],
    ],
    ["GRANT CONNECT ON DATABASE shop TO PUBLIC", ["role PUBLIC has CONNECT on database shop"]],
    ["GRANT CONNECT ON DATABASE stock TO app", ["role app has CONNECT on database stock"]],
    ["GRANT ALL ON DATABASE postgres TO PUBLIC", [/PUBLIC has TEMPORARY/, /PUBLIC has CONNECT/]],
  ])("by hand: %s", async (sql, lines) => {
    const drift = await mended(sql);
    for (const line of lines) expect(drift).toContainEqual(line instanceof RegExp ? expect.stringMatching(line) : line);
    if (!lines.some((line) => typeof line !== "string")) expect(drift.toSorted()).toEqual(lines.toSorted());
  });

  test.each([
    ["REVOKE SELECT ON orders FROM reports", ["role reports lacks SELECT on tables of shop.public"]],
    ["GRANT CREATE ON SCHEMA public TO PUBLIC", ["role PUBLIC has CREATE on schema public of shop"]],
    ["GRANT USAGE ON SCHEMA ext TO auditor", ["role auditor has USAGE on schema ext of shop"]],
    ["REVOKE USAGE ON SCHEMA public FROM app", ["role app lacks USAGE on schema public of shop"]],
    [
      "ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA audit REVOKE SELECT ON TABLES FROM auditor",
      ["role auditor lacks SELECT on later tables of shop.audit"],
    ],
    [
      "ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT DELETE ON TABLES TO reports",
      ["role reports has DELETE on tables of shop.public"],
    ],
    ["ALTER EXTENSION hstore SET SCHEMA audit", ["extension hstore is in schema audit of shop, not ext"]],
    ["DROP EXTENSION earthdistance", ["extension earthdistance is missing in shop"]],
  ])("by hand, in shop: %s", async (sql, lines) => {
    expect(await mended(sql, "shop")).toEqual(lines);
  });

  test("rights of undeclared roles, and rights on single tables, are left alone", async () => {
    await bare.sql("GRANT CONNECT ON DATABASE shop TO datadog; GRANT CONNECT ON DATABASE postgres TO datadog;");
    await bare.sql("GRANT TRUNCATE ON orders TO app; GRANT USAGE ON SCHEMA audit TO datadog;", "shop");
    expect((await read()).drift).toEqual([]);
    await up({ ...state, roles: { ...state.roles, app: { ...state.roles.app!, connectionLimit: 21 } } });
    expect(await may("app", "TRUNCATE", "orders")).toBe(true);
    expect(await asked("datadog", "SELECT has_database_privilege($role, 'shop', 'CONNECT') AS ok")).toBe(true);
  });

  test("less access takes rights away from what is there and what comes", async () => {
    const { app: _, ...others } = everything.roles;
    await up(declare(bare, { roles: { ...others, app: { access: "readonly", alternate: "app_b" } } }));
    expect(await may("app", "INSERT", "orders")).toBe(false);
    expect(await may("app", "SELECT", "orders")).toBe(true);
    await bare.sql("SET ROLE shop_owner; CREATE TABLE later (id int);", "shop");
    expect(await may("app_b", "INSERT", "later")).toBe(false);
    expect(await may("app_b", "SELECT", "later")).toBe(true);
    await up(
      declare(bare, { roles: { ...others, app: { access: "readwrite", databases: ["stock"], alternate: "app_b" } } }),
    );
    expect(await may("app", "SELECT", "orders")).toBe(false);
    expect(await asked("app", "SELECT has_database_privilege($role, 'shop', 'CONNECT') AS ok")).toBe(false);
    await up(declare(bare, {}));
    expect((await read()).drift).toEqual([]);
  });

  test("two roles may change places as group and member", async () => {
    const { watch: _, auditor: _a, ...others } = everything.roles;
    const pair = (a: string, b: string) =>
      declare(bare, { roles: { ...others, [a]: { access: "none", memberOf: [b] }, [b]: { access: "none" } } });
    await up(pair("auditor", "watch"));
    await up(pair("watch", "auditor"));
    expect((await read()).drift).toEqual([]);
    await up(declare(bare, {}));
  });

  test("a closed database is closed, kept, and opened again", async () => {
    const closed = { ...everything.databases, stock: { owner: "stock_owner", allowConnections: false } };
    await up(declare(bare, { databases: closed }));
    expect((await read()).drift).toEqual([]);
    await expect(bare.rows("SELECT 1", "stock")).rejects.toThrow(/not currently accepting connections/);
    await up(declare(bare, {}));
    await expect(bare.rows("SELECT 1 AS x", "stock")).resolves.toEqual([{ x: 1 }]);
    // New and closed at once: what is in it is made all the same.
    const fresh = {
      ...everything.databases,
      cellar: { owner: "stock_owner", schemas: ["deep"], allowConnections: false },
    };
    await up(declare(bare, { databases: fresh }));
    await bare.sql("ALTER DATABASE cellar ALLOW_CONNECTIONS true");
    expect(await bare.rows("SELECT nspname FROM pg_namespace WHERE nspname = 'deep'", "cellar")).toHaveLength(1);
    await up(declare(bare, {}));
  });

  test("a role that is taken out stays, and is said; the word drops it, unless it owns something", async () => {
    await up(declare(bare, { roles: { ...everything.roles, old: { access: "readwrite", memberOf: ["pg_monitor"] } } }));
    await bare.sql(
      "CREATE SCHEMA attic AUTHORIZATION old; CREATE TABLE attic.box (id int); ALTER TABLE attic.box OWNER TO old",
      "stock",
    );
    await bare.sql("INSERT INTO attic.box VALUES (7)", "stock");
    const notes: string[] = [];
    const without = declare(bare, {});
    databaseObjects.diff(state, without, state, (line) => notes.push(line));
    expect(notes).toEqual([expect.stringMatching(/^role old is no longer declared.*removed: \{ roles: \[old\] \}/)]);
    await up(without);
    expect((await read()).undeclared).toContain("role old (LOGIN)");

    const word = declare(bare, { removed: { roles: ["old"] } });
    const failure = await up(word).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PartialFailure);
    expect((failure as Error).message).toMatch(
      /^role old is not dropped, because it owns .*schema attic in stock, table attic.box in stock.*can no longer log in.*REASSIGN OWNED/,
    );
    expect(await bare.rows("SELECT * FROM attic.box", "stock")).toEqual([{ id: 7 }]);
    expect(await bare.rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'old'")).toEqual([{ rolcanlogin: false }]);

    await bare.sql("REASSIGN OWNED BY old TO stock_owner", "stock");
    await up(word);
    expect(await bare.rows("SELECT 1 FROM pg_roles WHERE rolname = 'old'")).toEqual([]);
    expect(await bare.rows("SELECT * FROM attic.box", "stock")).toEqual([{ id: 7 }]);
    expect((await read()).drift).toEqual([]);
    // The word may stay: nothing is there to drop.
    await up(word);
  });

  test("a database that is taken out stays with its data", async () => {
    const { stock: _, ...rest } = everything.databases;
    const { stock_owner: _o, ...roles } = everything.roles;
    const notes: string[] = [];
    const without = declare(bare, { databases: rest, roles });
    databaseObjects.diff(state, without, state, (line) => notes.push(line));
    expect(notes.join("\n")).toContain("database stock is no longer declared; it stays with its data");
    await up(without);
    expect(await bare.rows("SELECT * FROM attic.box", "stock")).toEqual([{ id: 7 }]);
    expect((await read()).undeclared).toContain("database stock");
    await up(declare(bare, {}));
  });

  test("names are quoted: whatever PostgreSQL takes as one works", async () => {
    const name = `Sørens "app"; DROP ROLE x -- 'é`;
    const inputs = declare(bare, {});
    const odd = { ...inputs.roles.app!, memberOf: [`${name} group`] };
    const database = {
      ...inputs.databases.stock!,
      connect: [name],
      rights: { [name]: { public: { create: true, tables: ["SELECT"], sequences: [], functions: [] } } },
    };
    await up({
      ...inputs,
      roles: { ...inputs.roles, [name]: odd, [`${name} group`]: { ...odd, memberOf: [], login: false } },
      databases: { ...inputs.databases, [`${name} db`]: database },
      verifiers: { ...inputs.verifiers, [name]: verifierOf("odd") },
    });
    expect((await read()).drift).toEqual([]);
    await up({ ...state, roles: inputs.roles, databases: inputs.databases, removedRoles: [name] });
    expect(await bare.rows("SELECT 1 FROM pg_roles WHERE rolname LIKE '%Sørens%app\"; DROP%é'")).toEqual([]);
  });
});
