/** Names a person chooses, checked against every place they end up in. Each function returns what is wrong, or undefined. */

const bytes = (text: string): number => new TextEncoder().encode(text).length;

/** PostgreSQL cuts identifiers at NAMEDATALEN - 1. */
export const identifierBytes = 63;

export const clusterNamePattern = "^[a-z][a-z0-9_]*$";
export const hostNamePattern = "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$";
export const identifierPattern = "^[a-z_][a-z0-9_]*$";
export const extensionPattern = "^[a-z][a-z0-9_-]*$";

/** Becomes cluster_name, with the member's name behind it. */
export function clusterNameProblem(name: string): string | undefined {
  if (!new RegExp(clusterNamePattern).test(name)) {
    return `${shown(name)} is not a cluster name: small letters, digits and _, a letter first, e.g. "broxiva".`;
  }
  if (bytes(name) > 40)
    return `the cluster name is ${bytes(name)} characters long; at most 40, because the member's name follows it in cluster_name.`;
  return undefined;
}

/** Becomes a DNS label, a folder and a replication slot. */
export function hostNameProblem(name: string): string | undefined {
  if (takenFolders.includes(name))
    return `"${name}" is the name of another thing in the stack's folder; choose another name.`;
  if (bytes(name) > 40) return `the host name is ${bytes(name)} characters long; at most 40.`;
  if (!new RegExp(hostNamePattern).test(name)) {
    return `${shown(name)} is not a host name: small letters, digits and -, a letter first and no - at the end, e.g. "db1".`;
  }
  return undefined;
}

/** Names of other things in a local stack's folder, where each host has a folder of its own. */
const takenFolders = ["engine", "passphrase"];

export function databaseNameProblem(name: string): string | undefined {
  if (["postgres", "template0", "template1"].includes(name))
    return `"${name}" is a database that every cluster has already; choose another name.`;
  if (name === "pgbouncer") return `"pgbouncer" is the name of PgBouncer's own console; choose another name.`;
  return identifierProblem(name, "database");
}

export function schemaNameProblem(name: string): string | undefined {
  if (name === "public") return `"public" is in every database already; leave it out.`;
  if (name === "information_schema")
    return `"information_schema" is in every database already and is the server's own.`;
  return identifierProblem(name, "schema");
}

export function roleNameProblem(name: string): string | undefined {
  if (name === "postgres") return `"postgres" is the superuser of every cluster; applications get roles of their own.`;
  if (name === "pgbouncer") return `"pgbouncer" is PgBouncer's own administrator; choose another name.`;
  if (["public", "none", "user", "all", "replication", "current_user", "current_role", "session_user"].includes(name)) {
    return `"${name}" has a meaning of its own in SQL or pg_hba.conf; choose another name.`;
  }
  return identifierProblem(name, "role");
}

export function secretNameProblem(name: string): string | undefined {
  return new RegExp(identifierPattern).test(name) && bytes(name) <= identifierBytes
    ? undefined
    : `a secret's name is made of small letters, digits and _, at most ${identifierBytes} of them, e.g. "broxiva_app".`;
}

export function extensionNameProblem(name: string): string | undefined {
  return new RegExp(extensionPattern).test(name) && bytes(name) <= identifierBytes
    ? undefined
    : `${shown(name)} is not the name of an extension, e.g. "pg_stat_statements" or "uuid-ossp".`;
}

function identifierProblem(name: string, what: string): string | undefined {
  if (bytes(name) > identifierBytes) {
    return `the name is ${bytes(name)} bytes long; PostgreSQL keeps ${identifierBytes} and would cut the rest off without an error.`;
  }
  if (name.startsWith("pg_"))
    return `"${name}" starts with pg_, which PostgreSQL keeps for itself; choose another name.`;
  if (name.startsWith("pgfleet_"))
    return `"${name}" starts with pgfleet_, which this project keeps for its own roles; choose another name.`;
  if (!new RegExp(identifierPattern).test(name)) {
    return `${shown(name)} is not a ${what} name: small letters, digits and _, no digit first, so that it never needs quotes, e.g. "broxiva".`;
  }
  return undefined;
}

function shown(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 57)}...` : name);
}
