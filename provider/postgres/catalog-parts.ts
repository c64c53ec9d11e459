/** The catalog beside what is declared: database postgres, what nobody declared, and roles that are to go. */

import type { DatabaseObjectsInputs } from "../../infra/resources.ts";
import type { DatabaseFacts } from "./databases-sql.ts";
import { dropRoleScript, ownedQuery, shutOutScript, takeRightsScript } from "./removal-sql.ts";
import type { RoleFacts } from "./roles-sql.ts";
import { execute, identifier, QUIET_SESSION, type SqlTarget, select } from "./sql.ts";

/** Names of what is there and not declared, one line each; left alone. */
export type Undeclared = string[];

/** How many things that are in the way are named. */
const SHOWN = 10;

export function undeclaredObjects(
  declared: Pick<DatabaseObjectsInputs, "roles" | "databases" | "removedRoles" | "elsewhere">,
  roles: Iterable<RoleFacts>,
  databases: Iterable<DatabaseFacts>,
): Undeclared {
  const found: string[] = [];
  const elsewhere = new Set(declared.elsewhere);
  for (const { name, login, powers } of roles) {
    if (name === "postgres" || Object.hasOwn(declared.roles, name) || declared.removedRoles.includes(name)) continue;
    if (elsewhere.has(name)) continue;
    found.push(`role ${name} (${[login ? "LOGIN" : "NOLOGIN", ...powers].join(", ")})`);
  }
  for (const { name } of databases)
    if (name !== "postgres" && !Object.hasOwn(declared.databases, name) && !elsewhere.has(name))
      found.push(`database ${name}`);
  return found.sort();
}

/** PUBLIC may not connect to database postgres; `monitors` may. Other roles keep what they have. */
export function maintenanceDrift(
  monitors: readonly string[],
  facts: DatabaseFacts | undefined,
  declaredRoles: ReadonlySet<string>,
): string[] {
  if (!facts) return [];
  return [
    ...monitors
      .filter((role) => !has(facts, role, "CONNECT"))
      .map((role) => `role ${role} lacks CONNECT on database postgres`),
    ...extra(monitors, facts, declaredRoles).map(
      ([role, privilege]) => `role ${role} has ${privilege} on database postgres`,
    ),
  ];
}

export function maintenanceScript(
  monitors: readonly string[],
  facts: DatabaseFacts,
  declaredRoles: ReadonlySet<string>,
): string {
  return [
    QUIET_SESSION,
    "BEGIN;",
    ...extra(monitors, facts, declaredRoles).map(
      ([role, privilege]) =>
        `REVOKE ${privilege} ON DATABASE postgres FROM ${role === "PUBLIC" ? role : identifier(role)};`,
    ),
    ...monitors.map((role) => `GRANT CONNECT ON DATABASE postgres TO ${identifier(role)};`),
    "COMMIT;",
  ].join("\n");
}

const has = (facts: DatabaseFacts, role: string, privilege: string): boolean =>
  facts.acl.some(([r, p]) => r === role && p === privilege);

const extra = (
  monitors: readonly string[],
  facts: DatabaseFacts,
  declaredRoles: ReadonlySet<string>,
): DatabaseFacts["acl"] =>
  facts.acl.filter(
    ([role, privilege]) =>
      role === "PUBLIC" ||
      (role !== facts.owner && declaredRoles.has(role) && !(monitors.includes(role) && privilege === "CONNECT")),
  );

/** @returns why it could not be dropped, or undefined when it is gone */
export async function removeRole(primary: SqlTarget, role: string, signal: AbortSignal): Promise<string | undefined> {
  await execute(primary, shutOutScript(role), signal);
  const rows = await select<{ name: string; open: boolean }>(
    primary,
    "SELECT datname AS name, datallowconn AS open FROM pg_database WHERE datname <> 'template0' ORDER BY 1",
    signal,
  );
  const owned = new Set<string>();
  for (const { name } of rows.filter((row) => row.open)) {
    const target = { ...primary, database: name };
    for (const { object } of await select<{ object: string }>(target, ownedQuery(role), signal))
      owned.add(object.startsWith("database ") || object.startsWith("tablespace ") ? object : `${object} in ${name}`);
  }
  if (owned.size > 0) {
    const list = [...owned];
    const more = list.length > SHOWN ? ` and ${list.length - SHOWN} more` : "";
    return (
      `role ${role} is not dropped, because it owns ${list.slice(0, SHOWN).join(", ")}${more}. It can no longer log in. ` +
      `Give these things to another role (REASSIGN OWNED BY ${identifier(role)} TO …) or drop them, and run this again.`
    );
  }
  for (const { name } of rows.filter((row) => row.open))
    await execute({ ...primary, database: name }, takeRightsScript(role), signal);
  await execute(primary, dropRoleScript(role), signal);
  return undefined;
}
