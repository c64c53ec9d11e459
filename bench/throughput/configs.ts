/** The sets of settings that are compared, for the same host. */
import { osMemory } from "../../infra/rendering/os-memory.ts";
import { formatMb } from "../../infra/tuning/format.ts";
import { confValue, tuningConf } from "../../infra/tuning/report.ts";
import { type TuneInput, tune } from "../../infra/tuning/tune.ts";
import { pgtune, type Settings } from "../support/pgtune.ts";

export interface Config {
  name: "ours" | "ours, small pages" | "pgtune" | "guide" | "stock" | "pgtune + instruments";
  /** Text of a configuration file. */
  conf: string;
  /** Upper bound of the huge pages that are reserved for it. */
  hugePages?: number;
}

const text = (settings: Settings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");

/**
 * The maintenance guide's block for 32 GB, scaled to another size as it says: buffers 25 %, cache 75 %, work_mem
 * (RAM − buffers) ÷ (connections × 3); what it fixes stays. With its block for slow queries: it is one file there.
 */
export function guide(memoryMb: number): Settings {
  const connections = 100;
  const buffers = Math.floor(memoryMb / 4);
  return {
    max_connections: String(connections),
    shared_buffers: formatMb(buffers),
    effective_cache_size: formatMb(Math.floor((memoryMb * 3) / 4)),
    maintenance_work_mem: formatMb(Math.floor(memoryMb / 16)),
    work_mem: formatMb(Math.floor((memoryMb - buffers) / (connections * 3))),
    max_worker_processes: "8",
    max_parallel_workers_per_gather: "4",
    max_parallel_workers: "8",
    max_parallel_maintenance_workers: "4",
    checkpoint_timeout: "15min",
    checkpoint_completion_target: "0.9",
    max_wal_size: "4GB",
    min_wal_size: "1GB",
    random_page_cost: "1.1",
    effective_io_concurrency: "200",
    log_min_duration_statement: "1000",
    shared_preload_libraries: "'pg_stat_statements,auto_explain'",
    "pg_stat_statements.max": "10000",
    "pg_stat_statements.track": "'all'",
    "auto_explain.log_min_duration": "1000",
    "auto_explain.log_analyze": "true",
    "auto_explain.log_buffers": "true",
    "auto_explain.log_timing": "true",
    "auto_explain.log_triggers": "true",
    "auto_explain.log_verbose": "true",
  };
}

/** What initdb writes on this machine, where it differs from the compiled defaults. */
const stock: Settings = { shared_buffers: "128MB", max_wal_size: "1GB", min_wal_size: "80MB", max_connections: "100" };

/** What ours measures with and the others do not: statement statistics, plans of slow statements, I/O timing. */
const INSTRUMENTS = /^(shared_preload_libraries|pg_stat_statements\.\w+|auto_explain\.\w+|track_io_timing)$/;

/**
 * Ours as on hosts whose kernel is the fleet's, where huge pages are reserved for the server, and as on others; no other
 * of them reserves any.
 *
 * @param ownKernel false: only the second, as "ours"
 */
export function configs(input: TuneInput, ownKernel = true): Config[] {
  const small: TuneInput = { ...input, hugePages: "off" };
  const ours = tune(ownKernel ? input : small);
  const theirs = text(pgtune(input.memoryMb, input.cpus));
  const instruments = [...ours.settings].filter(([name]) => INSTRUMENTS.test(name));
  const lines = instruments.map(([name, { value }]) => `${name} = ${confValue(value)}\n`).join("");
  return [
    {
      name: "ours",
      conf: tuningConf(ours, input),
      ...(ownKernel ? { hugePages: osMemory(input.memoryMb, ours).hugePages } : {}),
    },
    ...(ownKernel ? [{ name: "ours, small pages" as const, conf: tuningConf(tune(small), small) }] : []),
    { name: "pgtune", conf: theirs },
    { name: "pgtune + instruments", conf: theirs + lines },
    { name: "guide", conf: text(guide(input.memoryMb)) },
    { name: "stock", conf: text(stock) },
  ];
}
