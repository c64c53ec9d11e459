import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BudgetError, type TuneInput, TuningError, tune } from "../../infra/tuning/tune.ts";
import { server } from "./arbitrary.ts";

const base: TuneInput = { version: 17, workload: "oltp", memoryMb: 4096, cpus: 8, diskMb: 512000, storage: "ssd" };

function refusal(input: TuneInput): Error {
  try {
    tune(input);
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was refused");
}

describe("input that makes no sense is refused with the nearest value that works", () => {
  test.each<[string, Partial<Record<keyof TuneInput, unknown>>, RegExp]>([
    ["memory 0", { memoryMb: 0 }, /memory: 0MB .*nearest that works: 256MB/],
    ["memory 64MB", { memoryMb: 64 }, /memory: 64MB .*nearest that works: 256MB/],
    ["memory 1PB", { memoryMb: 2 ** 30 }, /memory: 1073741824MB .*nearest that works/],
    ["memory not a number", { memoryMb: Number.NaN }, /memory: NaN/],
    ["cpus 0", { cpus: 0 }, /cpus: 0 .*nearest that works: 1$/],
    ["cpus 0.5", { cpus: 0.5 }, /cpus: 0.5 is not a whole number/],
    ["cpus 1e9", { cpus: 1e9 }, /cpus: 1000000000 .*nearest that works: 4096/],
    ["connections 0", { connections: 0 }, /connections: 0 /],
    ["version 13", { version: 13 }, /version: 13 is not one of 14, 15, 16, 17, 18, 19; nearest: 14/],
    ["version 20", { version: 20 }, /nearest: 19/],
    ["workload", { workload: "olap" }, /workload: "olap" is not one of web, oltp, mixed, dw, desktop/],
    ["a name every object has", { workload: "constructor" }, /is not one of/],
    ["storage", { storage: "floppy" }, /storage: "floppy"/],
    ["WAL segment", { walSegmentSizeMb: 20 }, /not a power of two/],
  ])("%s", (_name, change, message) => {
    const error = refusal({ ...base, ...change } as TuneInput);
    expect(error).toBeInstanceOf(TuningError);
    expect(error.message).toMatch(message);
  });

  test("all at once", () => {
    const error = refusal({ ...base, memoryMb: 0, cpus: 0, version: 13 as never }) as TuningError;
    expect(error.problems).toHaveLength(3);
  });
});

describe("overrides that cannot be", () => {
  test.each<[string, Record<string, string>, RegExp, Partial<TuneInput>?]>([
    ["unknown", { work_men: "1MB" }, /nearest name: work_mem/],
    ["removed", { wal_keep_segments: "64" }, /use wal_keep_size/],
    ["bad unit", { work_mem: "64KB" }, /write 64kB/],
    ["out of range", { checkpoint_timeout: "1s" }, /outside 30s to 86400s/],
    ["enum the build lacks", { wal_compression: "lz4" }, /built without lz4/, { build: { lz4: false } }],
    [
      "min over max",
      { min_wal_size: "8GB", max_wal_size: "4GB" },
      /min_wal_size 8GB is more than max_wal_size 4GB; nearest that works: min_wal_size 4GB/,
    ],
    [
      "less than two segments",
      { max_wal_size: "16MB", min_wal_size: "16MB" },
      /less than two WAL segments; nearest that works: 32MB/,
    ],
    [
      "reserved",
      { superuser_reserved_connections: "200" },
      /leave nothing of max_connections 100/,
      { connections: 100 },
    ],
    [
      "reserved together",
      { superuser_reserved_connections: "50", reserved_connections: "50" },
      /leave nothing/,
      { connections: 100 },
    ],
    [
      "minimal with replicas",
      { wal_level: "minimal" },
      /the 2 standbys could not follow; nearest that works: replica/,
      { replicas: 2 },
    ],
    ["minimal alone", { wal_level: "minimal" }, /needs max_wal_senders 0/],
    ["hot_standby off", { hot_standby: "off" }, /leave it on/, { replicas: 1 }],
    ["more parallel than processes", { max_parallel_workers: "64" }, /more than max_worker_processes 16/],
    [
      "more workers than slots",
      { autovacuum_max_workers: "20" },
      /more than autovacuum_worker_slots 16/,
      { version: 18 },
    ],
    [
      "WAL that nobody takes",
      { archive_mode: "on", archive_command: "" },
      /archive_mode on with an empty archive_command keeps all WAL until the disk is full/,
    ],
    [
      "two ways to archive",
      { archive_command: "cp %p /mnt/%f", archive_library: "basic_archive" },
      /archive_command and archive_library are both set/,
    ],
  ])("%s", (_name, parameters, message, change = {}) => {
    const error = refusal({ ...base, memoryMb: 16384, ...change, overrides: { cluster: parameters } });
    expect(error).toBeInstanceOf(TuningError);
    expect(error.message).toMatch(message);
  });

  test("wal_level minimal works when what it needs is set with it", () => {
    const parameters = { wal_level: "minimal", max_wal_senders: "0" };
    expect(tune({ ...base, overrides: { cluster: parameters } }).settings.get("wal_level")!.value).toBe("minimal");
  });
});

describe("the budget is refused with its terms and values that work", () => {
  test("connections: the number offered fits, one more does not", () => {
    const error = refusal({ ...base, connections: 500 });
    expect(error).toBeInstanceOf(BudgetError);
    expect(error.message).toMatch(/backends .*500 max_connections/);
    const offered = Number(/connections (\d+) \(now 500\)/.exec(error.message)![1]);
    expect(() => tune({ ...base, connections: offered })).not.toThrow();
    expect(refusal({ ...base, connections: offered + 1 })).toBeInstanceOf(BudgetError);
  });

  test.each([
    ["shared_buffers", "3GB"],
    ["work_mem", "1GB"],
    ["maintenance_work_mem", "8GB"],
    ["autovacuum_work_mem", "4GB"],
    ["temp_buffers", "1GB"],
    ["hash_mem_multiplier", "500"],
    ["max_connections", "3000"],
    ["max_wal_senders", "2000"],
  ])("%s = %s: the value offered fits", (name, value) => {
    const error = refusal({
      ...base,
      overrides: { cluster: { [name]: value, ...(name === "hash_mem_multiplier" ? { work_mem: "4MB" } : {}) } },
    });
    expect(error).toBeInstanceOf(BudgetError);
    const offered = new RegExp(`${name} (\\S+) \\(now`).exec(error.message)?.[1];
    expect(offered).toBeDefined();
    const extra = name === "hash_mem_multiplier" ? { work_mem: "4MB" } : {};
    expect(() => tune({ ...base, overrides: { cluster: { [name]: offered!, ...extra } } })).not.toThrow();
  });

  test("the memory offered holds everything as asked for", () => {
    let seen = 0;
    fc.assert(
      fc.property(server, (input) => {
        try {
          tune(input);
        } catch (error) {
          if (!(error instanceof BudgetError) || error.kind !== "memory") throw error;
          const offered = /memory (\d+(?:\.\d+)?)(MB|GB|TB) \(now/.exec(error.message);
          if (!offered) return;
          const mb = Number(offered[1]) * { MB: 1, GB: 1024, TB: 1024 ** 2 }[offered[2] as "MB" | "GB" | "TB"];
          tune({ ...input, memoryMb: mb });
          seen++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(seen).toBeGreaterThan(50);
  }, 60_000);

  test("WAL that can fill the disk", () => {
    const error = refusal({ ...base, overrides: { host: { max_wal_size: "400GB" } } });
    expect(error).toBeInstanceOf(BudgetError);
    expect((error as BudgetError).kind).toBe("wal disk");
    const offered = /max_wal_size (\S+) \(now/.exec(error.message)![1]!;
    expect(() => tune({ ...base, overrides: { host: { max_wal_size: offered } } })).not.toThrow();
    expect(refusal({ ...base, diskMb: 1024, walSegmentSizeMb: 1024 }).message).toMatch(/a disk of/);
  });
});

describe("what works but should be known is a warning", () => {
  test.each<[Record<string, string>, RegExp]>([
    [{ fsync: "off" }, /fsync off/],
    [{ autovacuum: "off" }, /autovacuum off/],
    [{ work_mem: "4096" }, /work_mem: 4096 has no unit and means 4MB/],
    [{ max_slot_wal_keep_size: "-1" }, /fills the primary's disk/],
    [{ wal_compression: "zstd" }, /needs a PostgreSQL built with it/],
    [{ shared_preload_libraries: "timescaledb" }, /leaves out pg_stat_statements/],
  ])("%j", (cluster, message) => {
    expect(tune({ ...base, overrides: { cluster } }).warnings.join("\n")).toMatch(message);
  });

  test("nothing to warn about: no warnings", () => {
    expect(tune({ ...base, memoryMb: 32768 }).warnings).toEqual([]);
  });

  test("a library that is not loaded gets no settings", () => {
    const { settings } = tune({
      ...base,
      overrides: { cluster: { shared_preload_libraries: "timescaledb,pg_stat_statements" } },
    });
    expect(settings.has("pg_stat_statements.max")).toBe(true);
    expect([...settings.keys()].filter((name) => name.startsWith("auto_explain."))).toEqual([]);
  });

  test("little memory: what was given up is said", () => {
    expect(tune({ ...base, memoryMb: 1024 }).warnings[0]).toMatch(
      /memory is tight.*hash_mem_multiplier 1 instead of 2/,
    );
    expect(tune({ ...base, memoryMb: 256 }).warnings.join("\n")).toMatch(/only 10 connections fit/);
  });
});
