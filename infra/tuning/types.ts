/** What tuning gives back: every value with its reason, and the memory budget as a sum of named terms. */

/** What it takes until a changed value is in force. `ordered-restart`: one of the five hot-standby parameters. */
export type ChangeClass = "reload" | "new-sessions" | "restart" | "ordered-restart";

export interface Setting {
  /** As written after `name =`, without quotes, with its unit: "4GB", "on", "0.9", "scram-sha-256". */
  value: string;
  /** One line a person can check, e.g. "25 % of 32 GB". */
  reason: string;
  class: ChangeClass;
  source: "tuned" | "project" | "override";
}

export interface BudgetTerm {
  /** e.g. "shared memory", "backends", "work_mem". */
  name: string;
  mb: number;
  /** The arithmetic in words: "4 × 64 MB autovacuum_work_mem". */
  detail: string;
}

export interface Budget {
  /** What this server may use: phi × memory − other services on the host. */
  limitMb: number;
  totalMb: number;
  terms: BudgetTerm[];
}

export interface Tuning {
  /** In the order they are written to the file. */
  settings: Map<string, Setting>;
  budget: Budget;
  warnings: string[];
}

/** Values that must be equal on all members, from the whole cluster (see docs/tuning.md). */
export interface ClusterSettings {
  max_connections: number;
  max_worker_processes: number;
  max_wal_senders: number;
  max_prepared_transactions: number;
  max_locks_per_transaction: number;
}
