/**
 * FleetSpec: what a person declared, checked and completed with defaults.
 *
 * Plain data: no Pulumi types, no secrets (a secret is only ever named). Everything below the loader takes
 * this and nothing else. Quantities are plain numbers with their unit in the name; MB is 1024 × 1024 bytes,
 * as PostgreSQL counts.
 */

import type { AwsHostSpec, AwsSpec } from "./spec-aws.ts";

export type { Architecture, AwsHostSpec, AwsSpec, AwsSubnet } from "./spec-aws.ts";

export type Platform = "local" | "docker" | "existing" | "aws";
export type Workload = "web" | "oltp" | "dw" | "mixed" | "desktop";
export type Storage = "hdd" | "ssd" | "nvme" | "san";
/** A PostgreSQL major whose parameter facts are in the project, e.g. 17; which ones: infra/tuning/facts. */
export type Major = number;
export type HostRole = "primary" | "replica" | "pooler" | "monitoring";
export type RestartPolicy = "rolling" | "manual";
/** `quorum`: a commit waits until one replica has its WAL on disk. */
export type Synchronous = "off" | "quorum";

export interface FleetSpec {
  /** Pulumi stack name, e.g. "prod". */
  stack: string;
  platform: Platform;
  cluster: ClusterSpec;
  /** Members, then poolers, then monitoring, each by name (db2 before db10). Names are unique. */
  hosts: HostSpec[];
  /** Name of the host that should be primary. */
  primary: string;
  /** Names of former members that cannot be reached and will not come back. */
  gone: string[];
  rollout: RolloutSpec;
  /** Absent: no pooler. */
  pooler?: PoolerSpec;
  /** Absent: no exporters and no Prometheus. */
  monitoring?: MonitoringSpec;
  /** Absent: no TLS anywhere. */
  tls?: TlsSpec;
  databases: DatabaseSpec[];
  roles: RoleSpec[];
  /** Roles that are to be dropped; absent: none. */
  removedRoles?: string[];
  /** Absent: driver host. */
  objects?: ObjectsSpec;
  /** CIDR networks that application roles may connect from. */
  allowedNetworks: string[];
  /** CIDR networks that administrators connect from; only rules under `hba` open anything to them. */
  adminNetworks?: string[];
  /** Lines of pg_hba.conf beside the derived ones, by order and then as written. */
  hba?: HbaRuleSpec[];
  /** Lines of pg_ident.conf beside the project's own. */
  ident?: IdentSpec[];
  /** Platforms existing and aws: Debian package → version it is kept at; absent or not named: that of its first installation. */
  packages?: Record<string, string>;
  /** Platforms existing and aws: hosts get PostgreSQL's own repository; absent: what their apt sources have. */
  packageSource?: "pgdg";
  /** Platform aws: always there; other platforms: absent. */
  aws?: AwsSpec;
  /** `file`: Pulumi's state may be in a folder of one machine, under a passphrase. */
  state: "shared" | "file";
  /** The engine refuses to delete members and the rollout. */
  protect: boolean;
  /** Platform `local`: where state lives, absolute. Default: the platform decides. */
  stateDir?: string;
}

export interface ClusterSpec {
  /** `[a-z][a-z0-9_]*`; becomes cluster_name together with the member's name. */
  name: string;
  version: Major;
  workload: Workload;
  /** max_connections of every member; absent: by workload, capped by the smallest member's budget. */
  connections?: number;
  restart: RestartPolicy;
  synchronous: Synchronous;
  /** Fixed when the cluster is made; a later change is refused. */
  initdb: InitdbSpec;
  /** Parameter overrides for every member: name → value as PostgreSQL would read it, e.g. "64MB". */
  parameters: Record<string, string>;
}

/** How a change reaches servers that are in use. */
export interface RolloutSpec {
  /** Longest time that pooled clients wait for a restart of the primary, counted from sending PAUSE. */
  limitSeconds: number;
  /** How often pausing is tried before the rollout fails. */
  tries: number;
  /** End sessions that are in the way instead of failing. */
  terminate: boolean;
  /** Largest rate of one clone in kB/s, 32 to 1,048,576; absent: not limited. */
  cloneRateKb?: number;
}

export interface InitdbSpec {
  dataChecksums: boolean;
  encoding: string;
  localeProvider: "libc" | "icu";
  /** libc locale, e.g. "C.UTF-8", or ICU locale, e.g. "en-US". */
  locale: string;
  /** WAL segment size, a power of two from 1 to 1024. */
  walSegmentSizeMb: number;
}

export interface HostSpec {
  /** `[a-z][a-z0-9-]*`, at most 40 characters. */
  name: string;
  role: HostRole;
  /** IPv4 address, unique in the fleet. */
  address: string;
  /** RAM this host may plan with. */
  memoryMb: number;
  cpus: number;
  diskMb: number;
  storage: Storage;
  /** Overrides for this member only; the five hot-standby parameters are refused here. */
  parameters: Record<string, string>;
  /** Replicas: the member it streams from; absent: the primary. */
  upstream?: string;
  /** Platforms existing and aws: how it is reached; other platforms: absent. */
  ssh?: SshSpec;
  /** Platform aws: always there; other platforms: absent. */
  aws?: AwsHostSpec;
  /** Replicas: each new value asks for new data; absent: never asked. */
  reclone?: string;
  /** The engine refuses to delete it. */
  protect: boolean;
}

/** Paths are of the machine that runs `up`. */
export interface SshSpec {
  user: string;
  port: number;
  /** Private key; absent: what ssh finds by itself. */
  identityFile?: string;
  /** File of believed host keys; absent: ssh's own. */
  knownHosts?: string;
  /** Public keys of the host, a line each; then no file is asked. */
  hostKey?: string;
  proxyJump?: string;
  proxyCommand?: string;
}

export interface PoolerSpec {
  /** Names of hosts that run PgBouncer. */
  hosts: string[];
  poolMode: "transaction" | "session";
  /** PgBouncer max_client_conn. */
  maxClientConnections: number;
  /** PgBouncer default_pool_size, per database and user. */
  poolSize: number;
  reservePoolSize: number;
  port: number;
  /** PgBouncer settings over what the project writes, name → value. */
  parameters: Record<string, string>;
  /** PgBouncer processes on each of its hosts; every number above is for one process. Absent: 1. */
  processes?: number;
  /** poolSize or reservePoolSize stand in the config: they have to fit. Absent: defaults, which shrink until they fit. */
  sizesGiven?: true;
  /** Entry of PgBouncer (a database, or its read-only alias) → what differs for it. */
  databases?: Record<string, PoolerEntrySpec>;
  /** Role → what differs for it. */
  users?: Record<string, PoolerUserSpec>;
  /** PgBouncer max_prepared_statements (1.21 and later). Absent: 200 in transaction mode. */
  maxPreparedStatements?: number;
  /** Roles that may use PgBouncer's console with their password, besides the project's own. */
  adminUsers?: string[];
  /** Roles that may look at PgBouncer's console (SHOW). */
  statsUsers?: string[];
}

export interface PoolerEntrySpec {
  /** Server connections per role. */
  poolSize?: number;
  reservePoolSize?: number;
  /** Server connections of all roles together. */
  maxConnections?: number;
}

export interface PoolerUserSpec {
  /** Server connections per entry. PgBouncer 1.23 and later. */
  poolSize?: number;
  /** Server connections over all entries. */
  maxConnections?: number;
}

export type HbaMethod = "scram-sha-256" | "cert" | "peer" | "reject" | "md5" | "password" | "trust" | "ident";
/** What `from` of a rule may say besides a network. */
export type HbaAlias = "cluster" | "pooler" | "monitoring" | "app" | "admin" | "socket";

/** A rule of the config; see docs/access.md. */
export interface HbaRuleSpec {
  /** Place in the config's list, from 0; for messages. */
  index: number;
  databases: string[];
  /** Role names, `all`, or `+name` for a role's members. */
  users: string[];
  /** Aliases and CIDR networks. */
  from: string[];
  method: HbaMethod;
  options: Record<string, string>;
  /** Members that have it; absent: all. */
  hosts?: string[];
  role?: "primary" | "replica";
  order: number;
  comment?: string;
  /** Why something weak is allowed. */
  exception?: string;
}

export interface IdentSpec {
  map: string;
  osUser: string;
  role: string;
}

export interface MonitoringSpec {
  /** Names of hosts that run Prometheus. */
  hosts: string[];
  scrapeIntervalSeconds: number;
  retentionDays: number;
  prometheusPort: number;
}

export interface TlsSpec {
  /** Who comes without TLS is refused, and the fleet's own connections check names. False: TLS is offered. */
  required: boolean;
  /** With `required`: whether that holds for applications too. */
  clients: "require" | "prefer";
  /** Life of a host's certificate. */
  validDays: number;
  /** Raised to have all certificates issued anew. */
  renew: number;
  /** The cluster's own authority that signs. */
  caVersion: number;
  /** The cluster's own authorities that are trusted, ascending; `caVersion` is among them. */
  caTrusted: number[];
  /** Names under `secrets`; absent: an authority of the cluster's own. */
  given?: { ca: string; certificate: string; key: string };
}

export interface DatabaseSpec {
  name: string;
  owner: string;
  extensions: string[];
  /** Extension → schema it is in; absent or not named: public. */
  extensionSchemas?: Record<string, string>;
  /** Schemas beside public, made for the owner. */
  schemas?: string[];
  /** Sessions the database may have at once; absent or -1: no limit. */
  connectionLimit?: number;
  /** Absent: true. */
  allowConnections?: boolean;
}

/**
 * What a role is for. owner: owns databases. migration: logs in and works as the owner. readwrite, readonly: rows.
 * monitoring: statistics. replication: streams, without rights on data. none: only what memberOf and grants say.
 */
export type Access = "owner" | "migration" | "readwrite" | "readonly" | "monitoring" | "replication" | "none";

export interface RoleSpec {
  name: string;
  login: boolean;
  /** -1: no limit. */
  connectionLimit: number;
  /** What the role may do in its databases. */
  access: Access;
  /** Where the password comes from: made once by the project, or the entry of this name under `secrets`. */
  password: { kind: "generated" } | { kind: "secret"; name: string };
  /** Raised to rotate the password; absent: 1. */
  passwordVersion?: number;
  /** The role whose second login this is: it can do what that role can, with a password of its own. */
  alternateOf?: string;
  /** Names of the databases that `access` is about; absent: all. */
  databases?: string[];
  /** Roles it is a member of; absent: none. */
  memberOf?: string[];
  /** Parameters of its sessions, name → value as PostgreSQL would read it; absent: none. */
  parameters?: Record<string, string>;
  /** When its password stops working, ISO 8601 with zone; absent: never. */
  validUntil?: string;
  /** Rights in single schemas, over what `access` gives; absent: none. */
  grants?: GrantSpec[];
}

/** Rights of a role on everything in a schema, what is made there later included. */
export interface GrantSpec {
  database: string;
  schema: string;
  /** May make objects of its own in the schema. */
  create: boolean;
  tables: TablePrivilege[];
  sequences: SequencePrivilege[];
  functions: FunctionPrivilege[];
}
export type TablePrivilege = "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE" | "REFERENCES" | "TRIGGER";
export type SequencePrivilege = "USAGE" | "SELECT" | "UPDATE";
export type FunctionPrivilege = "EXECUTE";

/** Who makes databases and roles: the project on the primary, or @pulumi/postgresql from where `up` runs. */
export interface ObjectsSpec {
  driver: "host" | "provider";
}

/** Whether the fleet's own connections have to be TLS with the right name. */
export const tlsVerified = (spec: Pick<FleetSpec, "tls">): boolean => spec.tls?.required ?? false;

/** Whether applications have to use TLS. */
export const tlsForClients = (spec: Pick<FleetSpec, "tls">): boolean =>
  tlsVerified(spec) && spec.tls?.clients === "require";

/** A database host: one that runs a server. */
export function isMember(host: HostSpec): boolean {
  return host.role === "primary" || host.role === "replica";
}

/** Does `access` of the role reach into this database? */
export const reaches = (role: RoleSpec, database: string): boolean => role.databases?.includes(database) ?? true;

export function members(spec: FleetSpec): HostSpec[] {
  return spec.hosts.filter(isMember);
}

/** Name of the member that a member streams from; "" for the primary. */
export function upstreamOf(spec: FleetSpec, host: HostSpec): string {
  return host.name === spec.primary ? "" : (host.upstream ?? spec.primary);
}

/** Hosts that show a certificate where there is TLS: members and poolers. */
export const certificateHolders = (spec: FleetSpec): HostSpec[] =>
  spec.hosts.filter((host) => isMember(host) || spec.pooler?.hosts.includes(host.name));

export function hostNamed(spec: FleetSpec, name: string): HostSpec {
  const host = spec.hosts.find((h) => h.name === name);
  if (!host) throw new Error(`no host named "${name}" in stack ${spec.stack}`);
  return host;
}
