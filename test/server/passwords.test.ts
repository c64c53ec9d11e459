/** Passwords on real servers: every one that can be given works everywhere, none is written down, and rotation locks nobody out. */

import { execFile } from "node:child_process";
import { chownSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fillSecrets } from "../../infra/rendering/generation.ts";
import { secretPlaceholder } from "../../infra/rendering/types.ts";
import type { DatabaseObjectsInputs, DatabaseObjectsOutputs } from "../../infra/resources.ts";
import { scramVerifier, verifies } from "../../provider/postgres/scram.ts";
import { literal } from "../../provider/postgres/sql.ts";
import { databaseObjects } from "../../provider/resources/database-objects.ts";
import { serverFolder } from "../support/embedded-postgres.ts";
import { type Bare, bareServer, binaries, DEBIAN_BIN, inputsFor, listening } from "./support/catalog.ts";
import { type Pooler, startPooler } from "./support/pgbouncer.ts";

const run = promisify(execFile);
const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
const UMLAUTS = "pä ßwörd ñ Ⅸ 漢字 🙂";

let bare: Bare;
let folder: string;
beforeAll(async () => {
  const from = await binaries(15);
  bare = await bareServer(from!, {
    shared_preload_libraries: "pg_stat_statements",
    log_statement: "all",
    log_min_duration_statement: "0",
    "pg_stat_statements.track_utility": "on",
  });
  folder = serverFolder("pgpass-");
  await bare.sql("CREATE EXTENSION pg_stat_statements");
});
afterAll(async () => {
  await bare?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const userlist = (roles: Record<string, { verifier: string }>): string =>
  Object.entries(roles)
    .map(([name, { verifier }]) => userlistLine(name, verifier))
    .join("") + userlistLine("console", "console");

/** Who psql becomes with a passfile as the project writes it. */
async function psql(
  host: string,
  port: number,
  user: string,
  password: string,
  database: string,
  sql = "SELECT session_user",
): Promise<string> {
  const file = path.join(folder, "passfile");
  const line = `*:${port}:*:${user}:${secretPlaceholder(`${user}.password`, "passfile")}\n`;
  rmSync(file, { force: true });
  writeFileSync(file, fillSecrets(line, { [`${user}.password`]: password }, "passfile"), { mode: 0o600 });
  chownSync(file, process.getuid!(), process.getgid!());
  const args = ["-XAtqw", "-h", host, "-p", String(port), "-U", user, "-d", database, "-c", sql];
  const { stdout, stderr } = await run(`${DEBIAN_BIN}/psql`, args, { env: { PGPASSFILE: file, LC_ALL: "C.UTF-8" } });
  // PgBouncer 1.18 answers SHOW VERSION with a notice.
  return (stdout || stderr).trim();
}

const catalog = (
  login: Record<string, { verifier: string; version: number; memberOf?: string[] }>,
): DatabaseObjectsInputs => {
  const plain = { login: true, replication: false, connectionLimit: -1, validUntil: "infinity", parameters: {} };
  const rights = { public: { create: false, tables: ["SELECT", "INSERT"], sequences: [], functions: [] } };
  const first = Object.keys(login)[0]!;
  return inputsFor(bare, {
    roles: {
      shop_owner: { ...plain, login: false, memberOf: [], credentialVersion: 0 },
      ...Object.fromEntries(
        Object.entries(login).map(([name, { version, memberOf = [] }]) => [
          name,
          { ...plain, memberOf, credentialVersion: version },
        ]),
      ),
    },
    verifiers: Object.fromEntries(Object.entries(login).map(([name, { verifier }]) => [name, verifier])),
    databases: {
      shop: {
        owner: "shop_owner",
        connectionLimit: -1,
        allowConnections: true,
        extensions: {},
        schemas: [],
        connect: [first],
        rights: { [first]: rights },
      },
    },
  });
};

let state: DatabaseObjectsOutputs | undefined;
async function up(inputs: DatabaseObjectsInputs): Promise<void> {
  state = state
    ? await databaseObjects.update("main", state, inputs, listening())
    : (await databaseObjects.create(inputs, listening())).outputs;
}
const userlistLine = (user: string, secret: string): string =>
  `"${user}" "${fillSecrets(secretPlaceholder("x", "userlist"), { x: secret }, "userlist.txt")}"\n`;

describe("every password that can be given", () => {
  test("works in passfile, userlist and verifier, directly and pooled", async () => {
    const passwords = [PRINTABLE, UMLAUTS, `"`, "'", "\\", ":", " leading and trailing "];
    const logins = Object.fromEntries(
      passwords.map((password, n) => [
        `p${n}`,
        { verifier: scramVerifier(password), version: 1, ...(n > 0 ? { memberOf: ["p0"] } : {}) },
      ]),
    );
    await up(catalog(logins));
    // Users of the console have their passwords in clear text in the userlist.
    const users = passwords.map(
      (password, n) => userlistLine(`p${n}`, logins[`p${n}`]!.verifier) + userlistLine(`stats${n}`, password),
    );
    const pooler = await startPooler(
      bare,
      ["shop"],
      userlistLine("console", "console") + users.join(""),
      passwords.map((_, n) => `stats${n}`),
    );
    try {
      for (const [n, password] of passwords.entries()) {
        expect(await psql(bare.server.sockets, 5432, `p${n}`, password, "shop")).toBe(`p${n}`);
        expect(await psql(pooler.sockets, pooler.port, `p${n}`, password, "shop")).toBe(`p${n}`);
        expect(await psql(pooler.sockets, pooler.port, `stats${n}`, password, "pgbouncer", "SHOW VERSION")).toMatch(
          /PgBouncer/,
        );
      }
      const wrong = `${PRINTABLE}x`;
      await expect(psql(bare.server.sockets, 5432, "p0", wrong, "shop")).rejects.toThrow(
        /password authentication failed/,
      );
      await expect(psql(pooler.sockets, pooler.port, "stats0", wrong, "pgbouncer")).rejects.toThrow(
        /authentication failed/,
      );
    } finally {
      await pooler.stop();
    }
  });

  test("has the verifier that the server would have made", async () => {
    const edges = [
      "\u00AD",
      "a\u00A0b",
      "Ⅸ",
      "\u0627\u0031",
      "\u0627x\u0628",
      "ﬀ",
      "\u0378",
      "🙂",
      "x\u200Dy",
      "\u1680",
      "\u00AD\u200B",
      "é",
      "e\u0301",
      "㉾",
      "ᵃ",
      "\u{1F130}",
      "ﯟ",
    ];
    const random = fc.sample(
      fc
        .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
        .filter((s) => !/[\0\n\r]/.test(s) && s.isWellFormed()),
      150,
    );
    const passwords = [...edges, ...random, PRINTABLE, UMLAUTS];
    await bare.sql("CREATE ROLE probe; CREATE TABLE probes (n int, verifier text);");
    await bare.sql(
      passwords
        .map(
          (p, n) =>
            `ALTER ROLE probe PASSWORD ${literal(p)}; INSERT INTO probes SELECT ${n}, rolpassword FROM pg_authid WHERE rolname = 'probe';`,
        )
        .join("\n"),
    );
    const rows = await bare.rows<{ n: number; verifier: string | null }>("SELECT n, verifier FROM probes ORDER BY n");
    const wrong = rows.filter(({ n, verifier }) => verifier !== null && !verifies(verifier, passwords[n]!));
    expect(wrong.map(({ n }) => passwords[n])).toEqual([]);
    await bare.sql("DROP TABLE probes; DROP ROLE probe;");
  });
});

test("what is sent is in no log and no statistics", async () => {
  await bare.sql("SELECT 'the log is on'");
  await bare.sql("SELECT pg_stat_statements_reset()");
  const verifier = scramVerifier("canary-password");
  await up(catalog({ app: { verifier, version: 2 } }));
  expect(await psql(bare.server.sockets, 5432, "app", "canary-password", "shop")).toBe("app");
  const log = readFileSync(bare.logFile, "utf8");
  expect(log).toContain("the log is on");
  const key = verifier.split("$")[2]!;
  expect(log).not.toContain(key);
  expect(log).not.toContain("canary-password");
  const statements = await bare.rows<{ query: string }>("SELECT query FROM pg_stat_statements");
  expect(statements.length).toBeGreaterThan(0);
  expect(JSON.stringify(statements)).not.toMatch(/SCRAM|canary/);
});

describe("rotation behind the pooler", () => {
  const login = (pooler: Pooler, user: string, password: string): pg.Client => {
    const client = new pg.Client({ host: pooler.sockets, port: pooler.port, user, password, database: "shop" });
    client.on("error", () => {});
    return client;
  };
  const works = async (pooler: Pooler, user: string, password: string): Promise<boolean> => {
    const client = login(pooler, user, password);
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  };
  /** Clients that ask without a pause, each query a transaction, until told to stop. */
  function load(clients: pg.Client[]): {
    done: () => Promise<{ queries: number; errors: string[] }>;
    queries: () => number;
  } {
    let running = true;
    let queries = 0;
    const errors: string[] = [];
    const loops = clients.map(async (client) => {
      while (running) {
        try {
          await client.query("SELECT pg_sleep(0.002)");
          queries += 1;
        } catch (error) {
          errors.push((error as Error).message);
          return;
        }
      }
    });
    const done = async () => {
      running = false;
      await Promise.all(loops);
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      return { queries, errors };
    };
    return { done, queries: () => queries };
  }
  const more = async (under: { queries: () => number }, count: number): Promise<void> => {
    const goal = under.queries() + count;
    const limit = Date.now() + 30_000;
    while (under.queries() < goal && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  test("by a pair of logins: both passwords work, and no transaction fails", async () => {
    const a = { verifier: scramVerifier("pw-1"), version: 1 };
    const b = (password: string, version: number) => ({
      verifier: scramVerifier(password),
      version,
      memberOf: ["app"],
    });
    const before = { app: a, app_b: b("never told", 1) };
    await up(catalog(before));
    const pooler = await startPooler(bare, ["shop"], userlist(before));
    try {
      const old = Array.from({ length: 8 }, () => login(pooler, "app", "pw-1"));
      await Promise.all(old.map((client) => client.connect()));
      const traffic = load(old);
      await more(traffic, 50);
      // passwordVersion 1 → 2: the catalog, then the userlist; as `up` orders them.
      const after = { app: a, app_b: b("pw-2", 2) };
      await up(catalog(after));
      await more(traffic, 50);
      pooler.userlist(userlist(after));
      await pooler.console("RELOAD");
      await pooler.console("RECONNECT");
      await more(traffic, 50);
      expect(await works(pooler, "app_b", "pw-2")).toBe(true);
      expect(await works(pooler, "app", "pw-1")).toBe(true);
      expect(await works(pooler, "app_b", "never told")).toBe(false);
      const result = await traffic.done();
      expect(result.errors).toEqual([]);
      expect(result.queries).toBeGreaterThan(60);
      // 2 → 3, when all have moved: the first password ends.
      const third = { app: { verifier: scramVerifier("pw-3"), version: 3 }, app_b: after.app_b };
      await up(catalog(third));
      pooler.userlist(userlist(third));
      await pooler.console("RELOAD");
      await pooler.console("RECONNECT");
      expect(await works(pooler, "app", "pw-1")).toBe(false);
      expect(await works(pooler, "app", "pw-3")).toBe(true);
      expect(await works(pooler, "app_b", "pw-2")).toBe(true);
    } finally {
      await pooler.stop();
    }
  });

  test("of a single login: clients that are in stay in while their server connections last, and the old password ends", async () => {
    const before = { app: { verifier: scramVerifier("old"), version: 10 } };
    await up(catalog(before));
    const pooler = await startPooler(bare, ["shop"], userlist(before));
    try {
      const old = Array.from({ length: 5 }, () => login(pooler, "app", "old"));
      await Promise.all(old.map((client) => client.connect()));
      const traffic = load(old);
      await more(traffic, 100);
      const after = { app: { verifier: scramVerifier("new"), version: 11 } };
      await up(catalog(after));
      await more(traffic, 50);
      pooler.userlist(userlist(after));
      await pooler.console("RELOAD");
      expect(await works(pooler, "app", "new")).toBe(true);
      expect(await works(pooler, "app", "old")).toBe(false);
      await more(traffic, 50);
      const { errors } = await traffic.done();
      expect(errors).toEqual([]);
    } finally {
      await pooler.stop();
    }
  });
});
