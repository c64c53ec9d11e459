/** Values the project fixes for every server: replication, vacuum, logs, statistics. */
import { factsFor, type ParameterFacts } from "./facts.ts";
import { archiveParameters, type Overrides } from "./overrides.ts";
import type { Line, TuneContext } from "./settings.ts";
import { clamp, storages, type WorkloadFacts, workloads } from "./workloads.ts";

export function plannerLines({ input }: TuneContext): Line[] {
  const { version, storage, workload, cpus } = input;
  const disk = storages[storage];
  const facts = workloads[workload];
  const concurrency = String(disk.ioConcurrency(version));
  const lines: Line[] = [
    ["random_page_cost", disk.randomPageCost, `${storage}: a random read costs this many sequential ones`],
    [
      "effective_io_concurrency",
      concurrency,
      version >= 18 ? `${storage}: asynchronous reads of one scan` : `${storage}: pages prefetched for bitmap scans`,
    ],
    ["maintenance_io_concurrency", concurrency, `${storage}: the same for vacuum and recovery`],
    ["default_statistics_target", String(facts.statisticsTarget), `for ${workload}`],
    [
      "jit",
      facts.jit,
      facts.jit === "on"
        ? "long analytic queries repay compilation"
        : "compilation costs short queries more than it gains",
    ],
  ];
  return [...lines, ...ioWorkerLines(factsFor(version), cpus)];
}

/** Asynchronous I/O, for what this version has of it: a fixed number of workers (18), or a pool between two (19). */
export function ioWorkerLines(facts: ParameterFacts, cpus: number): Line[] {
  const lines: Line[] = [];
  const put = (name: string, [low, high]: [number, number], share: number, reason: string): void => {
    const fact = facts.get(name);
    if (!fact) return;
    const count = clamp(clamp(Math.floor(cpus / share), low, high), fact.min ?? low, fact.max ?? high);
    lines.push([name, String(count), `${reason} of ${cpus} cpus, from ${low} to ${high}`]);
  };
  if (facts.has("io_method")) {
    lines.push(["io_method", "worker", "works in every build and container; io_uring needs both to allow it"]);
  }
  put("io_workers", [3, 32], 4, "a quarter");
  put("io_min_workers", [2, 8], 16, "workers that always run: a sixteenth");
  put("io_max_workers", [8, 32], 4, "more are started only while reads queue: a quarter");
  return lines;
}

/** On only where something archives: a backup tool brings its command, and the rollout that sets both restarts without a failed transaction. */
function archiveLines(overrides: Overrides): Line[] {
  const set = archiveParameters(overrides);
  if (set.length > 0) return [["archive_mode", "on", `${set.join(" and ")} is set`]];
  if (/^(on|always)$/.test(overrides.get("archive_mode")?.value ?? "")) {
    return [["archive_command", "/bin/true", "nothing is archived until a backup tool takes this place"]];
  }
  return [["archive_mode", "off", "nothing archives; handling each WAL file for nothing costs a write load 4 %"]];
}

export function replicationLines({ input, overrides }: TuneContext): Line[] {
  const lz4 = input.version >= 15 && input.build?.lz4 === true;
  const lines: Line[] = [
    ["wal_level", "replica", "standbys, base backups and point-in-time recovery"],
    ["hot_standby", "on", "standbys answer read-only queries"],
    ["wal_retrieve_retry_interval", "1s", "a standby is back soon after its primary restarted; the default is 5s"],
    ...standbyLines(workloads[input.workload]),
    ...archiveLines(overrides),
    [
      "wal_compression",
      lz4 ? "lz4" : "off",
      lz4
        ? "full page images shrink at little cost"
        : "only pglz is sure to be there, and it costs more processor time than its WAL is worth",
    ],
    ["password_encryption", "scram-sha-256", "md5 is deprecated"],
  ];
  if (input.dataChecksums === false) {
    lines.push(["wal_log_hints", "on", "no data checksums; pg_rewind needs one of the two"]);
  }
  if (input.version >= 18) {
    lines.push([
      "idle_replication_slot_timeout",
      "7d",
      "the slot of a standby that is gone for a week stops keeping WAL",
    ]);
  }
  return lines;
}

/** What a query on a standby may cost: rows that vacuum has to keep on the primary, and replay that waits. */
function standbyLines({ standbyFeedback, standbyDelay }: WorkloadFacts): Line[] {
  const feedback =
    standbyFeedback === "on"
      ? "long queries on standbys are not cancelled by vacuum; it keeps the rows they see"
      : "queries on standbys are short, and the primary's tables stay free of bloat";
  return [
    ["hot_standby_feedback", standbyFeedback, feedback],
    ["max_standby_streaming_delay", standbyDelay, "replay waits so long for a query in its way"],
    ["max_standby_archive_delay", standbyDelay, "the same while WAL comes from an archive"],
  ];
}

export function vacuumLines({ input, choice }: TuneContext): Line[] {
  const workers = choice.plan.autovacuumWorkers;
  const costLimit = storages[input.storage].autovacuumCostLimit;
  return [
    ["autovacuum", "on", "never off: without it tables bloat and transaction ids run out"],
    ["autovacuum_max_workers", String(workers), `for ${input.cpus} cpus and this much memory`],
    ["autovacuum_naptime", "1min", "server's default"],
    ["autovacuum_vacuum_threshold", "50", "server's default; large tables get their own settings"],
    ["autovacuum_vacuum_scale_factor", "0.2", "server's default; large tables get their own settings"],
    ["autovacuum_analyze_threshold", "50", "server's default"],
    ["autovacuum_analyze_scale_factor", "0.1", "server's default"],
    ["autovacuum_vacuum_cost_delay", "2ms", "server's default; 10ms makes vacuum four times slower"],
    ["autovacuum_vacuum_cost_limit", String(costLimit), `${input.storage}: shared by all workers`],
    ["autovacuum_freeze_max_age", "200000000", "server's default"],
    ["autovacuum_multixact_freeze_max_age", "400000000", "server's default"],
  ];
}

export function loggingLines(): Line[] {
  return [
    ["log_min_duration_statement", "1s", "slow statements"],
    ["log_line_prefix", "%t [%p]: user=%u,db=%d,app=%a,client=%h ", "who did it; log analyzers read this form"],
    ["log_statement", "none", "statements are counted by pg_stat_statements, not logged"],
    ["log_duration", "off", "only slow statements are logged"],
    ["log_checkpoints", "on", "says when checkpoints come too often"],
    ["log_lock_waits", "on", "waits longer than deadlock_timeout"],
    ["log_temp_files", "10MB", "spills to disk above this size"],
    ["log_autovacuum_min_duration", "10s", "slow vacuums"],
    ["track_io_timing", "on", "read and write times in EXPLAIN and statistics"],
  ];
}

const STATEMENTS: Line[] = [
  ["pg_stat_statements.max", "10000", "different statements kept"],
  ["pg_stat_statements.track", "all", "statements inside functions too"],
  ["pg_stat_statements.track_utility", "off", "utility text is kept as written, passwords in ALTER ROLE included"],
];

const EXPLAIN: Line[] = [
  ["auto_explain.log_min_duration", "1s", "plans of slow statements"],
  [
    "auto_explain.sample_rate",
    "0.01",
    "one statement in a hundred is measured; measuring all costs a fifth of throughput",
  ],
  ["auto_explain.log_analyze", "on", "actual rows of sampled statements"],
  ["auto_explain.log_timing", "off", "a clock call for each row is what costs most"],
  ["auto_explain.log_buffers", "on", "buffers of sampled statements"],
  ["auto_explain.log_triggers", "on", "time in triggers"],
  ["auto_explain.log_verbose", "on", "column lists and schema names"],
  ["auto_explain.log_nested_statements", "off", "statements inside functions are not logged one by one"],
];

export const PROJECT_LIBRARIES = ["pg_stat_statements", "auto_explain"] as const;

/** Libraries this server loads, its override included. */
export function loadedLibraries({ overrides }: Pick<TuneContext, "overrides">): string[] {
  const list = overrides.get("shared_preload_libraries")?.value;
  return list === undefined
    ? [...PROJECT_LIBRARIES]
    : list.split(",").map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
}

export function libraryLines(context: TuneContext): Line[] {
  const loaded = loadedLibraries(context);
  return [
    ["shared_preload_libraries", PROJECT_LIBRARIES.join(","), "statement statistics, plans of slow statements"],
    ...(loaded.includes("pg_stat_statements") ? STATEMENTS : []),
    ...(loaded.includes("auto_explain") ? EXPLAIN : []),
  ];
}
