/** From a FleetSpec to what is to be in the catalog: roles with their rights written out, and the project's own. Pure. */

import { type DatabaseSpec, type FleetSpec, type RoleSpec, reaches } from "./config/spec.ts";
import { EXPORTER_ROLE, REPLICATION_ROLE, STATS_USER } from "./rendering/names.ts";
import type { CatalogDatabase, CatalogRights, CatalogRole, DatabaseObjectsInputs } from "./resources.ts";

/** Of a role everything but the version of its password. */
export type DeclaredRole = Omit<CatalogRole, "credentialVersion">;
export type Catalog = Pick<DatabaseObjectsInputs, "databases" | "monitors" | "removedRoles"> & {
  roles: Record<string, DeclaredRole>;
};

/** Login names that need a password: those of the config, replication, and the pooler's statistics user. */
export function credentialNames(spec: FleetSpec): string[] {
  return [
    ...spec.roles.filter((role) => role.login).map((role) => role.name),
    REPLICATION_ROLE,
    ...(spec.pooler ? [STATS_USER] : []),
  ];
}

/** Roles and databases to make: the declared ones and the project's own. */
export function catalogObjects(spec: FleetSpec): Catalog {
  const own: [string, DeclaredRole][] = [[REPLICATION_ROLE, { ...plain, replication: true }]];
  if (spec.monitoring) own.push([EXPORTER_ROLE, { ...plain, connectionLimit: 5, memberOf: ["pg_monitor"] }]);
  const monitors = spec.roles.filter((role) => role.access === "monitoring").map((role) => role.name);
  if (spec.monitoring) monitors.push(EXPORTER_ROLE);
  return {
    roles: Object.fromEntries([...spec.roles.map((role) => [role.name, roleOf(spec, role)] as const), ...own]),
    databases: Object.fromEntries(spec.databases.map((database) => [database.name, databaseOf(spec, database)])),
    monitors,
    removedRoles: spec.removedRoles ?? [],
  };
}

const plain: DeclaredRole = {
  login: true,
  replication: false,
  connectionLimit: -1,
  validUntil: "infinity",
  memberOf: [],
  parameters: {},
};

function roleOf(spec: FleetSpec, role: RoleSpec): DeclaredRole {
  const owner = role.access === "migration" ? spec.databases.find((d) => reaches(role, d.name))?.owner : undefined;
  return {
    login: role.login,
    replication: role.access === "replication",
    connectionLimit: role.connectionLimit,
    validUntil: role.validUntil ?? "infinity",
    memberOf: [
      ...new Set([
        ...(role.memberOf ?? []),
        ...(owner === undefined ? [] : [owner]),
        ...(role.access === "monitoring" ? ["pg_monitor"] : []),
      ]),
    ].sort(),
    // What a migration makes belongs to the owner, so that the owner's default privileges are on it.
    parameters: { ...role.parameters, ...(owner === undefined ? {} : { role: owner }) },
  };
}

function databaseOf(spec: FleetSpec, database: DatabaseSpec): CatalogDatabase {
  const rights: CatalogDatabase["rights"] = {};
  for (const role of spec.roles) {
    const bySchema = rightsOf(role, database);
    if (Object.keys(bySchema).length > 0) rights[role.name] = bySchema;
  }
  const connect = spec.roles.filter((role) => mayConnect(role, database)).map((role) => role.name);
  if (spec.monitoring) connect.push(EXPORTER_ROLE);
  return {
    owner: database.owner,
    connectionLimit: database.connectionLimit ?? -1,
    allowConnections: database.allowConnections ?? true,
    extensions: Object.fromEntries(
      database.extensions.map((extension) => [extension, database.extensionSchemas?.[extension] ?? ""]),
    ),
    schemas: database.schemas ?? [],
    connect,
    rights,
  };
}

function mayConnect(role: RoleSpec, database: DatabaseSpec): boolean {
  if (role.name === database.owner) return false; // It may as the owner.
  if (role.grants?.some((grant) => grant.database === database.name)) return true;
  switch (role.access) {
    case "readwrite":
    case "readonly":
    case "migration":
    case "monitoring":
      return reaches(role, database.name);
    case "none":
      return role.alternateOf === undefined && role.databases !== undefined && reaches(role, database.name);
    case "owner":
    case "replication":
      return false;
  }
}

/** The catalog in what the project's own resource makes and what the stack's driver makes. */
export function splitByDriver(spec: FleetSpec): { host: Catalog; provider?: Catalog } {
  const all = catalogObjects(spec);
  if (spec.objects?.driver !== "provider") return { host: all };
  const declared = new Set(spec.roles.map((role) => role.name));
  const some = (keep: (name: string) => boolean): Catalog["roles"] =>
    Object.fromEntries(Object.entries(all.roles).filter(([name]) => keep(name)));
  return {
    host: {
      roles: some((name) => !declared.has(name)),
      databases: {},
      monitors: all.monitors.filter((name) => !declared.has(name)),
      removedRoles: [],
    },
    provider: {
      ...all,
      roles: some((name) => declared.has(name)),
      monitors: all.monitors.filter((name) => declared.has(name)),
    },
  };
}

/** Names of the declared roles that may connect to this database, those that may as members of another role included. */
export function rolesInto(spec: FleetSpec, database: string): Set<string> {
  const { databases } = catalogObjects(spec);
  const declared = databases[database];
  const into = new Set(declared ? [declared.owner, ...declared.connect] : []);
  const joins = (role: RoleSpec): boolean => role.memberOf?.some((group) => into.has(group)) ?? false;
  // Memberships of memberships: at most as many rounds as there are roles.
  for (const _ of spec.roles) for (const role of spec.roles) if (joins(role)) into.add(role.name);
  return into;
}

function rightsOf(role: RoleSpec, database: DatabaseSpec): Record<string, CatalogRights> {
  if (role.name === database.owner) return {};
  const found: Record<string, CatalogRights> = {};
  if ((role.access === "readonly" || role.access === "readwrite") && reaches(role, database.name)) {
    const write = role.access === "readwrite";
    for (const schema of ["public", ...(database.schemas ?? [])])
      found[schema] = {
        create: false,
        tables: write ? ["SELECT", "INSERT", "UPDATE", "DELETE"] : ["SELECT"],
        sequences: write ? ["USAGE", "SELECT"] : ["SELECT"],
        functions: [],
      };
  }
  for (const grant of role.grants ?? []) {
    if (grant.database !== database.name) continue;
    const before = found[grant.schema];
    const both = (a: readonly string[] | undefined, b: readonly string[]): string[] => [
      ...new Set([...(a ?? []), ...b]),
    ];
    found[grant.schema] = {
      create: grant.create || (before?.create ?? false),
      tables: both(before?.tables, grant.tables),
      sequences: both(before?.sequences, grant.sequences),
      functions: both(before?.functions, grant.functions),
    };
  }
  return found;
}
