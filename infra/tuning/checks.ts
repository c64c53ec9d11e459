/** What single values cannot show: combinations the server refuses to start with, or takes and gets wrong. */
import { factOf } from "./facts.ts";
import { formatMb, parseQuantity } from "./format.ts";
import type { TuneInput } from "./input.ts";
import { type Overrides, quantity } from "./overrides.ts";
import { loadedLibraries, PROJECT_LIBRARIES } from "./settings-project.ts";
import type { Setting } from "./types.ts";
import { isBuildFeature } from "./values.ts";

type Settings = ReadonlyMap<string, Setting>;

/** A final value as a number in its base unit; the server's default where nothing is written. */
function numberOf(settings: Settings, name: string, input: TuneInput): number {
  const fact = factOf(name, input.version);
  const parsed = parseQuantity(settings.get(name)?.value ?? fact?.bootVal ?? "0", fact?.unit);
  return parsed.ok ? parsed.quantity : 0;
}

const textOf = (settings: Settings, name: string, input: TuneInput): string =>
  settings.get(name)?.value ?? factOf(name, input.version)?.bootVal ?? "";

/** One line for each combination that cannot be; each names the way out. */
export function combinationProblems(settings: Settings, input: TuneInput): string[] {
  const problems: string[] = [];
  const number = (name: string): number => numberOf(settings, name, input);
  const text = (name: string): string => textOf(settings, name, input);
  const replicas = input.replicas ?? 0;

  const reserved = number("superuser_reserved_connections");
  const alsoReserved = input.version >= 16 ? number("reserved_connections") : 0;
  const connections = number("max_connections");
  if (reserved + alsoReserved >= connections) {
    problems.push(
      `superuser_reserved_connections ${reserved} + reserved_connections ${alsoReserved} leave nothing of max_connections ` +
        `${connections}; the server would not start. Reserve at most ${connections - 1} or allow ${reserved + alsoReserved + 1} connections`,
    );
  }
  if (text("wal_level") === "minimal") {
    if (replicas > 0) {
      problems.push(`wal_level minimal: the ${replicas} standbys could not follow; nearest that works: replica`);
    } else {
      for (const [name, off] of [
        ["max_wal_senders", "0"],
        ["archive_mode", "off"],
        ["summarize_wal", "off"],
      ] as const) {
        if (factOf(name, input.version) && text(name) !== off) {
          problems.push(
            `wal_level minimal needs ${name} ${off}, it is ${text(name)}; set that too, or wal_level replica`,
          );
        }
      }
    }
  }
  if (replicas > 0 && text("hot_standby") === "off") {
    problems.push(
      "hot_standby off: the standbys would refuse every connection, the project's own included; leave it on",
    );
  }
  const command = text("archive_command");
  const library = factOf("archive_library", input.version) ? text("archive_library") : "";
  if (text("archive_mode") !== "off" && command === "" && library === "") {
    problems.push(
      `archive_mode ${text("archive_mode")} with an empty archive_command keeps all WAL until the disk is full; name a command, or write archive_mode off`,
    );
  }
  if (command !== "" && library !== "" && input.version >= 16) {
    problems.push("archive_command and archive_library are both set; the server would archive nothing. Remove one");
  }
  const segment = input.walSegmentSizeMb ?? 16;
  for (const name of ["min_wal_size", "max_wal_size"]) {
    if (number(name) < 2 * segment) {
      problems.push(
        `${name} ${text(name)} is less than two WAL segments; nearest that works: ${formatMb(2 * segment)}`,
      );
    }
  }
  if (number("min_wal_size") > number("max_wal_size")) {
    problems.push(
      `min_wal_size ${text("min_wal_size")} is more than max_wal_size ${text("max_wal_size")}; ` +
        `nearest that works: min_wal_size ${text("max_wal_size")}`,
    );
  }
  const limits: Array<[string, string]> = [
    ["max_parallel_workers", "max_worker_processes"],
    ["max_parallel_workers_per_gather", "max_parallel_workers"],
    ["max_parallel_maintenance_workers", "max_parallel_workers"],
    ["autovacuum_max_workers", "autovacuum_worker_slots"],
    ["io_combine_limit", "io_max_combine_limit"],
    ["io_min_workers", "io_max_workers"],
  ];
  for (const [name, limit] of limits) {
    if (!factOf(name, input.version) || !factOf(limit, input.version)) continue;
    if (number(name) > number(limit)) {
      problems.push(
        `${name} ${text(name)} is more than ${limit} ${text(limit)} and would have no effect; nearest that works: ${text(limit)}`,
      );
    }
  }
  const slots = input.version >= 18 ? "autovacuum_worker_slots" : "autovacuum_max_workers";
  const backends = connections + number(slots) + number("max_worker_processes") + number("max_wal_senders") + 2;
  if (backends > 262143) {
    problems.push(
      `max_connections, ${slots}, max_worker_processes and max_wal_senders add up to ${backends}; the server takes 262143`,
    );
  }
  return problems;
}

/** Overrides that work but that a person should know about. */
export function overrideWarnings(overrides: Overrides, input: TuneInput): string[] {
  const warnings: string[] = [];
  const is = (name: string, value: string): boolean => overrides.get(name)?.value === value;
  for (const [name, { value, written }] of overrides) {
    const unit = factOf(name, input.version)?.unit;
    if (unit && /^\s*[+]?[1-9][\d.]*\s*$/.test(written))
      warnings.push(`${name}: ${written} has no unit and means ${value}`);
  }
  if (is("fsync", "off")) warnings.push("fsync off: a crash of the host can destroy the database");
  if (is("full_page_writes", "off")) warnings.push("full_page_writes off: a crash can leave torn pages");
  if (is("autovacuum", "off")) warnings.push("autovacuum off: tables bloat and transaction ids run out");
  if (is("max_slot_wal_keep_size", "-1")) {
    warnings.push("max_slot_wal_keep_size -1: a standby that stays away fills the primary's disk");
  }
  if (is("sync_replication_slots", "on") && !is("hot_standby_feedback", "on")) {
    warnings.push("sync_replication_slots does nothing without hot_standby_feedback on");
  }
  if ((quantity(overrides, "max_stack_depth", input.version) ?? 0) > 7680) {
    warnings.push(
      "max_stack_depth above 7680kB needs a stack limit (ulimit -s) larger than the usual 8MB, or the server will not start",
    );
  }
  for (const name of ["wal_compression", "default_toast_compression", "io_method"]) {
    const override = overrides.get(name);
    if (override && isBuildFeature(override.value) && input.build?.[override.value] === undefined) {
      warnings.push(
        `${name} ${override.value} needs a PostgreSQL built with it; the host's server is asked before it is used`,
      );
    }
  }
  if (overrides.has("shared_preload_libraries")) {
    const loaded = loadedLibraries({ overrides });
    for (const library of PROJECT_LIBRARIES) {
      if (!loaded.includes(library))
        warnings.push(`shared_preload_libraries leaves out ${library}; its settings are left out too`);
    }
  }
  return warnings;
}
