/** What differs between workloads. Sources of the numbers: docs/tuning.md. */
import type { Major, Storage, Workload } from "../config/spec.ts";

export interface WorkloadFacts {
  /** max_connections where memory allows it. */
  connections: number;
  /** Sorts and hashes one process is assumed to run at once in its worst query. */
  sortNodes: number;
  hashNodes: number;
  /** work_mem that is kept before more connections or parallel workers are allowed, MB. */
  comfortableWorkMemMb: number;
  workMemCapMb: number;
  /** Share of memory planners may expect to be cached. */
  cacheShare: number;
  minWalSizeMb: number;
  statisticsTarget: number;
  jit: "on" | "off";
  /** Queries on standbys hold back vacuum on the primary. */
  standbyFeedback: "on" | "off";
  /** How long replay waits for a query on a standby before it ends it. */
  standbyDelay: string;
}

const common = {
  sortNodes: 1,
  hashNodes: 1,
  comfortableWorkMemMb: 8,
  workMemCapMb: 512,
  cacheShare: 0.75,
  standbyFeedback: "off",
  standbyDelay: "30s",
} as const;

export const workloads: Readonly<Record<Workload, WorkloadFacts>> = {
  web: { ...common, connections: 200, minWalSizeMb: 1024, statisticsTarget: 100, jit: "off" },
  oltp: { ...common, connections: 300, minWalSizeMb: 2048, statisticsTarget: 100, jit: "off" },
  mixed: {
    ...common,
    connections: 100,
    hashNodes: 2,
    minWalSizeMb: 1024,
    statisticsTarget: 100,
    jit: "off",
    standbyFeedback: "on",
    standbyDelay: "5min",
  },
  dw: {
    connections: 40,
    sortNodes: 2,
    hashNodes: 3,
    comfortableWorkMemMb: 16,
    workMemCapMb: 2048,
    cacheShare: 0.75,
    minWalSizeMb: 4096,
    statisticsTarget: 500,
    jit: "on",
    standbyFeedback: "on",
    standbyDelay: "30min",
  },
  desktop: { ...common, connections: 20, cacheShare: 0.25, minWalSizeMb: 256, statisticsTarget: 100, jit: "off" },
};

export interface StorageFacts {
  randomPageCost: string;
  /** Before 18: pages prefetched ahead of a bitmap scan. From 18 on: asynchronous reads in flight per operation. */
  ioConcurrency: (version: Major) => number;
  autovacuumCostLimit: number;
}

export const storages: Readonly<Record<Storage, StorageFacts>> = {
  hdd: { randomPageCost: "4", ioConcurrency: (v) => (v >= 18 ? 16 : 2), autovacuumCostLimit: 200 },
  ssd: { randomPageCost: "1.1", ioConcurrency: (v) => (v >= 18 ? 32 : 200), autovacuumCostLimit: 2000 },
  san: { randomPageCost: "1.1", ioConcurrency: (v) => (v >= 18 ? 32 : 200), autovacuumCostLimit: 2000 },
  nvme: { randomPageCost: "1.1", ioConcurrency: (v) => (v >= 18 ? 64 : 200), autovacuumCostLimit: 2000 },
};

export const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
