/**
 * FleetSpec: what a person declared, checked and completed with defaults.
 *
 * Plain data: no Pulumi types, no secrets (a secret is only ever named). Everything below the loader takes
 * this and nothing else. Quantities are plain numbers with their unit in the name; MB is 1024 × 1024 bytes,
 * as PostgreSQL counts.
 */

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
  databases: DatabaseSpec[];
  roles: RoleSpec[];
  /** CIDR networks that application roles may connect from. */
  allowedNetworks: string[];
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
  /** Replicas: each new value asks for new data; absent: never asked. */
  reclone?: string;
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
}

export interface MonitoringSpec {
  /** Names of hosts that run Prometheus. */
  hosts: string[];
  scrapeIntervalSeconds: number;
  retentionDays: number;
  prometheusPort: number;
}

export interface DatabaseSpec {
  name: string;
  owner: string;
  extensions: string[];
}

export interface RoleSpec {
  name: string;
  login: boolean;
  /** -1: no limit. */
  connectionLimit: number;
  /** What the role may do in each database: owner of it, read and write, or read only. */
  access: "owner" | "readwrite" | "readonly";
  /** Where the password comes from: made once by the project, or the entry of this name under `secrets`. */
  password: { kind: "generated" } | { kind: "secret"; name: string };
}

/** A database host: one that runs a server. */
export function isMember(host: HostSpec): boolean {
  return host.role === "primary" || host.role === "replica";
}

export function members(spec: FleetSpec): HostSpec[] {
  return spec.hosts.filter(isMember);
}

/** Name of the member that a member streams from; "" for the primary. */
export function upstreamOf(spec: FleetSpec, host: HostSpec): string {
  return host.name === spec.primary ? "" : (host.upstream ?? spec.primary);
}

export function hostNamed(spec: FleetSpec, name: string): HostSpec {
  const host = spec.hosts.find((h) => h.name === name);
  if (!host) throw new Error(`no host named "${name}" in stack ${spec.stack}`);
  return host;
}
