/** What tuning works from, without a fleet around it. */
import type { Major, Storage, Workload } from "../config/spec.ts";
import { majors } from "./facts.ts";
import type { ClusterSettings } from "./types.ts";
import type { BuildFeatures } from "./values.ts";
import { storages, workloads } from "./workloads.ts";

export interface TuneInput {
  version: Major;
  workload: Workload;
  /** RAM this server's host may plan with: the smaller of the machine's and its cgroup's. */
  memoryMb: number;
  cpus: number;
  /** Size of the volume that holds WAL, usually together with data. */
  diskMb: number;
  storage: Storage;
  /** max_connections; absent: by workload, as far as memory allows. */
  connections?: number;
  /** Server connections all poolers together may open; absent: applications connect directly. */
  pooledConnections?: number;
  /** What else runs on the host. Default 0. */
  otherServicesMb?: number;
  /** Standbys in the cluster. Default 0. */
  replicas?: number;
  /** Default 16. */
  walSegmentSizeMb?: number;
  /** Default true. Without checksums wal_log_hints is on, so that pg_rewind works. */
  dataChecksums?: boolean;
  /** Default "try". "off" where the kernel is another machine's, "on" only when enough pages are reserved. */
  hugePages?: "off" | "try" | "on";
  /** What the target's binaries were compiled with; default: nothing optional. */
  build?: BuildFeatures;
  /** Values shared by all members; absent: this server is the only one. */
  cluster?: ClusterSettings;
  /** Parameters from stack config, as written there. */
  overrides?: { cluster?: Record<string, string>; host?: Record<string, string> };
}

/** Connections that do not come through a pooler: exporter 5, maintenance 4, backup 2, migrations 2, people 3. */
export const DIRECT_CONNECTIONS = 16;

/** Larger machines than these are taken for typing errors. */
const MOST_MEMORY_MB = 24 * 1024 * 1024;
const LEAST_MEMORY_MB = 256;
const MOST_CPUS = 4096;

/** One line for each quantity that makes no sense. Whether it all fits is the budget's question, not this one's. */
export function inputProblems(input: TuneInput): string[] {
  const problems: string[] = [];
  const whole = (name: string, value: number | undefined, low: number, high: number, unit = ""): void => {
    if (value === undefined || (Number.isInteger(value) && value >= low && value <= high)) return;
    const near = Number.isNaN(value) ? low : Math.min(high, Math.max(low, Math.round(value)));
    problems.push(
      `${name}: ${value}${unit} is not a whole number from ${low} to ${high}; nearest that works: ${near}${unit}`,
    );
  };
  if (!majors.includes(input.version)) {
    const near = majors.reduce((a, b) => (Math.abs(b - input.version) < Math.abs(a - input.version) ? b : a));
    problems.push(`version: ${input.version} is not one of ${majors.join(", ")}; nearest: ${near}`);
  }
  if (!Object.hasOwn(workloads, input.workload)) {
    problems.push(`workload: "${input.workload}" is not one of ${Object.keys(workloads).join(", ")}`);
  }
  if (!Object.hasOwn(storages, input.storage)) {
    problems.push(`storage: "${input.storage}" is not one of ${Object.keys(storages).join(", ")}`);
  }
  whole("memory", input.memoryMb, LEAST_MEMORY_MB, MOST_MEMORY_MB, "MB");
  whole("cpus", input.cpus, 1, MOST_CPUS);
  whole("disk", input.diskMb, 256, 2 ** 40, "MB");
  whole("connections", input.connections, 1, 262143);
  whole("pooled connections", input.pooledConnections, 1, 262143);
  whole("other services", input.otherServicesMb, 0, MOST_MEMORY_MB, "MB");
  whole("replicas", input.replicas, 0, 1000);
  const segment = input.walSegmentSizeMb ?? 16;
  if (!Number.isInteger(Math.log2(segment)) || segment < 1 || segment > 1024) {
    problems.push(
      `WAL segment size: ${segment}MB is not a power of two from 1MB to 1024MB; the server's default is 16MB`,
    );
  }
  return problems;
}
