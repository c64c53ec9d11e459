import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changeClass, factOf, hotStandbyParameters } from "../../infra/tuning/facts.ts";
import { parseQuantity } from "../../infra/tuning/format.ts";
import { normalize } from "../../infra/tuning/overrides.ts";
import { BudgetError, type TuneInput, tune } from "../../infra/tuning/tune.ts";
import type { Tuning } from "../../infra/tuning/types.ts";
import { validateOverride } from "../../infra/tuning/validate.ts";
import { MAX_MEMORY_MB, memoryMb, server } from "./arbitrary.ts";

const MANY = { numRuns: 10_000 };
const SOME = { numRuns: 2_000 };

/** undefined: refused, because memory or disk cannot hold it. */
function tuned(input: TuneInput): Tuning | undefined {
  try {
    return tune(input);
  } catch (error) {
    if (error instanceof BudgetError) return undefined;
    throw error;
  }
}

function number(tuning: Tuning, name: string, version: TuneInput["version"]): number {
  const parsed = parseQuantity(tuning.settings.get(name)!.value, factOf(name, version)?.unit);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.quantity;
}

describe("for any server from 256 MB to 4 TB and 1 to 256 cpus", { timeout: 300_000 }, () => {
  test("the sum of the terms is the total, and never more than the limit; a refusal shows a sum that is", () => {
    let held = 0;
    fc.assert(
      fc.property(server, (input) => {
        try {
          const { budget } = tune(input);
          const sum = budget.terms.reduce((total, term) => total + term.mb, 0);
          expect(sum).toBeCloseTo(budget.totalMb, 6);
          expect(budget.totalMb).toBeLessThanOrEqual(budget.limitMb + 1e-6);
          expect(budget.terms.every((term) => term.mb >= 0)).toBe(true);
          held++;
        } catch (error) {
          if (!(error instanceof BudgetError)) throw error;
          expect(error.budget.totalMb).toBeGreaterThan(error.budget.limitMb);
          expect(error.message).toContain("limit");
        }
      }),
      MANY,
    );
    expect(held).toBeGreaterThan(MANY.numRuns / 2);
  });

  test("the total is what the written values add up to", () => {
    fc.assert(
      fc.property(server, (input) => {
        const tuning = tuned(input);
        if (!tuning) return;
        const value = (name: string): number => number(tuning, name, input.version);
        const term = (name: string): number => tuning.budget.terms.find((t) => t.name === name)?.mb ?? 0;
        const connections = value("max_connections");
        const workers = value("autovacuum_max_workers");
        const parallel = value("max_parallel_workers");
        const buffersMb = value("shared_buffers") / 128;
        const free = connections - value("superuser_reserved_connections");
        const active = Math.min(free, input.pooledConnections === undefined ? free : input.pooledConnections + 16);
        const [sorts, hashes] = { web: [1, 1], oltp: [1, 1], desktop: [1, 1], mixed: [1, 2], dw: [2, 3] }[
          input.workload
        ] as [number, number];
        const units = sorts * 2 + hashes * 1.4 * value("hash_mem_multiplier");
        expect(term("work_mem")).toBeCloseTo(((active + parallel) * units * value("work_mem")) / 1024, 6);
        expect(term("autovacuum")).toBeCloseTo((workers * value("autovacuum_work_mem")) / 1024, 6);
        expect(term("maintenance")).toBeCloseTo((1.1 * value("maintenance_work_mem")) / 1024, 6);
        expect(term("wal senders")).toBeCloseTo(3 * value("max_wal_senders"), 6);
        expect(term("workers")).toBeCloseTo(5 * (parallel + workers), 6);
        expect(term("backends")).toBeGreaterThanOrEqual(5 * connections);
        expect(term("shared memory")).toBeGreaterThan(1.04 * buffersMb);
        expect(term("page tables")).toBeCloseTo(
          input.hugePages === "on" ? 0 : ((connections + workers + parallel) * buffersMb * 8) / 4096,
          6,
        );
      }),
      SOME,
    );
  });

  test("more memory never means less shared_buffers or work_mem, nor a refusal", () => {
    // Far apart and close together: rounding must not make a step back either.
    const larger = fc.oneof(
      memoryMb,
      fc.integer({ min: 1, max: 300 }).map((mb) => -mb),
    );
    fc.assert(
      fc.property(server, larger, (input, other) => {
        const [less, more] = [input.memoryMb, other < 0 ? input.memoryMb - other : other].sort((a, b) => a - b) as [
          number,
          number,
        ];
        const small = tuned({ ...input, memoryMb: less });
        if (!small) return;
        const large = tune({ ...input, memoryMb: Math.min(more, MAX_MEMORY_MB) });
        for (const name of ["shared_buffers", "work_mem"]) {
          expect(number(large, name, input.version)).toBeGreaterThanOrEqual(number(small, name, input.version));
        }
      }),
      MANY,
    );
  });

  test("every value is valid in its version, in the one form it is written in, with its unit and the right class", () => {
    fc.assert(
      fc.property(server, (input) => {
        const tuning = tuned(input);
        if (!tuning) return;
        for (const [name, { value, class: change, reason }] of tuning.settings) {
          const fact = factOf(name, input.version);
          expect([name, fact !== undefined]).toEqual([name, true]);
          expect(validateOverride(name, value, input.version)).toBeUndefined();
          expect([name, normalize(value, fact)]).toEqual([name, value]);
          if (fact?.unit && Number(value) > 0) throw new Error(`${name} = ${value} has no unit`);
          expect([name, change]).toEqual([name, changeClass(name, input.version)]);
          expect(reason).not.toBe("");
        }
      }),
      SOME,
    );
  });

  test("combinations hold: workers, WAL sizes, reserved connections", () => {
    fc.assert(
      fc.property(server, (input) => {
        const tuning = tuned(input);
        if (!tuning) return;
        const value = (name: string): number => number(tuning, name, input.version);
        expect(value("max_parallel_workers_per_gather")).toBeLessThanOrEqual(value("max_parallel_workers"));
        expect(value("max_parallel_workers")).toBeLessThanOrEqual(value("max_worker_processes"));
        expect(value("max_worker_processes")).toBeGreaterThanOrEqual(16);
        expect(value("max_wal_senders")).toBeGreaterThanOrEqual(2 * (input.replicas ?? 0) + 4);
        expect(value("min_wal_size")).toBeLessThanOrEqual(value("max_wal_size"));
        expect(value("min_wal_size")).toBeGreaterThanOrEqual(2 * (input.walSegmentSizeMb ?? 16));
        expect(value("superuser_reserved_connections")).toBeLessThan(value("max_connections"));
        expect(1.1 * value("max_wal_size") + value("max_slot_wal_keep_size")).toBeLessThanOrEqual(0.8 * input.diskMb);
        if (input.connections !== undefined) expect(value("max_connections")).toBe(input.connections);
      }),
      SOME,
    );
  });

  test("memory changes none of the hot-standby five but max_connections, and not that when it is given", () => {
    fc.assert(
      fc.property(server, memoryMb, (input, other) => {
        const [a, b] = [tuned(input), tuned({ ...input, memoryMb: other })];
        if (!a || !b) return;
        for (const name of hotStandbyParameters) {
          if (name === "max_connections" && input.connections === undefined) continue;
          expect(a.settings.get(name)!.value).toBe(b.settings.get(name)!.value);
        }
      }),
      SOME,
    );
  });
});
