/**
 * What PostgreSQL says about its own parameters, per major: data in `facts/`, read when first asked for.
 *
 * A new major is one more file there: see facts/README.md.
 */
import { hotStandbyParameters } from "../config/owned-parameters.ts";
import type { Major } from "../config/spec.ts";
import { factMajors, readFactFile } from "./facts-files.ts";
import type { ChangeClass, ClusterSettings } from "./types.ts";

export { hotStandbyParameters };

export type Context = "internal" | "postmaster" | "sighup" | "backend" | "superuser-backend" | "superuser" | "user";
export type VarType = "bool" | "integer" | "real" | "string" | "enum";

/** One row of pg_settings, as a server of that major reports it. */
export interface ParameterFact {
  context: Context;
  vartype: VarType;
  /** Base unit of the number: "8kB", "kB", "MB", "B", "ms", "s", "min". */
  unit?: string;
  /** Bounds in base units. */
  min?: number;
  max?: number;
  enumvals?: readonly string[];
  /** Value before any file is read. initdb may write another one. */
  bootVal?: string;
}

export type ParameterFacts = ReadonlyMap<string, ParameterFact>;

/** Majors with a facts file, oldest first. */
export const majors: readonly Major[] = factMajors();

export interface RemovedParameter {
  /** First major without it. */
  removedIn: number;
  replacement?: string;
  note?: string;
}

export function isHotStandbyParameter(name: string): name is keyof ClusterSettings {
  return (hotStandbyParameters as readonly string[]).includes(name);
}

type Row = Omit<ParameterFact, "bootVal"> & { boot?: string; since?: number };

function toFact({ boot, since: _since, ...row }: Row): ParameterFact {
  return boot === undefined ? row : { ...row, bootVal: boot };
}

const cache = new Map<Major, ParameterFacts>();

/** All parameters of one major, by name. Throws when the project has no facts for it. */
export function factsFor(version: Major): ParameterFacts {
  let facts = cache.get(version);
  if (!facts) {
    if (!majors.includes(version)) {
      throw new Error(`no parameter facts for PostgreSQL ${version}; the project knows ${majors.join(", ")}`);
    }
    const rows = readFactFile<Record<string, Row>>(`pg${version}.json`);
    facts = new Map(Object.entries(rows).map(([name, row]) => [name, toFact(row)]));
    cache.set(version, facts);
  }
  return facts;
}

let removed: Record<string, RemovedParameter> | undefined;

/** Parameters PostgreSQL once had: name → first major without it, and what took its place. */
export function removedParameters(): Readonly<Record<string, RemovedParameter>> {
  removed ??= readFactFile<Record<string, RemovedParameter>>("removed.json");
  return removed;
}

/** First major with this parameter after `version`; undefined when no later major has it. */
export function addedAfter(name: string, version: Major): Major | undefined {
  return majors.find((major) => major > version && factsFor(major).has(name));
}

/** Prefixes of extension parameters that are let through though PostgreSQL itself would accept any. */
export const extensionPrefixes: ReadonlySet<string> = new Set(
  (
    "anon auth_delay auto_explain basebackup_to_shell basic_archive citus credcheck cron hnsw hypopg " +
    "isn ivfflat orafce passwordcheck pg_bulkload pg_hint_plan pg_ivm pg_net pg_partman_bgw pg_prewarm " +
    "pg_qualstats pg_squeeze pg_stat_kcache pg_stat_monitor pg_stat_statements pg_store_plans pg_trgm pg_wait_sampling " +
    "pgaudit pgcrypto pglogical pgrst pgsodium pgtle plperl plpgsql pltcl plv8 postgis postgres_fdw powa repmgr safeupdate " +
    "sepgsql set_user sslinfo supautils timescaledb vectors wal2json xid_wraparound"
  ).split(" "),
);

let extensionRows: Record<string, Row> | undefined;

/** Facts of an extension's parameter, for the extensions the project loads itself. */
export function extensionFact(name: string, version: Major): ParameterFact | undefined {
  extensionRows ??= readFactFile<Record<string, Row>>("extensions.json");
  const row = extensionRows[name];
  return row && (row.since ?? 0) <= version ? toFact(row) : undefined;
}

/** Names the project has facts for under this extension's prefix. */
export function extensionParameters(prefix: string, version: Major): string[] {
  extensionRows ??= readFactFile<Record<string, Row>>("extensions.json");
  return Object.keys(extensionRows).filter((name) => name.startsWith(`${prefix}.`) && extensionFact(name, version));
}

export function isExtensionParameter(name: string): boolean {
  return name.includes(".");
}

/** The fact of a built-in or known extension parameter. */
export function factOf(name: string, version: Major): ParameterFact | undefined {
  return isExtensionParameter(name) ? extensionFact(name, version) : factsFor(version).get(name);
}

/**
 * What it takes until a changed value is in force.
 * An extension's parameter without facts is taken to need a restart, the safe answer. Throws on an unknown name.
 */
export function changeClass(name: string, version: Major): ChangeClass {
  if (isHotStandbyParameter(name)) return "ordered-restart";
  const fact = factOf(name, version);
  if (!fact) {
    if (isExtensionParameter(name)) return "restart";
    throw new Error(`PostgreSQL ${version} has no parameter "${name}"`);
  }
  switch (fact.context) {
    case "postmaster":
      return "restart";
    case "backend":
    case "superuser-backend":
      return "new-sessions";
    case "sighup":
    case "superuser":
    case "user":
      return "reload";
    case "internal":
      throw new Error(`"${name}" is fixed when the server is built or the cluster is made; it cannot be set`);
  }
}
