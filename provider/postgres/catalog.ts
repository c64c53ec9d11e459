/** The catalog of a cluster against its declaration: looked at, and made so. Through one primary's local socket. */

import type { DatabaseObjectsInputs } from "../../infra/resources.ts";
import {
  maintenanceDrift,
  maintenanceScript,
  removeRole,
  type Undeclared,
  undeclaredObjects,
} from "./catalog-parts.ts";
import {
  type ContentFacts,
  contentQuery,
  contentScript,
  createDatabaseScript,
  DATABASES_QUERY,
  type DatabaseFacts,
  databaseDrift,
  databaseScript,
} from "./databases-sql.ts";
import { type DeclaredRole, ROLES_QUERY, type RoleFacts, roleDrift, rolesScript } from "./roles-sql.ts";
import { execute, type SqlTarget, select } from "./sql.ts";

export type CatalogInputs = Omit<DatabaseObjectsInputs, "cluster" | "members">;

export interface CatalogState {
  /** What is not as declared, one line each. */
  drift: string[];
  undeclared: Undeclared;
}

/** Says what is being done. */
export interface Progress {
  status(message: string): void;
  log(severity: "info" | "warning", message: string): void;
}

export async function lookAt(primary: SqlTarget, declared: CatalogInputs, signal: AbortSignal): Promise<CatalogState> {
  const [roles, databases] = await Promise.all([rolesByName(primary, signal), databasesByName(primary, signal)]);
  const drift = declaredRoles(declared, roles).flatMap(roleDrift);
  const names = new Set(Object.keys(declared.roles));
  for (const [name, database] of Object.entries(declared.databases)) {
    const facts = databases.get(name);
    const content = facts?.allow_connections ? await contentOf(primary, name, declared, signal) : undefined;
    drift.push(...databaseDrift(name, database, facts, content, names));
  }
  drift.push(...maintenanceDrift(declared.monitors, databases.get("postgres"), names));
  for (const role of declared.removedRoles) if (roles.has(role)) drift.push(`role ${role} is to be dropped`);
  return { drift, undeclared: undeclaredObjects(declared, roles.values(), databases.values()) };
}

/**
 * Makes the catalog as declared; what is so already is not touched.
 *
 * @param known roles that were declared before; another one that is there already is taken over, and said to be
 * @throws SqlError; the message of a role that is to be dropped and owns something lists it
 */
export async function converge(
  primary: SqlTarget,
  declared: CatalogInputs,
  known: ReadonlySet<string>,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const facts = await rolesByName(primary, signal);
  const changed = declaredRoles(declared, facts).filter((role) => roleDrift(role).length > 0);
  for (const role of changed.filter(({ name, facts: there }) => there && !known.has(name)))
    progress.log("warning", `role ${role.name} was there already and is taken over: ${roleDrift(role).join("; ")}`);
  if (changed.length > 0) {
    progress.status(`roles ${changed.map(({ name }) => name).join(", ")}`);
    await execute(primary, rolesScript(changed), signal);
  }
  for (const name of Object.keys(declared.databases)) await convergeDatabase(primary, name, declared, progress, signal);
  const names = new Set(Object.keys(declared.roles));
  const maintenance = (await databasesByName(primary, signal)).get("postgres");
  if (maintenanceDrift(declared.monitors, maintenance, names).length > 0)
    await execute(primary, maintenanceScript(declared.monitors, maintenance!, names), signal);
  const problems: string[] = [];
  for (const role of declared.removedRoles) {
    if (!facts.has(role)) continue;
    progress.status(`dropping role ${role}`);
    const problem = await removeRole(primary, role, signal);
    if (problem === undefined) progress.log("info", `role ${role} is dropped`);
    else problems.push(problem);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

async function convergeDatabase(
  primary: SqlTarget,
  name: string,
  declared: CatalogInputs,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const database = declared.databases[name]!;
  const roles = new Set(Object.keys(declared.roles));
  const before = (await databasesByName(primary, signal)).get(name);
  if (!before) {
    progress.status(`creating database ${name}`);
    await execute(primary, createDatabaseScript(name, database), signal);
  }
  const outside = async (facts: DatabaseFacts | undefined, allowConnections: boolean): Promise<void> => {
    if (databaseDrift(name, { ...database, allowConnections }, facts, undefined, roles).length === 0) return;
    await execute(primary, databaseScript(name, { ...database, allowConnections }, facts, roles), signal);
  };
  // A database that refuses connections is looked into only when it was open, or is to be.
  const open = database.allowConnections || (before?.allow_connections ?? true);
  if (!open) return outside(before, false);
  const facts = before ?? (await databasesByName(primary, signal)).get(name);
  await outside(facts, true);
  const content = await contentOf(primary, name, declared, signal);
  const there = facts && { ...facts, owner: database.owner, connection_limit: database.connectionLimit };
  if (contentNeedsWork(name, database, there, content, roles)) {
    progress.status(`database ${name}`);
    await execute({ ...primary, database: name }, contentScript(database, content, roles), signal);
  }
  if (!database.allowConnections) await outside((await databasesByName(primary, signal)).get(name), false);
}

/** Is anything in the database not as declared, whatever is to be said about it from outside? */
function contentNeedsWork(
  name: string,
  database: CatalogInputs["databases"][string],
  facts: DatabaseFacts | undefined,
  content: ContentFacts,
  roles: ReadonlySet<string>,
): boolean {
  const without = databaseDrift(name, database, facts, undefined, roles).length;
  return databaseDrift(name, database, facts, content, roles).length > without;
}

async function contentOf(
  primary: SqlTarget,
  name: string,
  declared: CatalogInputs,
  signal: AbortSignal,
): Promise<ContentFacts> {
  const query = contentQuery(declared.databases[name]!);
  return (await select<ContentFacts>({ ...primary, database: name }, query, signal))[0]!;
}

function declaredRoles(declared: CatalogInputs, facts: ReadonlyMap<string, RoleFacts>): DeclaredRole[] {
  return Object.entries(declared.roles).map(([name, role]) => ({
    name,
    role,
    verifier: role.login ? declared.verifiers[name] : undefined,
    facts: facts.get(name),
  }));
}

async function rolesByName(primary: SqlTarget, signal: AbortSignal): Promise<Map<string, RoleFacts>> {
  const rows = await select<RoleFacts>(primary, ROLES_QUERY, signal);
  return new Map(rows.map((row) => [row.name, row]));
}

async function databasesByName(primary: SqlTarget, signal: AbortSignal): Promise<Map<string, DatabaseFacts>> {
  const rows = await select<DatabaseFacts>(primary, DATABASES_QUERY, signal);
  return new Map(rows.map((row) => [row.name, row]));
}
