/** Chooses everything memory goes to: the plan of one server, solved for work_mem. */

import { LEAST_WORK_MEM_MB, type MemoryPlan, solveWorkMemMb, workMemUnits } from "./budget.ts";
import { formatMb } from "./format.ts";
import { DIRECT_CONNECTIONS, type TuneInput } from "./input.ts";
import { megabytes, type Overrides, quantity } from "./overrides.ts";
import type { ClusterSettings } from "./types.ts";
import { clamp, workloads } from "./workloads.ts";

/** Below this, settings are degraded step by step before work_mem goes lower. */
export const WANTED_WORK_MEM_MB = 4;
/** Parallel workers that are kept while work_mem is worth more. */
const FEW_PARALLEL_WORKERS = 2;

export interface MemoryChoice {
  plan: MemoryPlan;
  workMemMb: number;
  /** What had to be given up, in order. */
  degraded: string[];
  /** False: not even the least work_mem fits; the plan is then the tightest one. */
  possible: boolean;
}

/** shared_buffers before anything is tight. */
export function defaultSharedBuffersMb(input: TuneInput, connections: number, parallelWorkers: number): number {
  const m = input.memoryMb;
  if (input.workload === "desktop") return m / 16;
  // 20 % up to 1 GB, 25 % from 2 GB on, a straight line between.
  const share = m <= 1024 ? 0.2 * m : m >= 2048 ? 0.25 * m : 204.8 + 0.3 * (m - 1024);
  if (input.hugePages === "on") return share;
  // Every process maps every page it touches: with many hundred connections page tables outgrow the buffers.
  const mappings = connections + 5 + parallelWorkers;
  return Math.min(share, (0.5 * m) / (1.04 + mappings / 512));
}

/** Private memory of a backend: 5 MB up to 1 GB of RAM, 10 MB from 3 GB on, a straight line between. */
export function backendMb(memoryMb: number): number {
  return clamp(5 + (5 * (memoryMb - 1024)) / 2048, 5, 10);
}

export function autovacuumWorkers(memoryMb: number, cpus: number): number {
  if (memoryMb < 2 * 1024) return 2;
  if (memoryMb < 8 * 1024 || cpus < 16) return 3;
  return cpus < 32 ? 4 : 5;
}

/** Parallel workers a machine of this size can use at once. */
export function usefulParallelWorkers(input: TuneInput): number {
  if (input.cpus < 2) return 0;
  return input.workload === "dw" ? input.cpus : Math.floor(input.cpus / 2);
}

/** The plan before anything is degraded; overrides are in it. */
export function fullPlan(input: TuneInput, cluster: ClusterSettings, overrides: Overrides): MemoryPlan {
  const { version, memoryMb: m } = input;
  const facts = workloads[input.workload];
  const mb = (name: string): number | undefined => megabytes(overrides, name, version);
  const number = (name: string): number | undefined => quantity(overrides, name, version);

  const n = cluster.max_connections;
  const parallel =
    number("max_parallel_workers") ?? Math.min(usefulParallelWorkers(input), cluster.max_worker_processes);
  const workers = number("autovacuum_max_workers") ?? autovacuumWorkers(m, input.cpus);
  const maintenance =
    mb("maintenance_work_mem") ?? (input.workload === "dw" ? clamp(m / 16, 32, 2048) : clamp(m / 32, 32, 1024));
  const vacuum = mb("autovacuum_work_mem") ?? clamp(m / 64, 16, 1024);
  const logical = overrides.get("wal_level")?.value === "logical";
  const queryBytes = number("track_activity_query_size");
  const walBuffers = mb("wal_buffers");
  const libraries = overrides.get("shared_preload_libraries")?.value;
  const slots = n + cluster.max_worker_processes + cluster.max_wal_senders + workers;
  return {
    memoryMb: m,
    otherServicesMb: input.otherServicesMb ?? 0,
    sharedBuffersMb: mb("shared_buffers") ?? defaultSharedBuffersMb(input, n, usefulParallelWorkers(input)),
    ...(walBuffers !== undefined && walBuffers >= 0 ? { walBuffersMb: walBuffers } : {}),
    hugePages: (overrides.get("huge_pages")?.value ?? input.hugePages) === "on",
    connections: n,
    reservedConnections:
      (number("superuser_reserved_connections") ?? Math.min(3, n - 1)) + (number("reserved_connections") ?? 0),
    ...(input.pooledConnections === undefined
      ? {}
      : { activeConnections: input.pooledConnections + DIRECT_CONNECTIONS }),
    parallelWorkers: parallel,
    autovacuumWorkers: workers,
    autovacuumSlots: version >= 18 ? (number("autovacuum_worker_slots") ?? 16) : workers,
    autovacuumWorkMemMb: vacuum < 0 ? maintenance : vacuum,
    maintenanceWorkMemMb: maintenance,
    maintenanceCommands: 1,
    workerProcesses: cluster.max_worker_processes,
    walSenders: cluster.max_wal_senders,
    preparedTransactions: cluster.max_prepared_transactions,
    locksPerTransaction: cluster.max_locks_per_transaction,
    logicalWalSenders: logical ? Math.max(1, cluster.max_wal_senders - 2 * (input.replicas ?? 0)) : 0,
    logicalDecodingWorkMemMb: mb("logical_decoding_work_mem") ?? 64,
    backendMb: backendMb(m),
    tempBuffersMb: mb("temp_buffers") ?? 0,
    statementEntries:
      libraries !== undefined && !libraries.includes("pg_stat_statements")
        ? 0
        : (number("pg_stat_statements.max") ?? 10000),
    extraMb: queryBytes === undefined ? 0 : (Math.max(0, queryBytes - 1024) * slots) / 1024 ** 2,
    sortNodes: facts.sortNodes,
    hashNodes: facts.hashNodes,
    hashMemMultiplier: number("hash_mem_multiplier") ?? 2,
  };
}

/** The plan in values a person would write. Solved before rounding: steps of whole MB would make work_mem jump back. */
function inWholeMb(plan: MemoryPlan, overrides: Overrides): MemoryPlan {
  const whole = (name: string, mb: number): number => (overrides.has(name) ? mb : Math.floor(mb));
  return {
    ...plan,
    sharedBuffersMb: whole("shared_buffers", plan.sharedBuffersMb),
    maintenanceWorkMemMb: whole("maintenance_work_mem", plan.maintenanceWorkMemMb),
    autovacuumWorkMemMb: whole("autovacuum_work_mem", plan.autovacuumWorkMemMb),
  };
}

/** Down to a step a person would write; never up, and never lower for a larger value. */
function roundDown(mb: number): number {
  const step = mb >= 16 ? 1 : mb >= 1 ? 0.25 : LEAST_WORK_MEM_MB;
  return Math.floor(mb / step + 1e-9) * step;
}

/** The largest whole number from `low` to below `high` at which the changed plan leaves `wanted` MB of work_mem. */
function affordable(
  plan: MemoryPlan,
  change: (value: number) => Partial<MemoryPlan>,
  [low, high]: [number, number],
  wanted: number,
): number | undefined {
  const enough = (value: number): boolean => solveWorkMemMb({ ...plan, ...change(value) }) >= wanted;
  if (!enough(low)) return undefined;
  let good = low;
  let bad = high;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (enough(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/**
 * Solves the plan for work_mem, giving things up in the documented order while it is below 4 MB:
 * parallel workers, hash_mem_multiplier, shared_buffers, maintenance memory. What an override fixes stays.
 *
 * Each step hands out at most the 4 MB it was taken for. So a host with more memory, which needs the step no longer,
 * never gets less work_mem than a smaller one.
 *
 * @param capMb work_mem is not raised above this; for hosts whose connections were chosen to leave just that much.
 */
export function chooseMemory(
  input: TuneInput,
  full: MemoryPlan,
  overrides: Overrides,
  capMb = Number.POSITIVE_INFINITY,
): MemoryChoice {
  const facts = workloads[input.workload];
  const degraded: string[] = [];
  const free = (name: string): boolean => !overrides.has(name);
  const done = (solved: MemoryPlan, workMemMb: number): MemoryChoice => {
    const plan = inWholeMb(solved, overrides);
    const mb = roundDown(Math.min(workMemMb, capMb, facts.workMemCapMb));
    return { plan, workMemMb: mb, degraded, possible: true };
  };

  let plan = full;
  const comfort = facts.comfortableWorkMemMb;
  if (solveWorkMemMb(plan) >= comfort) return done(plan, solveWorkMemMb(plan));

  if (free("max_parallel_workers") && plan.parallelWorkers > FEW_PARALLEL_WORKERS) {
    const before = plan.parallelWorkers;
    const few: [number, number] = [FEW_PARALLEL_WORKERS, before];
    const workers = affordable(plan, (parallelWorkers) => ({ parallelWorkers }), few, comfort);
    plan = { ...plan, parallelWorkers: workers ?? FEW_PARALLEL_WORKERS };
    degraded.push(`max_parallel_workers ${plan.parallelWorkers} instead of ${before}`);
    if (workers !== undefined) return done(plan, comfort);
  }
  if (solveWorkMemMb(plan) >= WANTED_WORK_MEM_MB) return done(plan, solveWorkMemMb(plan));

  if (free("hash_mem_multiplier")) {
    plan = { ...plan, hashMemMultiplier: 1 };
    degraded.push("hash_mem_multiplier 1 instead of 2");
    if (solveWorkMemMb(plan) >= WANTED_WORK_MEM_MB) return done(plan, WANTED_WORK_MEM_MB);
  }
  const lean = Math.ceil(0.15 * plan.memoryMb);
  if (free("shared_buffers") && plan.sharedBuffersMb > lean) {
    const range: [number, number] = [lean, Math.floor(plan.sharedBuffersMb)];
    const fitting = affordable(plan, (sharedBuffersMb) => ({ sharedBuffersMb }), range, WANTED_WORK_MEM_MB);
    const before = Math.floor(plan.sharedBuffersMb);
    plan = { ...plan, sharedBuffersMb: fitting ?? lean };
    degraded.push(`shared_buffers ${formatMb(plan.sharedBuffersMb)} instead of ${formatMb(before)}`);
    if (fitting !== undefined) return done(plan, WANTED_WORK_MEM_MB);
  }
  const small = { maintenance: 16, vacuum: 8, parallel: 0 };
  const followsMaintenance = overrides.get("autovacuum_work_mem")?.value === "-1";
  const maintenance = free("maintenance_work_mem") ? small.maintenance : plan.maintenanceWorkMemMb;
  if (free("maintenance_work_mem") || free("autovacuum_work_mem") || free("max_parallel_workers")) {
    plan = {
      ...plan,
      maintenanceWorkMemMb: maintenance,
      autovacuumWorkMemMb: followsMaintenance
        ? maintenance
        : free("autovacuum_work_mem")
          ? small.vacuum
          : plan.autovacuumWorkMemMb,
      parallelWorkers: free("max_parallel_workers") ? small.parallel : plan.parallelWorkers,
    };
    degraded.push(
      `maintenance_work_mem ${small.maintenance}MB, autovacuum_work_mem ${small.vacuum}MB, no parallel workers`,
    );
  }
  const left = solveWorkMemMb(plan);
  if (left >= LEAST_WORK_MEM_MB) return done(plan, Math.min(left, WANTED_WORK_MEM_MB));
  return { plan, workMemMb: LEAST_WORK_MEM_MB, degraded, possible: false };
}

/** Parallel workers counted when connections are chosen: a tenth of memory may go to them. */
export function modestParallelWorkers(plan: MemoryPlan, comfortMb: number): number {
  const each = 5 + workMemUnits(plan) * comfortMb;
  const affordable = Math.max(FEW_PARALLEL_WORKERS, Math.floor((0.1 * plan.memoryMb) / each));
  return Math.min(plan.parallelWorkers, affordable);
}
