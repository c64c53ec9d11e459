/** What `status` finds; also its JSON, under a version. */

import type { HostRole } from "../../infra/config/spec.ts";

/** Raised when a field changes its meaning or goes away; new fields do not count. */
export const STATUS_VERSION = 1;

/**
 * `no answer`: the process runs and does not answer in time. `absent`: nothing of this stack is on the host.
 * `unreachable`: the host itself cannot be reached, so nothing is known about its services.
 */
export type State = "running" | "stopped" | "no answer" | "unreachable" | "absent";

export interface FleetStatus {
  version: typeof STATUS_VERSION;
  stack: string;
  cluster: string;
  ok: boolean;
  hosts: HostStatus[];
  /** Everything that is wrong, host by host, then the fleet as a whole. */
  problems: FleetProblem[];
  /** A line for a shell, through PgBouncer; null when there is no pooler, no login role or no database. */
  psql: string | null;
}

export interface FleetProblem {
  /** null: the fleet as a whole. */
  host: string | null;
  text: string;
  /** Goes away by itself shortly after a start; `--wait` waits for it. */
  transient: boolean;
}

export interface HostStatus {
  name: string;
  role: HostRole;
  address: string;
  /** Of the host's main service. */
  state: State;
  server?: ServerStatus;
  pooler?: PoolerStatus;
  prometheus?: PrometheusStatus;
  exporters: ExporterStatus[];
  /** Absent without TLS. */
  certificates?: CertificateStatus[];
  problems: FleetProblem[];
}

export interface ServerStatus {
  state: State;
  port: number;
  declaredRole: "primary" | "replica";
  /** By pg_is_in_recovery(); null when it does not answer. */
  liveRole: "primary" | "replica" | null;
  /** Hash of the generation in force; "" when none. */
  generation: string;
  pendingRestart: string[];
  /** Parameters set by ALTER SYSTEM. */
  alteredSystem: string[];
  /** Lines of files that the server cannot use, pg_hba.conf among them. */
  fileErrors: string[];
  slots: { name: string; active: boolean }[];
  /** Replicas. */
  replication?: ReplicationStatus;
  /** Primary: members that stream from it. */
  replicas: string[];
}

export interface ReplicationStatus {
  streaming: boolean;
  /** Name of the member it streams from; null when it does not stream. */
  from: string | null;
  slot: string | null;
  /** WAL between the primary's end and what is replayed here; null when unknown. */
  lagBytes: number | null;
  lagSeconds: number | null;
}

export interface PoolerStatus {
  state: State;
  port: number;
  generation: string;
  /** Of all processes together. */
  pools: Pool[];
  /** Absent with one process. */
  processes?: { number: number; state: State }[];
}

export interface Pool {
  database: string;
  user: string;
  clientsActive: number;
  clientsWaiting: number;
  serversActive: number;
  serversIdle: number;
  /** Seconds that the client at the head of the queue has waited. */
  maxWaitSeconds: number;
}

export interface CertificateStatus {
  component: "postgresql" | "pgbouncer";
  /** ISO 8601. */
  notAfter: string;
  /** Whole days; negative when it has ended. */
  daysLeft: number;
}

export interface ExporterStatus {
  name: "postgres_exporter" | "pgbouncer_exporter";
  port: number;
  state: State;
}

export interface PrometheusStatus {
  state: State;
  port: number;
  targetsUp: number;
  /** How many the config declares. */
  targetsDeclared: number;
}

/** Collects problems of one host. */
export class Problems {
  readonly list: FleetProblem[] = [];
  readonly #host: string | null;
  constructor(host: string | null) {
    this.#host = host;
  }

  add(text: string, transient = false): void {
    this.list.push({ host: this.#host, text, transient });
  }
}
