/**
 * The memory budget: the most a server can use under the stated assumptions, as a sum of named terms.
 *
 *   shared memory + page tables + autovacuum workers + maintenance + WAL senders + logical decoding
 *     + backends + parallel and autovacuum worker processes + work_mem      ≤  share × memory − other services
 *
 * docs/tuning.md says where each term comes from and what the sum leaves out.
 */
import { formatMb } from "./format.ts";
import { automaticWalBuffersMb, type SharedMemoryInput, sharedMemoryMb, sharedSlots } from "./shared-memory.ts";
import type { Budget, BudgetTerm } from "./types.ts";

/** Everything the sum depends on. MB throughout. */
export interface MemoryPlan extends SharedMemoryInput {
  memoryMb: number;
  otherServicesMb: number;
  /** True only when huge pages are certain: then page tables are shared and small. */
  hugePages: boolean;
  /** superuser_reserved_connections + reserved_connections. */
  reservedConnections: number;
  /** Server connections that may run queries at once; absent: every connection that is not reserved. */
  activeConnections?: number;
  parallelWorkers: number;
  autovacuumWorkers: number;
  autovacuumWorkMemMb: number;
  maintenanceWorkMemMb: number;
  /** Manual maintenance commands at once: CREATE INDEX, VACUUM, restore. */
  maintenanceCommands: number;
  logicalWalSenders: number;
  logicalDecodingWorkMemMb: number;
  /** Private memory of one backend outside work_mem: caches, plans, buffers. */
  backendMb: number;
  /** 0 when temporary tables are not planned for. */
  tempBuffersMb: number;
  sortNodes: number;
  hashNodes: number;
  hashMemMultiplier: number;
}

/** Measured growth of one sort and one hash node over its limit, as a factor. */
const SORT_OVERSHOOT = 2.0;
const HASH_OVERSHOOT = 1.4;
const MAINTENANCE_OVERSHOOT = 1.1;
const MB_PER_WAL_SENDER = 3;
const MB_PER_WORKER = 5;

/** Smallest work_mem PostgreSQL takes. */
export const LEAST_WORK_MEM_MB = 64 / 1024;

/** Share of memory a server may plan with; the rest is the kernel's, the page cache's and what the sum leaves out. */
export function memoryShare(memoryMb: number): number {
  if (memoryMb < 2 * 1024) return 0.75;
  if (memoryMb < 8 * 1024) return 0.8;
  if (memoryMb < 64 * 1024) return 0.85;
  return 0.9;
}

export function limitMb(plan: Pick<MemoryPlan, "memoryMb" | "otherServicesMb">): number {
  return memoryShare(plan.memoryMb) * plan.memoryMb - plan.otherServicesMb;
}

/** Units of work_mem one process may hold: sorts × 2.0 + hashes × hash_mem_multiplier × 1.4. */
export function workMemUnits(plan: Pick<MemoryPlan, "sortNodes" | "hashNodes" | "hashMemMultiplier">): number {
  return plan.sortNodes * SORT_OVERSHOOT + plan.hashNodes * plan.hashMemMultiplier * HASH_OVERSHOOT;
}

/** Backends that run a query at once. */
export function activeBackends(plan: MemoryPlan): number {
  const free = Math.max(0, plan.connections - plan.reservedConnections);
  return Math.min(free, plan.activeConnections ?? free);
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** A term whose words are made only when someone reads them: a plan is solved many times before it is shown once. */
interface LazyTerm {
  name: string;
  mb: number;
  detail: () => string;
}

function fixedTerms(plan: MemoryPlan): LazyTerm[] {
  const { connections: n, parallelWorkers: p, autovacuumWorkers: v } = plan;
  const mappings = n + v + p;
  const terms: LazyTerm[] = [
    {
      name: "shared memory",
      mb: sharedMemoryMb(plan),
      detail: () =>
        `1.04 × ${formatMb(plan.sharedBuffersMb)} shared_buffers + ` +
        `${formatMb(plan.walBuffersMb ?? automaticWalBuffersMb(plan.sharedBuffersMb))} wal_buffers + ` +
        `${sharedSlots(plan)} slots at ${plan.locksPerTransaction} locks + ${plan.statementEntries} statements`,
    },
    {
      name: "page tables",
      mb: plan.hugePages ? 0 : (mappings * plan.sharedBuffersMb * 8) / 4096,
      detail: () =>
        plan.hugePages
          ? "huge pages are on"
          : `${mappings} processes × 8 bytes per 4kB of ${formatMb(plan.sharedBuffersMb)} shared_buffers`,
    },
    {
      name: "autovacuum",
      mb: v * plan.autovacuumWorkMemMb,
      detail: () => `${v} autovacuum_max_workers × ${formatMb(plan.autovacuumWorkMemMb)} autovacuum_work_mem`,
    },
    {
      name: "maintenance",
      mb: MAINTENANCE_OVERSHOOT * plan.maintenanceCommands * plan.maintenanceWorkMemMb,
      detail: () =>
        `${MAINTENANCE_OVERSHOOT} × ${plan.maintenanceCommands} × ${formatMb(plan.maintenanceWorkMemMb)} maintenance_work_mem`,
    },
    {
      name: "wal senders",
      mb: MB_PER_WAL_SENDER * plan.walSenders,
      detail: () => `${plan.walSenders} max_wal_senders × ${MB_PER_WAL_SENDER}MB`,
    },
    {
      name: "backends",
      mb: n * (plan.backendMb + plan.tempBuffersMb),
      detail: () =>
        plan.tempBuffersMb > 0
          ? `${n} max_connections × (${round(plan.backendMb)}MB + ${formatMb(plan.tempBuffersMb)} temp_buffers)`
          : `${n} max_connections × ${round(plan.backendMb)}MB`,
    },
    {
      name: "workers",
      mb: MB_PER_WORKER * (p + v),
      detail: () => `(${p} max_parallel_workers + ${v} autovacuum_max_workers) × ${MB_PER_WORKER}MB`,
    },
  ];
  if (plan.logicalWalSenders > 0) {
    terms.push({
      name: "logical decoding",
      mb: plan.logicalWalSenders * plan.logicalDecodingWorkMemMb,
      detail: () => `${plan.logicalWalSenders} × ${formatMb(plan.logicalDecodingWorkMemMb)} logical_decoding_work_mem`,
    });
  }
  return terms;
}

const sum = (terms: ReadonlyArray<{ mb: number }>): number => terms.reduce((total, term) => total + term.mb, 0);

/** MB left for each unit of work_mem when everything else is as planned; negative when the rest alone is too much. */
export function solveWorkMemMb(plan: MemoryPlan): number {
  const users = activeBackends(plan) + plan.parallelWorkers;
  const left = limitMb(plan) - sum(fixedTerms(plan));
  // With nobody to use it, any value fits.
  return users === 0 ? (left < 0 ? left : Number.POSITIVE_INFINITY) : left / (users * workMemUnits(plan));
}

/** The sum with this work_mem, term by term. Says nothing about whether it fits: compare totalMb with limitMb. */
export function budgetOf(plan: MemoryPlan, workMemMb: number): Budget {
  const active = activeBackends(plan);
  const users = active + plan.parallelWorkers;
  const units = workMemUnits(plan);
  const who =
    plan.activeConnections !== undefined && active === plan.activeConnections ? "pooled and direct" : "active";
  const terms = [
    ...fixedTerms(plan).map((term): BudgetTerm => ({ ...term, detail: term.detail() })),
    {
      name: "work_mem",
      mb: users * units * workMemMb,
      detail:
        `(${active} ${who} + ${plan.parallelWorkers} parallel) × ${round(units)} × ${formatMb(workMemMb)}; ` +
        `${round(units)} = ${plan.sortNodes} sort × ${SORT_OVERSHOOT} + ${plan.hashNodes} hash × ` +
        `${plan.hashMemMultiplier} hash_mem_multiplier × ${HASH_OVERSHOOT}`,
    },
  ];
  return { limitMb: limitMb(plan), totalMb: sum(terms), terms };
}

export function fits(budget: Budget): boolean {
  return budget.totalMb <= budget.limitMb + 1e-6;
}
