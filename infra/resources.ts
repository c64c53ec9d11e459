/**
 * The inputs and outputs of the provider's resources, as plain data: the one place where the Pulumi program
 * and the provider meet. The provider imports only types from here.
 */

import type { RestartPolicy } from "./config/spec.ts";
import type { MachineSpec, Room } from "./rollout/resize.ts";

/** How to reach a host. An input of every resource, never provider config. */
export type Connection = LocalConnection | SshConnectionInput;

interface ConnectionBase {
  /** Host name in the stack. */
  host: string;
  /** IPv4 address services listen on. */
  address: string;
  /** The host's folder; see HostLayout. */
  home: string;
  /** Unix sockets of the host's services; `supervisor.sock` among them. */
  run: string;
  /** OS user that servers run as. */
  user: string;
}

/** This machine; services run under supervisor. */
export interface LocalConnection extends ConnectionBase {
  platform: "local";
}

/** A Linux host with systemd, reached by the system's ssh. */
export interface SshConnectionInput extends ConnectionBase {
  platform: "ssh";
  ssh: SshAccess;
  /** First part of the names of the host's units, e.g. "pgfleet-prod-db1". */
  unitPrefix: string;
}

export interface SshAccess {
  /** Name or address that is dialed. Default: the host's `address`. */
  host?: string;
  user: string;
  port: number;
  /** How commands become root's: `sudo -n`, unless the login is root's; "none": they are the login's. */
  become: "sudo" | "none";
  /** Private key on the machine that runs `up`. Default: what ssh finds by itself. */
  identityFile?: string;
  /** File of believed host keys. Default: ssh's own. */
  knownHosts?: string;
  /** The host's public key, "ssh-ed25519 AAAA…", a line each; then no file is asked. */
  hostKey?: string;
  proxyJump?: string;
  proxyCommand?: string;
  /** Through AWS Systems Manager to the running instance with these tags, unless a proxy is given. */
  ssm?: SsmAccess;
  /** Which machine it is, e.g. an EC2 instance id; another one is made ready anew. */
  machine?: string;
}

export interface SsmAccess {
  region: string;
  /** Tag `pgfleet:stack`. */
  stack: string;
  /** Tag `pgfleet:host`. */
  host: string;
}

/** Who a host's folder belongs to. */
export interface HostOwner {
  project: string;
  stack: string;
  cluster: string;
}

/** Who a data directory belongs to; written beside it. */
export interface Owner extends HostOwner {
  member: string;
}

export interface FileInput {
  body: string;
  /** Octal, e.g. "0640". */
  mode: string;
}

/** MB are 1024 × 1024 bytes. */
export interface HostSize {
  memoryMb: number;
  cpus: number;
  diskMb: number;
}

/** Machine: what a host of its own has before files of the fleet come: room as declared, and packages. */
export interface MachineInputs {
  connection: Connection;
  /** What the host has to have at least. */
  size: HostSize;
  /** Debian package → version, or "": the newest that the host knows when it first installs it. All are held. */
  packages: Record<string, string>;
  /** Whether apt has to have PostgreSQL's own repository; absent: what the host's sources have is enough. */
  packageSource?: "pgdg";
}
export interface MachineOutputs extends MachineInputs {
  /** Package → installed version. */
  installed: Record<string, string>;
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}

/** Drain: a host is emptied before its machine changes; decides when a smaller machine may come. */
export interface DrainInputs {
  connection: Connection;
  owner: HostOwner;
  /** What the stack file asks for. */
  machine: MachineSpec;
  /** Image that a machine is made from now. */
  image: string;
  /** Generation of component postgresql as declared; "" where the host is no member. */
  generation: string;
  /** How a primary goes: to a replica first, or stopped with the writes it serves. */
  primary: "switchover" | "stop";
  pause: PausePolicy;
  /** As in RolloutInputs. */
  tls?: "required" | "offered";
  /** Major version. */
  version: number;
}
export interface DrainOutputs extends DrainInputs {
  /** Type that the machine may have now: the declared one, or the one before while settings for less memory are not in force. */
  type: string;
  /** Image that the machine is made from: a newer one is for the next machine. */
  machineImage: string;
  /** What a machine of that type has. */
  has: Room;
  /** Generation that the server runs with, nothing waiting for a restart; "" when that is not known or not so. */
  inForce: string;
  reachable: boolean;
}

/** Ready: the machine is up again with its volume, and what it served before is served again. */
export interface ReadyInputs {
  connection: Connection;
  owner: HostOwner;
  /** Identity of the machine; a new one is waited for from the start. */
  machineId: string;
  type: string;
  /** The data volume, and where it is mounted; null: the host has none. */
  volume: { id: string; diskGb: number; path: string } | null;
}
export interface ReadyOutputs extends ReadyInputs {
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}

/** HostFiles: stages one generation per component; never an active path. */
export interface HostFilesInputs {
  connection: Connection;
  /** Who the host's folder belongs to; a folder of another stack is refused. */
  owner: HostOwner;
  /** Component → path → file. */
  components: Record<string, Record<string, FileInput>>;
  /** Name → value; secret. Filled into `@@secret:NAME@@` on the host, escaped as the placeholder says. */
  secrets: Record<string, string>;
  /** Name → version of the credential; a new version is a new generation. */
  secretVersions: Record<string, number>;
}
export interface HostFilesOutputs extends HostFilesInputs {
  /** Component → generation hash. */
  staged: Record<string, string>;
  /** Component → how often files of a generation that was staged already had to be written again. */
  repairs: Record<string, number>;
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
}
export interface CredentialOutputs extends CredentialInputs {
  /** Secret. */
  password: string;
  /** `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`; secret. */
  verifier: string;
  /** Changes exactly when the password does. */
  version: number;
}

/** CertificateAuthority: the authorities of a cluster, by version; one of them signs, and all are trusted. */
export interface CertificateAuthorityInputs {
  cluster: string;
  /** Version that signs. */
  signing: number;
  /** Versions that the fleet and its clients trust; `signing` is among them. */
  trusted: number[];
}
export interface CertificateAuthorityOutputs extends CertificateAuthorityInputs {
  /** Version → certificate, PEM. */
  certificates: Record<string, string>;
  /** Version → key, PEM; secret. */
  keys: Record<string, string>;
  /** Of the version that signs. */
  certificate: string;
  /** Secret. */
  key: string;
  /** Certificates of all trusted versions, PEM. */
  bundle: string;
}

/** Certificate: what a host shows and trusts; either issued by `authority`, or `given`. */
export interface CertificateInputs {
  /** Host name; DNS name in the certificate. */
  host: string;
  /** IP addresses in the certificate. */
  addresses: string[];
  /** The authority that signs, PEM each; secret. */
  authority?: { certificate: string; key: string; bundle: string };
  /** PEM each; secret. */
  given?: { ca: string; certificate: string; key: string };
  validDays: number;
  /** Raise by one to have it issued anew. */
  renew: number;
}
export interface CertificateOutputs extends CertificateInputs {
  /** Authorities that the host trusts, PEM. */
  ca: string;
  /** PEM. */
  certificate: string;
  /** PEM; secret. */
  key: string;
  /** ISO 8601. */
  notAfter: string;
  /** Changes exactly when one of the three does. */
  version: number;
}

/** Service: one daemon whose changes need no order with the servers. */
export interface ServiceInputs {
  connection: Connection;
  /** Program name under the service manager; also the component that holds its files. "supervisor": the manager itself. */
  name: string;
  /** Generation of the component's files. */
  generation: string;
  /** What a new generation needs. */
  activate: "reload" | "restart";
  /** Program on the host that must exist, with the package that brings it. */
  program: { path: string; package: string };
  /** Answers when the service is healthy. */
  check?: { kind: "http"; url: string } | { kind: "tcp"; host: string; port: number };
}
export interface ServiceOutputs extends ServiceInputs {
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}

/** PostgresInstance: a member's home: owner file, unit, and for the first member the data directory. No role. */
export interface PostgresInstanceInputs {
  connection: Connection;
  owner: Owner;
  /** Major version. */
  version: number;
  dataDirectory: string;
  /** Directory with initdb, postgres, pg_basebackup. */
  binDirectory: string;
  port: number;
  /** Read at creation only. `init` makes the cluster's data here; a `clone` is made by Rollout. */
  bootstrap: Bootstrap;
  /** Generation to start with; read at creation only. */
  generation: string;
  /** The other members, to find a cluster that exists already; read at creation only. */
  peers: { name: string; connection: Connection; dataDirectory: string }[];
  /** Delete the data directory with the resource. Default false: data stays. */
  deleteData: boolean;
}
export interface Bootstrap {
  kind: "init" | "clone";
  dataChecksums: boolean;
  encoding: string;
  localeProvider: "libc" | "icu";
  locale: string;
  walSegmentSizeMb: number;
}
export interface PostgresInstanceOutputs extends PostgresInstanceInputs {
  /** What is not as declared, one line each; filled by read. */
  drift: string[];
  reachable: boolean;
}

/** Rollout: one per cluster; the only thing that activates anything ordered. */
export interface RolloutInputs {
  cluster: string;
  owner: HostOwner;
  /** Major version; decides what a changed parameter needs. */
  version: number;
  /** Member that should be primary. */
  primary: string;
  restart: RestartPolicy;
  members: RolloutMember[];
  poolers: RolloutPooler[];
  /** All hosts of the stack; what runs beside them and is the stack's is stopped. */
  hosts: Connection[];
  /** Host → what its machine is, where the stack makes them: the primary moves out of the way when its machine changes, and back. */
  machines?: Record<string, string>;
  /** Registered members that left for good and cannot be reached. */
  gone: string[];
  pause: PausePolicy;
  /** Largest rate of one clone in kB/s, as pg_basebackup --max-rate takes it; 0: not limited. */
  cloneRateKb: number;
  /** `required`: the fleet's own connections check names. `offered`: they take TLS where it is. Absent: none. */
  tls?: "required" | "offered";
}
export interface PausePolicy {
  /** Longest time that pooled clients wait for a restart of the primary, counted from sending PAUSE. */
  limitSeconds: number;
  /** How often pausing is tried before the rollout fails and names who is in the way. */
  tries: number;
  /** End sessions that are in the way instead of failing. */
  terminate: boolean;
}
export interface RolloutMember {
  name: string;
  connection: Connection;
  dataDirectory: string;
  binDirectory: string;
  port: number;
  generation: string;
  /** Physical slot of this member on the server it streams from. */
  slot: string;
  /** Member that it streams from; "" for the primary. */
  upstream: string;
  /** A new value asks for new data; "" never asked. */
  reclone: string;
  /** HostFiles' count of repairs: files in force that were written again need a reload. */
  repairs: number;
  /** Declared parameters, name → value as written. */
  settings: Record<string, string>;
  /** It may not leave before this is gone. */
  protect?: boolean;
}
export interface RolloutPooler {
  name: string;
  connection: Connection;
  port: number;
  generation: string;
  /** HostFiles' count of repairs. */
  repairs: number;
  /** Absolute path of PgBouncer. */
  program: string;
  /** Directory that holds psql. */
  binDirectory: string;
}
export interface RolloutOutputs extends RolloutInputs {
  systemIdentifier: string;
  observed: Record<string, ObservedMember>;
  observedPoolers: Record<string, ObservedPooler>;
  /** What is not as declared beyond single members, one line each. */
  drift: string[];
}
export interface ObservedPooler {
  reachable: boolean;
  running: boolean;
  generation: string;
  drift: string[];
}
export interface ObservedMember {
  reachable: boolean;
  running: boolean;
  role: "primary" | "replica" | "none";
  generation: string;
  hasData: boolean;
  /** Its data starts as a standby. */
  standby: boolean;
  /** It receives WAL now. */
  streaming: boolean;
  /** The value of `reclone` that its data was cloned for. */
  recloned: string;
  /** Parameters that wait for a restart. */
  pendingRestart: string[];
  /** Parameters whose text in the files in force is not the declared one: name → text, null when it is not there. */
  otherSettings: Record<string, string | null>;
  /** Running values of the hot-standby five. */
  running5: Record<string, number>;
  /** Parameters that a rollout holds at other values. */
  held: Record<string, string>;
  /** Names of physical slots on it. */
  slots: string[];
  /** What differs from what was declared when last applied, one line each. */
  drift: string[];
}

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
