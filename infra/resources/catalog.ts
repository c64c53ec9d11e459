/** What is in the databases. */
import type { Connection } from "./connection.ts";

/** DatabaseObjects: databases, roles, grants and extensions, through the primary's local socket. */
export interface DatabaseObjectsInputs {
  cluster: string;
  /** Connections of all members; the primary is found live. */
  members: { name: string; connection: Connection; port: number; binDirectory: string }[];
  /** By name. A role in here is the declaration's in whole: attributes, memberships and parameters. */
  roles: Record<string, CatalogRole>;
  /** Role → SCRAM verifier; secret. */
  verifiers: Record<string, string>;
  /** By name. */
  databases: Record<string, CatalogDatabase>;
  /** Roles that may connect to database postgres; PUBLIC may not. */
  monitors: string[];
  /** Roles to drop, unless they own something. */
  removedRoles: string[];
  /** Names of roles and databases that are declared and made by another driver; absent: none. */
  elsewhere?: string[];
}

export interface CatalogRole {
  login: boolean;
  replication: boolean;
  /** -1: no limit. */
  connectionLimit: number;
  /** ISO 8601 with zone, or "infinity". */
  validUntil: string;
  memberOf: string[];
  /** ALTER ROLE … SET, name → value. */
  parameters: Record<string, string>;
  /** 0: no password. */
  credentialVersion: number;
}

export interface CatalogDatabase {
  owner: string;
  /** -1: no limit. */
  connectionLimit: number;
  allowConnections: boolean;
  /** Extension → schema; "": wherever it puts itself. */
  extensions: Record<string, string>;
  /** Beside public. */
  schemas: string[];
  /** Roles that may connect and make temporary tables; PUBLIC may not. */
  connect: string[];
  /** Role → schema → rights on what is in it and what its owner makes there later. */
  rights: Record<string, Record<string, CatalogRights>>;
}

export interface CatalogRights {
  create: boolean;
  tables: string[];
  sequences: string[];
  functions: string[];
}

export interface DatabaseObjectsOutputs extends DatabaseObjectsInputs {
  /** Objects that are declared and missing, or differ; filled by read. */
  drift: string[];
  /** Roles and databases that are there and not declared; left alone. */
  undeclared: string[];
}
