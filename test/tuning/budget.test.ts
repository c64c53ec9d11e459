import { describe, expect, test } from "vitest";
import {
  activeBackends,
  budgetOf,
  type MemoryPlan,
  memoryShare,
  solveWorkMemMb,
  workMemUnits,
} from "../../infra/tuning/budget.ts";

/** Round numbers, so that each term can be worked out by hand. */
const plan: MemoryPlan = {
  memoryMb: 10000,
  otherServicesMb: 500,
  sharedBuffersMb: 2000,
  walBuffersMb: 16,
  hugePages: false,
  connections: 103,
  reservedConnections: 3,
  parallelWorkers: 4,
  autovacuumWorkers: 3,
  autovacuumSlots: 3,
  autovacuumWorkMemMb: 150,
  maintenanceWorkMemMb: 300,
  maintenanceCommands: 1,
  workerProcesses: 16,
  walSenders: 10,
  preparedTransactions: 0,
  locksPerTransaction: 64,
  logicalWalSenders: 0,
  logicalDecodingWorkMemMb: 64,
  backendMb: 10,
  tempBuffersMb: 0,
  statementEntries: 10000,
  extraMb: 0,
  sortNodes: 1,
  hashNodes: 1,
  hashMemMultiplier: 2,
};

const terms = (change: Partial<MemoryPlan> = {}, workMemMb = 8): Record<string, number> =>
  Object.fromEntries(budgetOf({ ...plan, ...change }, workMemMb).terms.map((term) => [term.name, term.mb]));

describe("the terms of the budget", () => {
  test("each as the inequality says", () => {
    const t = terms();
    expect(t["shared memory"]).toBeCloseTo(1.04 * 2000 + 16 + 5 + 0.08 * (103 + 3 + 16 + 10) + 5, 6);
    expect(t["page tables"]).toBeCloseTo(((103 + 3 + 4) * 2000 * 8) / 4096, 6);
    expect(t.autovacuum).toBe(450);
    expect(t.maintenance).toBeCloseTo(330, 6);
    expect(t["wal senders"]).toBe(30);
    expect(t.backends).toBe(1030);
    expect(t.workers).toBe(35);
    expect(t.work_mem).toBeCloseTo((100 + 4) * 4.8 * 8, 6);
    expect(t["logical decoding"]).toBeUndefined();
  });

  test("grow with what they are about", () => {
    expect(terms({ hugePages: true })["page tables"]).toBe(0);
    expect(terms({ tempBuffersMb: 8 }).backends).toBe(103 * 18);
    expect(terms({ logicalWalSenders: 2 })["logical decoding"]).toBe(128);
    expect(terms({ locksPerTransaction: 164 })["shared memory"]! - terms()["shared memory"]!).toBeCloseTo(
      0.0004 * 100 * 132,
      6,
    );
    expect(terms({ preparedTransactions: 100 })["shared memory"]! - terms()["shared memory"]!).toBeCloseTo(8, 6);
    expect(terms({ activeConnections: 36 }).work_mem).toBeCloseTo((36 + 4) * 4.8 * 8, 6);
  });

  test("pooled connections never count more than connections there are", () => {
    expect(activeBackends({ ...plan, activeConnections: 500 })).toBe(100);
    expect(activeBackends({ ...plan, activeConnections: 20 })).toBe(20);
  });

  test("units of work_mem per process: 4.8, 7.6 and 12.4 at a multiplier of 2", () => {
    const of = (sortNodes: number, hashNodes: number, hashMemMultiplier = 2): number =>
      workMemUnits({ sortNodes, hashNodes, hashMemMultiplier });
    expect(of(1, 1)).toBeCloseTo(4.8, 9);
    expect(of(1, 2)).toBeCloseTo(7.6, 9);
    expect(of(2, 3)).toBeCloseTo(12.4, 9);
    expect(of(1, 1, 1)).toBeCloseTo(3.4, 9);
  });

  test("the share of memory steps up at 2, 8 and 64 GB", () => {
    const GB = 1024;
    expect([2 * GB - 1, 2 * GB, 8 * GB - 1, 8 * GB, 64 * GB - 1, 64 * GB].map(memoryShare)).toEqual([
      0.75, 0.8, 0.8, 0.85, 0.85, 0.9,
    ]);
  });
});

test("solved for work_mem, the sum is exactly the limit", () => {
  const workMemMb = solveWorkMemMb(plan);
  const budget = budgetOf(plan, workMemMb);
  expect(budget.limitMb).toBe(0.85 * 10000 - 500);
  expect(budget.totalMb).toBeCloseTo(budget.limitMb, 6);
  expect(workMemMb).toBeGreaterThan(0);
});

test("negative when everything else alone is too much", () => {
  expect(solveWorkMemMb({ ...plan, sharedBuffersMb: 9000 })).toBeLessThan(0);
});
