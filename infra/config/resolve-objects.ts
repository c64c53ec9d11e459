/** Databases and roles of a checked config, completed: a role with `alternate` becomes two. */

import { sortedEntries } from "./maps.ts";
import { definedOnly } from "./resolve-hosts.ts";
import type { FleetConfig } from "./schema/fleet.ts";
import type { DatabaseSpec, GrantSpec, RoleSpec } from "./spec.ts";

type RoleConfig = FleetConfig["roles"][string];

/** By name; what has its default is left out. */
export function resolveDatabases(config: FleetConfig): DatabaseSpec[] {
  return sortedEntries(config.databases).map(([name, database]) => ({
    name,
    owner: database.owner,
    extensions: database.extensions,
    ...unlessEmpty("extensionSchemas", definedOnly(database.extensionSchemas)),
    ...unlessEmpty("schemas", database.schemas),
    ...(database.connectionLimit === -1 ? {} : { connectionLimit: database.connectionLimit }),
    ...(database.allowConnections ? {} : { allowConnections: false }),
  }));
}

/** By name; an alternate stands behind the role it belongs to. */
export function resolveRoles(config: FleetConfig): RoleSpec[] {
  return sortedEntries(config.roles).flatMap(([name, role]) => {
    const own = resolveRole(name, role);
    if (role.alternate === undefined) return [own];
    const { first, second } = pairVersions(role.passwordVersion);
    return [withVersion(own, first), withVersion(alternateOf(own, role.alternate), second)];
  });
}

/** The login that holds the newest password of a role: itself, or its alternate. */
export function currentLogin(role: { name: string; alternate?: string | undefined; passwordVersion: number }): string {
  return role.alternate !== undefined && role.passwordVersion % 2 === 0 ? role.alternate : role.name;
}

/** Odd versions belong to the role, even ones to its alternate; the alternate starts with a password of its own. */
function pairVersions(version: number): { first: number; second: number } {
  return version % 2 === 1 ? { first: version, second: version - 1 } : { first: version - 1, second: version };
}

function resolveRole(name: string, role: RoleConfig): RoleSpec {
  return {
    name,
    login: role.login,
    connectionLimit: role.connectionLimit,
    access: role.access,
    password: role.passwordSecret === undefined ? { kind: "generated" } : { kind: "secret", name: role.passwordSecret },
    ...(role.passwordVersion === 1 ? {} : { passwordVersion: role.passwordVersion }),
    ...(role.databases === undefined ? {} : { databases: role.databases }),
    ...unlessEmpty("memberOf", role.memberOf),
    ...unlessEmpty("parameters", definedOnly(role.parameters)),
    ...(role.validUntil === undefined ? {} : { validUntil: role.validUntil }),
    ...unlessEmpty("grants", resolveGrants(role)),
  };
}

function resolveGrants(role: RoleConfig): GrantSpec[] {
  return sortedEntries(role.grants).flatMap(([database, schemas]) =>
    sortedEntries(schemas).map(([schema, { create, tables, sequences, functions }]) => ({
      database,
      schema,
      create,
      tables,
      sequences,
      functions,
    })),
  );
}

/** Its rights come with the membership; what sessions begin with does not, so that is written out again. */
function alternateOf(role: RoleSpec, name: string): RoleSpec {
  return {
    name,
    login: true,
    connectionLimit: role.connectionLimit,
    access: "none",
    password: { kind: "generated" },
    alternateOf: role.name,
    memberOf: [role.name],
    ...(role.databases === undefined ? {} : { databases: role.databases }),
    ...(role.parameters === undefined ? {} : { parameters: role.parameters }),
    ...(role.validUntil === undefined ? {} : { validUntil: role.validUntil }),
  };
}

function withVersion({ passwordVersion: _, ...role }: RoleSpec, version: number): RoleSpec {
  return version === 1 ? role : { ...role, passwordVersion: version };
}

function unlessEmpty<K extends string, V extends object>(key: K, value: V): { [P in K]?: V } {
  return Object.keys(value).length === 0 ? {} : ({ [key]: value } as { [P in K]?: V });
}
