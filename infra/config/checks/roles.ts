/** Roles: memberships, grants, parameters and second logins refer to what is there and make sense together. */

import { factOf } from "../../tuning/facts.ts";
import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { Major } from "../spec.ts";
import { didYouMean } from "../suggest.ts";
import type { ValidateOverride } from "./parameters.ts";

type DraftRole = NonNullable<NonNullable<Draft["roles"]>[string]>;

/** Roles that PostgreSQL brings and that may be given to others → first major with them. */
const predefined: Record<string, number> = {
  pg_checkpoint: 15,
  pg_create_subscription: 16,
  pg_maintain: 17,
  pg_monitor: 10,
  pg_read_all_data: 14,
  pg_read_all_settings: 10,
  pg_read_all_stats: 10,
  pg_signal_autovacuum_worker: 18,
  pg_signal_backend: 10,
  pg_stat_scan_tables: 10,
  pg_use_reserved_connections: 16,
  pg_write_all_data: 14,
};
/** They run programs and write files as the server's user: superusers by another name. */
const superusersByName = ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"];

export function checkRoleDetails(draft: Draft, validate: ValidateOverride, report: Report): void {
  for (const [name, role] of Object.entries(draft.roles ?? {})) {
    if (role === undefined) continue;
    const path = ["roles", name];
    checkPurpose(draft, name, role, path, report);
    checkDatabasesOf(draft, role, path, report);
    checkMemberships(draft, name, role, path, report);
    checkGrants(draft, role, path, report);
    checkAlternate(draft, name, role, path, report);
    checkRoleParameters(draft.version, role, path, validate, report);
    if (role.login === false && (role.passwordVersion ?? 1) > 1)
      report.add([...path, "passwordVersion"], `is set, but role ${name} has login: false and has no password.`);
  }
  checkCircles(draft, report);
  checkRemoved(draft, report);
  checkDriver(draft, report);
}

/** Parameters of roles that @pulumi/postgresql knows. */
const providerParameters = ["search_path", "statement_timeout", "idle_in_transaction_session_timeout"];

function checkDriver(draft: Draft, report: Report): void {
  if (draft.objects?.driver !== "provider") return;
  const host = "Remove it, or write objects: { driver: host }.";
  if ((draft.removed?.roles?.length ?? 0) > 0)
    report.add(["removed", "roles"], `is for driver host: @pulumi/postgresql would drop what a role owns. ${host}`);
  for (const [name, role] of Object.entries(draft.roles ?? {}))
    for (const [parameter, value] of Object.entries(role?.parameters ?? {})) {
      const path = ["roles", name, "parameters", parameter];
      if (!providerParameters.includes(parameter))
        report.add(path, `cannot be set by @pulumi/postgresql, which knows ${providerParameters.join(", ")}. ${host}`);
      else if (parameter !== "search_path" && value !== undefined && !/^\d+$/.test(value))
        report.add(path, `must be in ms and without a unit for @pulumi/postgresql, e.g. 30000. It is ${value}.`);
    }
}

/** Databases that `access` is about. */
function databasesOf(draft: Draft, role: DraftRole): string[] {
  return role.databases ?? Object.keys(draft.databases ?? {});
}

/** A role with access migration works as the owner of its databases, and a session has one role. */
export function ownersFor(draft: Draft, role: DraftRole): string[] {
  const owners = databasesOf(draft, role).map((database) => draft.databases?.[database]?.owner);
  return [...new Set(owners.filter((owner) => owner !== undefined))];
}

function checkPurpose(draft: Draft, name: string, role: DraftRole, path: Path, report: Report): void {
  if (role.access !== "migration") return;
  const owners = ownersFor(draft, role);
  if (owners.length > 1)
    report.add(
      [...path, "access"],
      `is migration, which works as the owner of its databases, but those of role ${name} have ${owners.length} owners: ${owners.join(", ")}. Name the databases of one owner under roles.${name}.databases.`,
    );
  if (owners.length === 0)
    report.add([...path, "access"], `is migration, but there is no database whose owner role ${name} could work as.`);
  if (role.parameters?.role !== undefined) return;
  if (role.login === false)
    report.add([...path, "login"], `is false, but role ${name} has access migration, which is to log in.`);
}

function checkDatabasesOf(draft: Draft, role: DraftRole, path: Path, report: Report): void {
  const databases = Object.keys(draft.databases ?? {});
  role.databases?.forEach((database, index) => {
    if (databases.includes(database)) return;
    report.add(
      [...path, "databases", index],
      `"${database}" is not under databases.${didYouMean(database, databases)} Databases are: ${databases.join(", ") || "none"}.`,
    );
  });
}

function checkMemberships(draft: Draft, name: string, role: DraftRole, path: Path, report: Report): void {
  const roles = Object.keys(draft.roles ?? {});
  role.memberOf?.forEach((group, index) => {
    const at = [...path, "memberOf", index];
    if (group === name) report.add(at, `"${group}" is the role itself; remove it.`);
    else if (roles.includes(group)) return;
    else if (superusersByName.includes(group))
      report.add(at, `"${group}" can read and write files as the server's user, which makes a superuser of ${name}.`);
    else if (group === "pg_database_owner")
      report.add(at, `"${group}" has the owner of a database as its only member; name ${name} as owner instead.`);
    else if (Object.hasOwn(predefined, group)) {
      const since = predefined[group]!;
      if (draft.version !== undefined && since > draft.version)
        report.add(at, `"${group}" exists only from PostgreSQL ${since} on, and this cluster runs ${draft.version}.`);
    } else {
      const known = [...roles.filter((r) => r !== name), ...Object.keys(predefined)];
      report.add(
        at,
        `"${group}" is not under roles.${didYouMean(group, known)} Roles are: ${roles.join(", ")}; PostgreSQL brings ${Object.keys(predefined).join(", ")}.`,
      );
    }
  });
}

function checkGrants(draft: Draft, role: DraftRole, path: Path, report: Report): void {
  for (const [database, schemas] of Object.entries(role.grants ?? {})) {
    const at = [...path, "grants", database];
    const declared = draft.databases?.[database];
    const databases = Object.keys(draft.databases ?? {});
    if (declared === undefined) {
      report.add(
        at,
        `"${database}" is not under databases.${didYouMean(database, databases)} Databases are: ${databases.join(", ") || "none"}.`,
      );
      continue;
    }
    const known = ["public", ...(declared.schemas ?? [])];
    for (const schema of Object.keys(schemas ?? {})) {
      if (known.includes(schema)) continue;
      report.add(
        [...at, schema],
        `"${schema}" is not a schema of database ${database}.${didYouMean(schema, known)} Schemas are: ${known.join(", ")}. To add it: databases.${database}.schemas: [${[...(declared.schemas ?? []), schema].join(", ")}]`,
      );
    }
  }
}

function checkAlternate(draft: Draft, name: string, role: DraftRole, path: Path, report: Report): void {
  const { alternate } = role;
  if (alternate === undefined) return;
  const at = [...path, "alternate"];
  if (draft.roles?.[alternate] !== undefined || alternate === name)
    report.add(at, `"${alternate}" is under roles already; the second login of ${name} needs a name of its own.`);
  const twin = Object.entries(draft.roles ?? {}).find(([other, r]) => other < name && r?.alternate === alternate);
  if (twin) report.add(at, `"${alternate}" is the alternate of ${twin[0]} too; choose another name.`);
  if (role.login === false) report.add(at, `is set, but role ${name} has login: false and needs no second login.`);
  if (role.access === "owner" || role.access === "migration" || role.access === "replication")
    report.add(
      at,
      `cannot be used with access ${role.access}: ${role.access === "replication" ? "the right to replicate does not come with a membership" : `what ${alternate} makes would belong to ${alternate}`}. Use it for readwrite, readonly, monitoring and none.`,
    );
  if (role.passwordSecret !== undefined)
    report.add(
      at,
      `is for passwords that the project makes, but role ${name} has passwordSecret. Remove one of the two; a given password is rotated by setting the secret again.`,
    );
}

function checkRoleParameters(
  version: Major | undefined,
  role: DraftRole,
  path: Path,
  validate: ValidateOverride,
  report: Report,
): void {
  for (const [parameter, value] of Object.entries(role.parameters ?? {})) {
    if (value === undefined || version === undefined) continue;
    const at = [...path, "parameters", parameter];
    if (["role", "session_authorization"].includes(parameter)) {
      report.add(at, "cannot be set here: access: migration makes sessions that work as the owner.");
      continue;
    }
    const problem = validate(parameter, value, version);
    if (problem !== undefined) {
      report.add(at, problem);
      continue;
    }
    const context = factOf(parameter, version)?.context;
    if (context === "postmaster" || context === "sighup" || context === "internal")
      report.add(
        at,
        `is the same for the whole server, no session can change it. Put it under postgres-fleet:parameters.`,
      );
  }
}

/** Who would be whose member, `access: migration` and `alternate` included. */
function checkCircles(draft: Draft, report: Report): void {
  const groups = new Map<string, string[]>();
  for (const [name, role] of Object.entries(draft.roles ?? {})) {
    if (role === undefined) continue;
    const owners = role.access === "migration" ? ownersFor(draft, role) : [];
    groups.set(name, [...(role.memberOf ?? []).filter((group) => group !== name), ...owners]);
  }
  const reported = new Set<string>();
  for (const start of groups.keys()) {
    const circle = circleFrom(start, groups);
    if (!circle || circle.some((name) => reported.has(name))) continue;
    for (const name of circle) reported.add(name);
    report.add(
      ["roles", start, "memberOf"],
      `makes a circle: ${[...circle, start].join(" is a member of ")}. PostgreSQL refuses that; take one of them out.`,
    );
  }
}

function circleFrom(start: string, groups: ReadonlyMap<string, string[]>): string[] | undefined {
  const seen = new Set<string>();
  const walk = (name: string, trail: string[]): string[] | undefined => {
    for (const group of groups.get(name) ?? []) {
      if (group === start) return trail;
      if (seen.has(group)) continue;
      seen.add(group);
      const found = walk(group, [...trail, group]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(start, [start]);
}

function checkRemoved(draft: Draft, report: Report): void {
  const alternates = new Set(Object.values(draft.roles ?? {}).map((role) => role?.alternate));
  draft.removed?.roles?.forEach((name, index) => {
    const path = ["removed", "roles", index];
    if (draft.roles?.[name] !== undefined || alternates.has(name))
      report.add(path, `"${name}" is under roles too. Remove it from one of the two.`);
    else if (name === "postgres" || /^(pg_|pgfleet_)/.test(name))
      report.add(path, `"${name}" is not yours to drop: it belongs to PostgreSQL or to this project.`);
  });
}
