/** What the planner looks at and what it gives back; plain data, no I/O. */

import type { RestartPolicy } from "../config/spec.ts";
import type { ChangeClass } from "../tuning/types.ts";

/** Where the observation comes from: live facts, the last recorded state, or another revision of the config. */
export type ObservationSource = "live" | "state" | "base-ref";

export interface ObservedFleet {
  source: ObservationSource;
  members: MemberFacts[];
  poolers: PoolerFacts[];
  /** A switchover that an earlier run began and did not finish; recorded before the old primary can no longer be one. */
  switchover?: Switchover;
}

export interface Switchover {
  from: string;
  to: string;
}

export interface MemberFacts {
  name: string;
  /** Address that it is, or was last, declared with. */
  address: string;
  reachable: boolean;
  /** There is a data directory of ours. */
  hasData: boolean;
  running: boolean;
  /** By pg_is_in_recovery(); "none" when it does not run. */
  role: "primary" | "replica" | "none";
  /** Generation that `current/postgresql` points at; "" when nothing. */
  generation: string;
  /** Parameters as the files in force say them, name → text. */
  settings: Record<string, string>;
  /** Running values of the hot-standby five; empty when it does not run. */
  running5: Record<string, number>;
  /** A standby that is stopped or replays nothing: the five that it does not go on without, as its data says; else empty. */
  needs5: Record<string, number>;
  /** Parameters with pg_settings.pending_restart. */
  pendingRestart: string[];
  /** A file in force is newer than the last load of the configuration. */
  filesNewerThanLoad: boolean;
  streaming: boolean;
  /** Its data starts as a standby: standby.signal is there. */
  standby: boolean;
  /** The value of `reclone` that its data was cloned for; "" when it never was. */
  recloned: string;
  /** Physical slots on this server. */
  slots: { name: string; active: boolean }[];
  /** Parameters held at other values by Rollout itself (rollout/postgresql.conf), name → text. */
  held: Record<string, string>;
  /** Parameters that ALTER SYSTEM set. */
  alteredSystem: string[];
}

export interface PoolerFacts {
  name: string;
  reachable: boolean;
  running: boolean;
  generation: string;
  /** Entries of [databases] that are paused. */
  paused: string[];
  /** Addresses of replicas that Rollout has taken out of its entries for a while (rollout/pgbouncer.ini). */
  drained: string[];
  /** Member that its entries for writes lead to; "" when that is not known. */
  leadsTo: string;
  /** What runs otherwise than its files in force say, one line each. */
  differences: string[];
}

export interface DeclaredFleet {
  primary: string;
  restart: RestartPolicy;
  members: DeclaredMember[];
  poolers: { name: string; generation: string }[];
  /** Leavers that cannot be reached and will not come back. */
  gone: string[];
  /** `required`: connections between members and from poolers are TLS with the right name. Absent: no TLS. */
  tls?: "required" | "offered";
}

export interface DeclaredMember {
  name: string;
  generation: string;
  slot: string;
  settings: Record<string, string>;
  address: string;
  /** Member that it streams from; "" for the primary. */
  upstream: string;
  /** A new value asks for new data; "" never asked. */
  reclone: string;
  /** Parameters that stay held above the generation once the plan is done, name → text. Absent: none. */
  held?: Record<string, string>;
}

/** Decides what a changed parameter needs; from the parameter facts of the cluster's version. */
export type Classify = (parameter: string) => ChangeClass;

export type Step =
  | { kind: "start"; member: string; reason: string }
  /** Points `current/postgresql` at the generation, checked by the server's own parser, and reloads when it runs. */
  | { kind: "switch"; member: string; generation: string; reason: string }
  | { kind: "reload"; member: string; reason: string }
  /** ALTER SYSTEM RESET: the files are the only place where parameters are set. */
  | { kind: "reset-system"; member: string; parameters: string[]; reason: string }
  | { kind: "restart"; member: string; reason: string }
  /** Takes a replica out of the read pool of the poolers, and waits until they have left it. */
  | { kind: "drain"; member: string; poolers: string[]; reason: string }
  | { kind: "undrain"; poolers: string[]; reason: string }
  | { kind: "checkpoint"; member: string; reason: string }
  /** Poolers hold new transactions back; returns when the running ones have ended. */
  | { kind: "pause"; member: string; poolers: string[]; reason: string }
  /** `atLimit`: not now, but when clients have waited as long as they may; the poolers' watchdogs see to it. */
  | { kind: "resume"; poolers: string[]; atLimit?: true; reason: string }
  /** Keeps parameters at these values above the generation's, until released. */
  | { kind: "hold"; member: string; settings: Record<string, string>; reason: string }
  | { kind: "release"; member: string; reason: string }
  | { kind: "wait-replay"; member: string; reason: string }
  | { kind: "register"; members: string[]; reason: string }
  | { kind: "reserve-slot"; on: string; slot: string; reason: string }
  | { kind: "clone"; member: string; from: string; reason: string }
  | { kind: "wait-streaming"; member: string; reason: string }
  | { kind: "stop"; member: string; reason: string }
  /** Stops it for as long as its machine is away; it starts with the machine, or when this run ends. */
  | { kind: "halt"; member: string; reason: string }
  /** Stops it, and moves its data aside: a clone takes its place. */
  | { kind: "set-aside"; member: string; reason: string }
  /** Data of a former primary is made to follow, when it did not diverge; refused when it did. */
  | { kind: "rejoin"; member: string; to: string; reason: string }
  /** Everything that a switchover needs, before clients wait. */
  | { kind: "check-switchover"; from: string; to: string; reason: string }
  /** Stops the primary cleanly, waits until `to` has all of its WAL, and sees to it that it can only start as a standby. */
  | { kind: "demote"; member: string; to: string; reason: string }
  /** Makes a standby primary once it has all that `from` wrote. */
  | { kind: "promote"; member: string; from: string; reason: string }
  /** Entries that lead to the primary of the pooler's files lead to this member, until its next generation. */
  | { kind: "repoint"; to: string; poolers: string[]; reason: string }
  /** The other way round: a demoted member whose successor was not promoted is primary again. */
  | { kind: "reinstate"; member: string; successor: string; reason: string }
  | { kind: "drop-slot"; on: string; slot: string; reason: string }
  | { kind: "deregister"; members: string[]; reason: string }
  | { kind: "switch-pooler"; pooler: string; generation: string; reason: string }
  | { kind: "start-pooler"; pooler: string; reason: string }
  | { kind: "stop-pooler"; pooler: string; reason: string };

export interface Plan {
  source: ObservationSource;
  /** Who is primary before the first step that moves it; "" when the plan is refused for want of one. */
  primary: string;
  steps: Step[];
  /** What forbids the whole plan; nothing is done when there is one. */
  problems: string[];
  /** Left for later, one line each: restarts under `manual`, members that cannot be reached. */
  pending: string[];
}
