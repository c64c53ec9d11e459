/** What is not as declared about roles, and the statements that make it so; each safe to repeat. */

import type { CatalogRole } from "../../infra/resources.ts";
import { identifier, literal, QUIET_SESSION } from "./sql.ts";

export interface RoleFacts {
  name: string;
  /** server_version_num ÷ 10000. */
  major: number;
  login: boolean;
  replication: boolean;
  inherit: boolean;
  /** Attributes that no declared role has: SUPERUSER, CREATEDB, CREATEROLE, BYPASSRLS. */
  powers: string[];
  connection_limit: number;
  /** Seconds since 1970; null: never. */
  valid_until: number | null;
  verifier: string | null;
  member_of: Membership[];
  /** "name=value", in all databases. */
  settings: string[];
}
interface Membership {
  role: string;
  grantor: string;
  admin: boolean;
  /** False: rights do not come with it (PostgreSQL 16 and later). */
  inherit: boolean;
}
export interface DeclaredRole {
  name: string;
  role: CatalogRole;
  /** Undefined: has no password. */
  verifier: string | undefined;
  facts: RoleFacts | undefined;
}

const POWERS = ["SUPERUSER", "CREATEDB", "CREATEROLE", "BYPASSRLS"];

/** Rows of RoleFacts, for a session that may read pg_authid. */
export const ROLES_QUERY = `
  SELECT r.rolname AS name, current_setting('server_version_num')::int / 10000 AS major,
         r.rolcanlogin AS login, r.rolreplication AS replication, r.rolinherit AS inherit,
         array_to_json(array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
           CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL)) AS powers,
         r.rolconnlimit AS connection_limit, r.rolpassword AS verifier,
         CASE WHEN isfinite(r.rolvaliduntil) THEN extract(epoch FROM r.rolvaliduntil) END AS valid_until,
         coalesce((SELECT json_agg(json_build_object('role', g.rolname, 'grantor', m.grantor::regrole::text, 'admin', m.admin_option,
                     'inherit', coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)) ORDER BY g.rolname)
                     FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '[]') AS member_of,
         coalesce((SELECT to_json(s.setconfig) FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0), '[]') AS settings
    FROM pg_authid r WHERE r.rolname !~ '^pg_'`;

/** What is not as declared about a role, one line each. Never says a verifier. */
export function roleDrift({ name, role, verifier, facts }: DeclaredRole): string[] {
  if (!facts) return [`role ${name} is missing`];
  const found: string[] = [];
  if (facts.login !== role.login) found.push(`role ${name} ${facts.login ? "may" : "may not"} log in`);
  if (facts.replication !== role.replication)
    found.push(`role ${name} ${facts.replication ? "has" : "lacks"} REPLICATION`);
  for (const power of facts.powers) found.push(`role ${name} has ${power}`);
  if (!facts.inherit) found.push(`role ${name} has NOINHERIT`);
  if (facts.connection_limit !== role.connectionLimit)
    found.push(`role ${name} has connection limit ${facts.connection_limit}, not ${role.connectionLimit}`);
  if (facts.valid_until !== declaredEpoch(role))
    found.push(`role ${name} is valid until ${shownTime(facts.valid_until)}, not ${shownTime(declaredEpoch(role))}`);
  if ((facts.verifier ?? undefined) !== verifier)
    found.push(`role ${name} has ${verifier === undefined ? "a password and needs none" : "another password"}`);
  for (const group of missingGroups(role, facts)) found.push(`role ${name} is not in ${group}`);
  for (const { role: group, admin } of extraMemberships(role, facts))
    found.push(
      role.memberOf.includes(group) && admin
        ? `role ${name} may give membership in ${group} to others`
        : `role ${name} is in ${group}`,
    );
  const running = settingsOf(facts);
  for (const [parameter, value] of Object.entries(role.parameters))
    if (!sameSetting(parameter, running.get(parameter), value))
      found.push(
        `role ${name} has ${running.has(parameter) ? `${parameter} = ${running.get(parameter)}` : `no ${parameter}`}, not ${value}`,
      );
  for (const parameter of extraSettings(role, facts)) found.push(`role ${name} sets ${parameter}`);
  return found;
}

/**
 * One transaction that makes all of these as declared. Memberships that go are taken away before others are given, or
 * two roles that change places would be a circle for a moment.
 */
export function rolesScript(declared: readonly DeclaredRole[]): string {
  return [
    QUIET_SESSION,
    "BEGIN;",
    ...declared.map(attributes),
    ...declared.flatMap(revocations),
    ...declared.flatMap(memberships),
    ...declared.flatMap(settings),
    "COMMIT;",
  ].join("\n");
}

function attributes({ name, role, verifier, facts }: DeclaredRole): string {
  const words = [
    role.login ? "LOGIN" : "NOLOGIN",
    role.replication ? "REPLICATION" : "NOREPLICATION",
    ...POWERS.map((power) => `NO${power}`),
    "INHERIT",
    `CONNECTION LIMIT ${Math.trunc(role.connectionLimit)}`,
    `VALID UNTIL ${literal(role.validUntil)}`,
    `PASSWORD ${verifier === undefined ? "NULL" : literal(verifier)}`,
  ].join(" ");
  return `${facts ? "ALTER" : "CREATE"} ROLE ${identifier(name)} ${words};`;
}

function revocations({ name, role, facts }: DeclaredRole): string[] {
  if (!facts) return [];
  return extraMemberships(role, facts).map(({ role: group, grantor }) => {
    // From PostgreSQL 16 on a membership belongs to who gave it.
    const by = facts.major >= 16 ? ` GRANTED BY ${grantor}` : "";
    return `REVOKE ${role.memberOf.includes(group) ? "ADMIN OPTION FOR " : ""}${identifier(group)} FROM ${identifier(name)}${by};`;
  });
}

function memberships({ name, role, facts }: DeclaredRole): string[] {
  const missing = facts ? missingGroups(role, facts) : role.memberOf;
  const options = (facts?.major ?? 0) >= 16 ? " WITH INHERIT TRUE" : "";
  return missing.map((group) => `GRANT ${identifier(group)} TO ${identifier(name)}${options};`);
}

function settings({ name, role, facts }: DeclaredRole): string[] {
  const running = facts ? settingsOf(facts) : new Map<string, string>();
  const alter = `ALTER ROLE ${identifier(name)}`;
  return [
    ...(facts ? extraSettings(role, facts) : []).map((parameter) => `${alter} RESET ${settingName(parameter)};`),
    ...Object.entries(role.parameters)
      .filter(([parameter, value]) => !sameSetting(parameter, running.get(parameter), value))
      .map(([parameter, value]) => `${alter} SET ${settingName(parameter)} TO ${settingValue(parameter, value)};`),
  ];
}

const missingGroups = (role: CatalogRole, facts: RoleFacts): string[] =>
  role.memberOf.filter((group) => !facts.member_of.some((m) => m.role === group && m.inherit));

/** Memberships that are not declared, and declared ones that may be passed on. */
const extraMemberships = (role: CatalogRole, facts: RoleFacts): Membership[] =>
  facts.member_of.filter((m) => m.admin || !role.memberOf.includes(m.role));

const extraSettings = (role: CatalogRole, facts: RoleFacts): string[] =>
  [...settingsOf(facts).keys()].filter((parameter) => !Object.hasOwn(role.parameters, parameter));

const declaredEpoch = (role: CatalogRole): number | null =>
  role.validUntil === "infinity" ? null : Date.parse(role.validUntil) / 1000;

const shownTime = (epoch: number | null): string =>
  epoch === null ? "for ever" : new Date(epoch * 1000).toISOString().replace(".000Z", "Z");

const settingsOf = (facts: RoleFacts): Map<string, string> =>
  new Map(
    facts.settings.map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );

/** Each part of a parameter's name: `pgaudit.log`. */
const settingName = (parameter: string): string => parameter.split(".").map(identifier).join(".");

/** Parameters whose value is a list of names; as one text in quotes it would be one name. */
const LISTS = ["search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"];

function settingValue(parameter: string, value: string): string {
  if (!LISTS.includes(parameter)) return literal(value);
  return names(value).map(literal).join(", ") || "''";
}

function sameSetting(parameter: string, running: string | undefined, declared: string): boolean {
  if (running === undefined) return false;
  if (!LISTS.includes(parameter)) return running === declared;
  return JSON.stringify(names(running)) === JSON.stringify(names(declared));
}

/** `"$user", public` → `$user`, `public`: as the server takes a list of names apart. */
function names(list: string): string[] {
  const found = [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^",\s][^",]*))\s*(?:,|$)/g)];
  return found
    .map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare!.trim().toLowerCase())
    .filter((name) => name !== "");
}
