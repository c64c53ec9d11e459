import { describe, expect, test } from "vitest";
import { factsFor, majors } from "../../infra/tuning/facts.ts";
import { validateOverride } from "../../infra/tuning/validate.ts";

type Major = (typeof majors)[number];

describe("values the server takes are let through", () => {
  test.each<[string, string, Major]>([
    ["work_mem", "64MB", 17],
    ["work_mem", "64 MB", 17],
    ["work_mem", "1.5GB", 17],
    ["work_mem", "64kB", 17],
    ["work_mem", "65536", 17],
    ["checkpoint_timeout", "0.5h", 14],
    ["checkpoint_timeout", "300s", 14],
    ["autovacuum_vacuum_cost_delay", "2.5ms", 15],
    ["unix_socket_permissions", "0777", 17],
    ["jit", "of", 17],
    ["jit", "TRUE", 17],
    ["huge_pages", "yes", 17],
    ["wal_compression", "lz4", 15],
    ["wal_compression", "on", 14],
    ["io_method", "io_uring", 18],
    ["io_workers", "32", 18],
    ["log_connections", "on", 18],
    ["log_connections", "receipt, authorization", 18],
    ["max_slot_wal_keep_size", "-1", 17],
    ["maintenance_work_mem", "64kB", 17],
    ["pg_stat_statements.max", "5000", 17],
    ["auto_explain.log_parameter_max_length", "0", 16],
    ["timescaledb.max_background_workers", "16", 17],
    ["shared_preload_libraries", "pg_stat_statements,timescaledb", 17],
  ])("%s = %s on %i", (name, value, version) => {
    expect(validateOverride(name, value, version)).toBeUndefined();
  });
});

describe("what the server would refuse is refused, with the fact and a value that works", () => {
  test.each<[string, string, Major, RegExp]>([
    ["work_men", "64MB", 17, /no parameter work_men; nearest name: work_mem/],
    ["Work_Mem", "64MB", 17, /write this parameter as work_mem/],
    ["zzzzzzzz", "1", 17, /no parameter zzzzzzzz$/],
    ["wal_keep_segments", "64", 14, /removed in PostgreSQL 13; use wal_keep_size/],
    ["promote_trigger_file", "/tmp/x", 16, /removed in PostgreSQL 16.*pg_promote/],
    ["force_parallel_mode", "on", 17, /use debug_parallel_query/],
    ["ssl_ecdh_curve", "prime256v1", 18, /use ssl_groups/],
    ["old_snapshot_threshold", "1h", 17, /removed in PostgreSQL 17/],
    ["io_method", "worker", 17, /only from PostgreSQL 18 on/],
    ["transaction_timeout", "1min", 14, /only from PostgreSQL 17 on/],
    ["work_mem", "64KB", 17, /"KB" is not a memory unit.*write 64kB/],
    ["work_mem", "64M", 17, /write 64MB/],
    ["work_mem", "64mb", 17, /write 64MB/],
    ["work_mem", "64MiB", 17, /write 64MB/],
    ["checkpoint_timeout", "5m", 17, /"m" is not a time unit.*write 5min/],
    ["checkpoint_timeout", "5MIN", 17, /write 5min/],
    ["work_mem", "1kB", 17, /outside 64kB to .*nearest that works: 64kB/],
    ["work_mem", "0.01MB", 17, /outside 0\.0625MB to .*nearest that works: 0\.0625MB/],
    ["maintenance_work_mem", "64kB", 16, /outside 1024kB/],
    ["io_workers", "40", 18, /outside 1 to 32; nearest that works: 32/],
    ["max_connections", "0", 17, /nearest that works: 1$/],
    ["max_connections", "100.5", 17, /not a whole number; nearest that works: 101/],
    ["max_connections", "100MB", 17, /has a unit.*write 100/],
    ["max_connections", "many", 17, /"many" is not a number/],
    ["random_page_cost", "1,1", 17, /random_page_cost/],
    ["jit", "o", 17, /not a bool/],
    ["jit", "maybe", 17, /not a bool; write on or off/],
    ["autovacuum", "enabled", 17, /write on$/],
    ["wal_level", "replca", 17, /not one of .*nearest: replica/],
    ["wal_compression", "lz4", 14, /not a bool/],
    ["io_method", "uring", 18, /not one of sync, worker, io_uring/],
    ["log_connections", "authorization", 17, /not a bool/],
    ["log_connections", "autorization", 18, /nearest: authorization/],
    ["block_size", "8192", 17, /cannot be set/],
    ["port", "5433", 17, /cannot be overridden/],
    ["hba_file", "/tmp/hba", 17, /cannot be overridden/],
    ["recovery_target_time", "now", 17, /belongs to a restore/],
    ["pg_stat_statements.maxx", "1", 17, /nearest name: pg_stat_statements\.max/],
    ["auto_explain.log_parameter_max_length", "0", 15, /has no parameter/],
    ["auto_explain.sample_rate", "1.5", 17, /outside 0 to 1/],
    ["timescaldb.max_background_workers", "1", 17, /nearest known extension: timescaledb/],
    ["foo.bar", "1", 17, /no known extension is named foo/],
    ["archive_command", "cp\nx", 17, /line break/],
  ])("%s = %j on %i", (name, value, version, message) => {
    expect(validateOverride(name, value, version)).toMatch(message);
  });

  test("a value this build lacks is refused when the build is known", () => {
    const build = { lz4: false, io_uring: false };
    expect(validateOverride("wal_compression", "lz4", 16, build)).toMatch(/built without lz4.*works: pglz, on, off/);
    expect(validateOverride("wal_compression", "zstd", 16, build)).toBeUndefined();
    expect(validateOverride("io_method", "io_uring", 18, build)).toMatch(/works: sync, worker/);
    expect(validateOverride("default_toast_compression", "lz4", 14, build)).toMatch(/built without lz4/);
  });
});

test("every parameter's own default is valid in its version", () => {
  const wrong: string[] = [];
  for (const version of majors) {
    for (const [name, fact] of factsFor(version)) {
      if (fact.context === "internal" || fact.bootVal === undefined) continue;
      const problem = validateOverride(name, fact.bootVal, version);
      if (problem && !/cannot be overridden|belongs to a restore/.test(problem)) wrong.push(problem);
    }
  }
  expect(wrong).toEqual([]);
});
