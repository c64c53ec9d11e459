/** What two revisions of a stack differ in: plain data, the same for every way of showing it. */

import type { Step } from "../rollout/types.ts";
import type { ChangeClass } from "../tuning/types.ts";
import type { PlanFile } from "./plan-file.ts";

/** A fleet as one revision renders it. */
export interface RenderedFleet {
  plan: PlanFile;
  /** Body of a file by its path in plan.json; asked for only when the file differs from the other side's. */
  body(path: string): string;
}

/** One revision of a stack: rendered, not there, or there and impossible to render. */
export type Side =
  | { kind: "rendered"; fleet: RenderedFleet /** Of the stack file. */; secrets: SecretValues }
  | { kind: "absent" }
  /** `problem` is what the tool of that revision said. */
  | { kind: "failed"; problem: string };

/** Encrypted values of a stack file: key path → fingerprint of the cipher text. */
export interface SecretValues {
  values: Record<string, string>;
  /** Fingerprint of what they are encrypted with; another one changes every cipher text. */
  key: string;
}

/** What a change needs, from least to most. */
export const EFFECTS = [
  "none",
  /** In force when supervisord, or the machine, starts the next time. */
  "next start",
  "new sessions",
  "reload",
  "service stop",
  "service start",
  "service restart",
  "restart pending",
  "restart",
  "ordered restart",
  "switchover",
  "new",
  "clone",
  "removed",
  /** `up` would refuse it. */
  "refused",
  /** The base cannot be rendered. */
  "unknown",
] as const;
export type Effect = (typeof EFFECTS)[number];

export interface Comparison {
  /** Raised when a field changes its meaning or goes away. */
  version: 1;
  stack: string;
  kind: "unchanged" | "changed" | "added" | "removed" | "failed";
  /** Why a side could not be rendered, in the words of that revision's tool. */
  baseProblem: string | null;
  headProblem: string | null;
  /** Declared facts that differ, e.g. "memory of db1, db2: 16GB → 32GB". */
  facts: string[];
  hosts: HostComparison[];
  unchangedHosts: string[];
  totals: { files: number; additions: number; deletions: number };
  plan: PlanComparison;
  /** Daemons that change outside the ordered plan, e.g. "restart postgres_exporter on db1, db2". */
  services: string[];
  budgets: BudgetComparison[];
  pools: { before: PoolSum | null; after: PoolSum | null } | null;
  /** What is taken away, one line each. */
  removed: string[];
  warnings: string[];
}

export interface HostComparison {
  name: string;
  /** Its name at the base; null unless it was renamed. */
  renamedFrom: string | null;
  role: string;
  change: "added" | "removed" | "renamed" | "changed";
  /** The most that its changes need. */
  effect: Effect;
  files: FileComparison[];
  parameters: ParameterComparison[];
}

export interface FileComparison {
  /** Relative to the host, e.g. "postgresql/pg_hba.conf". */
  path: string;
  change: "added" | "removed" | "modified";
  /** [before, after] when the mode differs. */
  mode: [string, string] | null;
  additions: number;
  deletions: number;
  /** Lines that differ in the width of blanks between words only; not in `diff`. */
  realigned: number;
  /** Unified diff with "---" and "+++" lines; "" when only alignment or the mode differs. */
  diff: string;
  /** Files of a new host: what is otherwise than on a host of its kind, but for names and addresses. */
  like?: LikeFile;
}

export interface LikeFile {
  /** Host that it is compared with. */
  host: string;
  additions: number;
  deletions: number;
  /** Unified diff from that host's file; "" when it is the same. */
  diff: string;
}

export interface ParameterComparison {
  component: "postgresql" | "pgbouncer";
  name: string;
  /** null: not set. */
  before: string | null;
  after: string | null;
  class: ChangeClass;
  /** What in the change made it so, e.g. "resize 16GB → 32GB". */
  cause: string;
  /** How the new value comes about, e.g. "25 % of 32 GB". */
  reason: string | null;
}

export interface PlanComparison {
  steps: PlannedStep[];
  /** What forbids the whole plan: `up` would refuse. */
  problems: string[];
  pending: string[];
}

export interface PlannedStep {
  step: Step;
  text: string;
  /** Present when clients can notice the step: how long they waited when it was last measured; null: unknown. */
  stallSeconds?: number | null;
}

export interface BudgetComparison {
  host: string;
  before: Filled | null;
  after: Filled | null;
}

export interface Filled {
  totalMb: number;
  limitMb: number;
}

/** Connections that can meet on one server, against what it accepts. */
export interface PoolSum {
  pooled: number;
  direct: number;
  maxConnections: number;
}

/** Step kind, "restart-primary" or "restart-replica" → longest time that clients waited when it was last measured. */
export type Stalls = Record<string, { seconds: number }>;
