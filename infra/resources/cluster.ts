/** Members of a cluster, and the rollout that activates what needs an order. */
import type { RestartPolicy } from "../config/spec.ts";
import type { Connection, HostOwner, Owner } from "./connection.ts";

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
