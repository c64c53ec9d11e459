/**
 * The inputs and outputs of the provider's resources, as plain data: the one place where the Pulumi program
 * and the provider meet. The provider imports only types from here.
 */

import type { RestartPolicy } from "./config/spec.ts";

/** How to reach a host. An input of every resource, never provider config. */
export interface Connection {
  platform: "local";
  /** Host name in the stack. */
  host: string;
  /** IPv4 address services listen on. */
  address: string;
  /** The host's folder; see HostLayout. */
  home: string;
  /** Unix sockets of the host's services. */
  run: string;
  /** OS user that servers run as. */
  user: string;
}

/** Who a thing belongs to; written beside every data directory and in the host's registry. */
export interface Owner {
  project: string;
  stack: string;
  cluster: string;
  member: string;
}

export interface FileInput {
  path: string;
  body: string;
  mode: string;
}

/** HostFiles: stages one generation per component; never an active path. */
export interface HostFilesInputs {
  connection: Connection;
  components: Record<string, { files: FileInput[] }>;
  /** Name → value; secret. Filled into `@@secret:NAME@@` on the host. */
  secrets: Record<string, string>;
  /** Name → version of the credential; a new version is a new generation. */
  secretVersions: Record<string, number>;
}
export interface HostFilesOutputs extends HostFilesInputs {
  /** Component → generation hash. */
  staged: Record<string, string>;
  /** Component → what `current/<component>` points at; "" when nothing. */
  active: Record<string, string>;
  reachable: boolean;
}

/** Credential: a password made once, or given, with its SCRAM-SHA-256 verifier. */
export interface CredentialInputs {
  /** PostgreSQL role name. */
  role: string;
  /** Given password; absent: generated. Secret. */
  password?: string;
  /** Raise by one to rotate. */
  rotation: number;
  /** Where a lost state can find the verifier in use again. */
  connection?: Connection;
}
export interface CredentialOutputs extends CredentialInputs {
  /** Secret. */
  password: string;
  /** `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`; secret. */
  verifier: string;
  /** Changes exactly when the password does. */
  version: number;
}

/** Service: one daemon whose changes need no order with the servers. */
export interface ServiceInputs {
  connection: Connection;
  /** Program name under the service manager; also the component that holds its files. */
  name: string;
  /** Generation of the component's files. */
  generation: string;
  /** What a new generation needs: a signal, a new process, or nothing because Rollout does it. */
  activate: "reload" | "restart" | "never";
  /** Answers when the service is healthy. */
  check?: { kind: "http"; url: string } | { kind: "tcp"; host: string; port: number };
}
export interface ServiceOutputs extends ServiceInputs {
  running: boolean;
  reachable: boolean;
}

/** PostgresInstance: a member's home: owner file, unit, and for the first member the data directory. No role. */
export interface PostgresInstanceInputs {
  connection: Connection;
  owner: Owner;
  version: number;
  dataDirectory: string;
  /** Directory with initdb, postgres, pg_basebackup. */
  binDirectory: string;
  port: number;
  /** Generation to start with; read at creation only. */
  generation: string;
  /** Read at creation only. */
  bootstrap: Bootstrap;
  /** Connections of all members, to find a cluster that already runs; never diffed. */
  peers: Connection[];
  deleteData: boolean;
}
export interface Bootstrap {
  kind: "init" | "clone";
  dataChecksums: boolean;
  encoding: string;
  localeProvider: "libc" | "icu";
  locale: string;
  walSegmentSizeMb: number;
  /** Role that replicas stream with, and its verifier (secret). */
  replicationRole: string;
  replicationVerifier: string;
}
export interface PostgresInstanceOutputs extends PostgresInstanceInputs {
  /** "" while a replica waits for its clone. */
  systemIdentifier: string;
  running: boolean;
  reachable: boolean;
}

/** Rollout: one per cluster; the only thing that activates anything ordered. */
export interface RolloutInputs {
  cluster: string;
  owner: Omit<Owner, "member">;
  /** Member that should be primary. */
  primary: string;
  restart: RestartPolicy;
  members: RolloutMember[];
  poolers: RolloutPooler[];
  /** Registered members that left for good and cannot be reached. */
  gone: string[];
}
export interface RolloutMember {
  name: string;
  connection: Connection;
  dataDirectory: string;
  binDirectory: string;
  port: number;
  generation: string;
  /** Physical slot of this member on its primary. */
  slot: string;
  /** Declared parameters, name → value as written. */
  settings: Record<string, string>;
}
export interface RolloutPooler {
  name: string;
  connection: Connection;
  port: number;
  generation: string;
}
export interface RolloutOutputs extends RolloutInputs {
  systemIdentifier: string;
  observed: Record<string, ObservedMember>;
  observedPoolers: Record<string, { generation: string; running: boolean; reachable: boolean }>;
}
export interface ObservedMember {
  reachable: boolean;
  running: boolean;
  role: "primary" | "replica" | "none";
  generation: string;
  /** Parameters that wait for a restart. */
  pendingRestart: string[];
  streaming: boolean;
  /** What differs from what was declared when last applied, one line each. */
  drift: string[];
}

/** DatabaseObjects: databases, roles, grants and extensions, through the primary's local socket. */
export interface DatabaseObjectsInputs {
  /** Connections of all members; the primary is found live. */
  members: { name: string; connection: Connection; port: number; binDirectory: string }[];
  roles: { name: string; login: boolean; replication: boolean; connectionLimit: number; inRoles: string[]; credentialVersion: number }[];
  /** Role → SCRAM verifier; secret. */
  verifiers: Record<string, string>;
  databases: { name: string; owner: string; extensions: string[]; readers: string[]; writers: string[] }[];
}
export interface DatabaseObjectsOutputs extends DatabaseObjectsInputs {
  /** Objects that are declared and missing, or differ; filled by read. */
  drift: string[];
}
