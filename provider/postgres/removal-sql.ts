/** Dropping a role: never what it owns. */

import { identifier, literal, QUIET_SESSION } from "./sql.ts";

/** Rows of what a role owns, or what would go with it, in the database of the session and in all databases. */
export function ownedQuery(role: string): string {
  // Default privileges that a role set up for itself hold no data; policies decide who sees which rows.
  return `
    SELECT coalesce(pg_describe_object(s.classid, s.objid, s.objsubid), 'something') AS object
      FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
     WHERE r.rolname = ${literal(role)} AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND ((s.deptype = 'o' AND s.classid <> 'pg_default_acl'::regclass) OR s.deptype = 'r')
     ORDER BY 1`;
}

/** Before anything else: nobody new comes in, and who is in leaves. */
export function shutOutScript(role: string): string {
  return [
    QUIET_SESSION,
    `ALTER ROLE ${identifier(role)} NOLOGIN;`,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${literal(role)} AND pid <> pg_backend_pid();`,
  ].join("\n");
}

/**
 * Takes its rights away in one database. DROP OWNED would drop what it owns; by then that is nothing, and should
 * something have been made in the meantime, it goes to the superuser first.
 */
export function takeRightsScript(role: string): string {
  const name = identifier(role);
  return [QUIET_SESSION, "BEGIN;", `REASSIGN OWNED BY ${name} TO postgres;`, `DROP OWNED BY ${name};`, "COMMIT;"].join(
    "\n",
  );
}

export const dropRoleScript = (role: string): string => `${QUIET_SESSION}\nDROP ROLE ${identifier(role)};`;
