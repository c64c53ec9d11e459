/** The catalog statements that make declared roles, databases, extensions and grants true; each safe to repeat. */

import type { DatabaseObjectsInputs } from "../../infra/resources.ts";
import { identifier, literal, QUIET_SESSION } from "./sql.ts";

type Role = DatabaseObjectsInputs["roles"][number];
type Database = DatabaseObjectsInputs["databases"][number];

export interface RoleFacts {
  name: string;
  login: boolean;
  replication: boolean;
  superuser: boolean;
  connection_limit: number;
  verifier: string | null;
  member_of: string[];
}

/** Rows of RoleFacts, for a session that may read pg_authid. */
export const ROLES_QUERY = `
  SELECT r.rolname AS name, r.rolcanlogin AS login, r.rolreplication AS replication, r.rolsuper AS superuser,
         r.rolconnlimit AS connection_limit, r.rolpassword AS verifier,
         coalesce((SELECT json_agg(g.rolname ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '[]') AS member_of
    FROM pg_authid r WHERE r.rolname !~ '^pg_'`;

/** What is not as declared about a role, one line each. Never says a verifier. */
export function roleDrift(role: Role, facts: RoleFacts | undefined, verifier: string | undefined): string[] {
  if (!facts) return [`role ${role.name} is missing`];
  const found: string[] = [];
  if (facts.login !== role.login) found.push(`role ${role.name} ${facts.login ? "may" : "may not"} log in`);
  if (facts.replication !== role.replication)
    found.push(`role ${role.name} ${facts.replication ? "has" : "lacks"} REPLICATION`);
  if (facts.superuser) found.push(`role ${role.name} is a superuser`);
  if (facts.connection_limit !== role.connectionLimit)
    found.push(`role ${role.name} has connection limit ${facts.connection_limit}, not ${role.connectionLimit}`);
  if (verifier !== undefined && facts.verifier !== verifier) found.push(`role ${role.name} has another password`);
  for (const group of role.inRoles)
    if (!facts.member_of.includes(group)) found.push(`role ${role.name} is not in ${group}`);
  return found;
}

export function roleScript(role: Role, exists: boolean, verifier: string | undefined): string {
  const attributes = [
    role.login ? "LOGIN" : "NOLOGIN",
    role.replication ? "REPLICATION" : "NOREPLICATION",
    "NOSUPERUSER",
    `CONNECTION LIMIT ${Math.trunc(role.connectionLimit)}`,
    ...(verifier === undefined ? [] : [`PASSWORD ${literal(verifier)}`]),
  ].join(" ");
  const name = identifier(role.name);
  return [
    QUIET_SESSION,
    exists ? `ALTER ROLE ${name} ${attributes};` : `CREATE ROLE ${name} ${attributes};`,
    ...role.inRoles.map((group) => `GRANT ${identifier(group)} TO ${name};`),
  ].join("\n");
}

/** Outside a transaction block, as CREATE DATABASE must be. */
export function createDatabaseScript(database: Database): string {
  return `CREATE DATABASE ${identifier(database.name)} OWNER ${identifier(database.owner)};`;
}

/** Extensions and grants; runs inside the database. */
export function databaseScript(database: Database): string {
  const name = identifier(database.name);
  const owner = identifier(database.owner);
  const lines = [
    "BEGIN;",
    `ALTER DATABASE ${name} OWNER TO ${owner};`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC;`,
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    `GRANT ALL ON SCHEMA public TO ${owner};`,
    ...database.extensions.map((extension) => `CREATE EXTENSION IF NOT EXISTS ${identifier(extension)};`),
  ];
  for (const reader of database.readers) lines.push(...grants(database, reader, "SELECT", "SELECT"));
  for (const writer of database.writers)
    lines.push(...grants(database, writer, "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"));
  return [...lines, "COMMIT;"].join("\n");
}

function grants(database: Database, role: string, tables: string, sequences: string): string[] {
  const to = `TO ${identifier(role)}`;
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(database.owner)} IN SCHEMA public`;
  return [
    `GRANT CONNECT, TEMPORARY ON DATABASE ${identifier(database.name)} ${to};`,
    `GRANT USAGE ON SCHEMA public ${to};`,
    `GRANT ${tables} ON ALL TABLES IN SCHEMA public ${to};`,
    `GRANT ${sequences} ON ALL SEQUENCES IN SCHEMA public ${to};`,
    `${defaults} GRANT ${tables} ON TABLES ${to};`,
    `${defaults} GRANT ${sequences} ON SEQUENCES ${to};`,
  ];
}

/** One row: what of the declaration is missing in the database the session is in. */
export function databaseDriftQuery(database: Database): string {
  const roles = [...database.readers.map((r) => [r, "SELECT"]), ...database.writers.map((r) => [r, "INSERT"])] as [
    string,
    string,
  ][];
  const values =
    roles.map(([role, privilege]) => `(${literal(role)}, ${literal(privilege)})`).join(", ") ||
    "(NULL::text, NULL::text)";
  return `
    SELECT coalesce((SELECT json_agg(e.n) FROM unnest(ARRAY[${database.extensions.map(literal).join(", ")}]::text[]) AS e(n)
                      WHERE NOT EXISTS (SELECT FROM pg_extension x WHERE x.extname = e.n)), '[]') AS missing_extensions,
           coalesce((SELECT json_agg(g.role) FROM (VALUES ${values}) AS g(role, privilege)
                      WHERE g.role IS NOT NULL AND EXISTS (SELECT FROM pg_roles p WHERE p.rolname = g.role)
                        AND NOT (has_database_privilege(g.role, current_database(), 'CONNECT') AND has_schema_privilege(g.role, 'public', 'USAGE')
                                 AND NOT EXISTS (SELECT FROM pg_tables t WHERE t.schemaname = 'public' AND NOT has_table_privilege(g.role, format('%I.%I', t.schemaname, t.tablename), g.privilege)
                                                  AND t.tableowner = ${literal(database.owner)}))), '[]') AS missing_grants,
           (SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database()) AS owner`;
}
