/**
 * Who gets in where: every role, database and source address against a real server with the rendered pg_hba.conf,
 * compared with what its lines say; and an audit of the same server.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogFacts, memberFacts } from "../../cli/audit/collect.ts";
import { audit } from "../../cli/audit/rules.ts";
import type { HbaRuleSpec } from "../../infra/config/spec.ts";
import { hbaGroups, identLines } from "../../infra/rendering/hba.ts";
import { hostAt } from "../../provider/host.ts";
import type { SqlTarget } from "../../provider/postgres/sql.ts";
import { fleet, host } from "../rendering/fixture.ts";
import { asServerUser } from "../support/embedded-postgres.ts";
import { isRoot, own, run, serverUser, until } from "./rendered-host.ts";
import { From } from "./support/from-address.ts";

const BIN = "/usr/lib/postgresql/15/bin";
const ADDRESS = "127.0.77.1";
const PORT = 54_377;
const root = mkdtempSync("/tmp/pgfleet-hba-");
const data = join(root, "data");
const password = randomBytes(18).toString("hex");

const rule = (index: number, changes: Partial<HbaRuleSpec>): HbaRuleSpec => ({
  index,
  databases: ["app"],
  users: ["reporter"],
  from: [],
  method: "scram-sha-256",
  options: {},
  order: 600,
  ...changes,
});

const spec = fleet({
  platform: "existing",
  hosts: [
    host("db1", "primary", ADDRESS),
    host("db2", "replica", "127.0.77.2"),
    host("pool1", "pooler", "127.0.77.11"),
    host("mon1", "monitoring", "127.0.77.21"),
  ],
  databases: ["app", "other"].map((name) => ({ name, owner: "app", extensions: [] })),
  roles: [
    { name: "app", login: true, connectionLimit: -1, access: "readwrite", password: { kind: "generated" } },
    { name: "reporter", login: true, connectionLimit: 5, access: "readonly", password: { kind: "generated" } },
  ],
  allowedNetworks: ["127.0.78.0/24"],
  hba: [
    rule(0, { from: ["127.0.79.0/24"] }),
    rule(1, { from: ["127.0.79.6/32"], method: "reject", order: 550 }),
    rule(2, { databases: ["all"], users: ["all"], from: ["monitoring"] }),
    rule(3, { databases: ["all"], users: ["+staff"], from: ["127.0.80.0/24"] }),
    rule(4, { databases: ["other"], users: ["app"], from: ["127.0.81.0/24"], method: "md5", exception: "test" }),
  ],
});

/** The role → databases that it gets into from there. Nobody else gets in from anywhere. */
const MATRIX: Record<string, Record<string, string[]>> = {
  "127.0.0.1": {},
  "127.0.77.2": {},
  "127.0.77.11": { app: ["app", "other"], reporter: ["app", "other"] },
  "127.0.77.21": {
    app: ["app", "other", "postgres"],
    reporter: ["app", "other", "postgres"],
    outsider: ["app", "other", "postgres"],
    anna: ["app", "other", "postgres"],
  },
  "127.0.78.9": { app: ["app", "other"], reporter: ["app", "other"] },
  "127.0.79.5": { reporter: ["app"] },
  "127.0.79.6": {},
  "127.0.80.1": { anna: ["app", "other", "postgres"] },
  "127.0.81.1": { app: ["other"] },
};
const ROLES = ["app", "reporter", "outsider", "anna", "postgres", "pgfleet_exporter", "pgfleet_replicator"];
const DATABASES = ["app", "other", "postgres"];

/** "in", or why not. */
async function tryToEnter(source: string, user: string, database: string, replication?: string): Promise<string> {
  const client = new Client({
    host: ADDRESS,
    port: PORT,
    user,
    database,
    password,
    stream: () => new From(source),
    connectionTimeoutMillis: 60_000,
    ...(replication ? { replication } : {}),
  } as never);
  client.on("error", () => {});
  try {
    await client.connect();
    return "in";
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

function psql(sql: string, database = "postgres"): string {
  const file = join(root, "script.sql");
  writeFileSync(file, sql, { mode: 0o600 });
  own(file);
  return run(
    [
      `${BIN}/psql`,
      "-XAtq",
      "-v",
      "ON_ERROR_STOP=1",
      "-h",
      root,
      "-p",
      String(PORT),
      "-U",
      "postgres",
      "-d",
      database,
      "-f",
      file,
    ],
    { as: serverUser },
  );
}

let server: ChildProcess | undefined;

beforeAll(async () => {
  run(["chmod", "0755", root]);
  own(root);
  run([`${BIN}/initdb`, "-D", data, "-U", "postgres", "-A", "reject", "--no-sync", "--locale=C.UTF-8"], {
    as: serverUser,
  });
  const hba = hbaGroups(spec, spec.hosts[0]!).flatMap((group) => group.lines);
  for (const [name, lines] of Object.entries({ hba, ident: identLines(serverUser) })) {
    const file = join(root, `pg_${name}.conf`);
    writeFileSync(file, `${lines.join("\n")}\n`);
    own(file);
  }
  const settings = {
    listen_addresses: ADDRESS,
    port: String(PORT),
    unix_socket_directories: root,
    hba_file: `${root}/pg_hba.conf`,
    ident_file: `${root}/pg_ident.conf`,
    fsync: "off",
    logging_collector: "off",
  };
  const [command, words] = asServerUser(`${BIN}/postgres`, [
    "-D",
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);
  server = spawn(command, words, { stdio: "ignore", cwd: "/" });
  await until("the server answers", () => psql("SELECT 1") === "1");
  psql(
    [
      ...["app", "reporter", "outsider"].map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${password}';`),
      `CREATE ROLE staff; CREATE ROLE anna LOGIN PASSWORD '${password}' IN ROLE staff;`,
      `CREATE ROLE pgfleet_replicator LOGIN REPLICATION PASSWORD '${password}';`,
      `CREATE ROLE pgfleet_exporter LOGIN PASSWORD '${password}';`,
      // Even a superuser that somebody gave a password does not come over TCP.
      `ALTER ROLE postgres PASSWORD '${password}';`,
      "CREATE DATABASE app; ",
      "CREATE DATABASE other;",
    ].join("\n"),
  );
});

afterAll(async () => {
  if (server && server.exitCode === null) {
    const gone = new Promise((resolve) => server!.once("exit", resolve));
    server.kill("SIGQUIT");
    await gone;
  }
  rmSync(root, { recursive: true, force: true });
});

describe("pg_hba.conf on a real server", () => {
  test("the server reads every line", () => {
    expect(psql("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL")).toBe("0");
    expect(psql("SELECT count(*) FROM pg_ident_file_mappings WHERE error IS NOT NULL")).toBe("0");
  });

  test.each(Object.entries(MATRIX))("from %s", async (source, allowed) => {
    for (const role of ROLES)
      for (const database of DATABASES) {
        const answer = await tryToEnter(source, role, database);
        const what = `${role} into ${database} from ${source}`;
        if (allowed[role]?.includes(database)) expect(`${what}: ${answer}`).toBe(`${what}: in`);
        else expect(`${what}: ${answer}`).toContain("pg_hba.conf rejects connection");
      }
  });

  test("only members replicate, each from its own address", async () => {
    const enter = (source: string, user: string): Promise<string> => tryToEnter(source, user, "postgres", "true");
    expect(await enter("127.0.77.2", "pgfleet_replicator")).toBe("in");
    for (const source of ["127.0.77.1", "127.0.77.11", "127.0.77.21", "127.0.78.9"])
      expect(await enter(source, "pgfleet_replicator")).toContain("rejects replication connection");
    expect(await enter("127.0.77.2", "app")).toContain("rejects replication connection");
  });

  test("the socket is for the superuser and the exporter, by OS user", () => {
    expect(psql("SELECT current_user")).toBe("postgres");
    const asRole = (role: string): string => {
      try {
        return run(
          [`${BIN}/psql`, "-XAtw", "-h", root, "-p", String(PORT), "-U", role, "-d", "postgres", "-c", "SELECT 1"],
          { as: serverUser },
        );
      } catch (error) {
        return (error as { stderr: string }).stderr;
      }
    };
    expect(asRole("pgfleet_exporter")).toBe("1");
    expect(asRole("app")).toContain("pg_hba.conf rejects connection");
  });
});

describe("an audit of it", () => {
  const target = (): SqlTarget => ({
    host: hostAt({ platform: "local", host: "db1", address: ADDRESS, home: root, run: root, user: serverUser }),
    port: PORT,
    binDirectory: BIN,
  });

  test("finds what is wrong, and nothing else", async () => {
    psql("CREATE ROLE boss SUPERUSER; CREATE ROLE ghost LOGIN CONNECTION LIMIT 1;");
    psql(
      `SET password_encryption = 'md5'; CREATE ROLE old LOGIN CONNECTION LIMIT 1 PASSWORD '${password}';
       GRANT CREATE ON SCHEMA public TO PUBLIC;
       CREATE FUNCTION open_door() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
       CREATE FUNCTION closed_door() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1';`,
      "app",
    );
    psql("ALTER ROLE app CONNECTION LIMIT 20");
    const signal = AbortSignal.timeout(60_000);
    const facts = { ...(await catalogFacts(target(), signal)), members: [await memberFacts("db1", target(), signal)] };
    const found = audit(facts, new Date()).map(({ rule: name, where }) => `${name} ${where}`);
    expect(found).toEqual([
      "superuser boss",
      "md5-verifier old",
      "no-password ghost",
      "no-connection-limit anna",
      "no-connection-limit outsider",
      "no-connection-limit reporter",
      "weak-hba db1",
      "definer-search-path app",
      "public-schema app",
    ]);
    expect(JSON.stringify(facts)).not.toMatch(/SCRAM-SHA-256\$|md5[0-9a-f]{8}/);
  });
});

test.runIf(isRoot)("the server does not run as root", () => {
  expect(run(["ps", "-o", "user=", "-C", "postgres", "--ppid", String(server!.pid)])).not.toMatch(/^root$/m);
});
