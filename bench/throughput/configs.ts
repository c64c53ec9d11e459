/** The four sets of settings that are compared, for the same host. */
import { formatMb } from "../../infra/tuning/format.ts";
import { tuningConf } from "../../infra/tuning/report.ts";
import { type TuneInput, tune } from "../../infra/tuning/tune.ts";
import { pgtune, type Settings } from "../support/pgtune.ts";

export interface Config {
  name: "ours" | "pgtune" | "guide" | "stock";
  /** Text of a configuration file. */
  conf: string;
}

const text = (settings: Settings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");

/**
 * The maintenance guide's block for 32 GB, scaled to another size as it says: buffers 25 %, cache 75 %, work_mem
 * (RAM − buffers) ÷ (connections × 3); what it fixes stays.
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
  };
}

/** What initdb writes on this machine, where it differs from the compiled defaults. */
const stock: Settings = { shared_buffers: "128MB", max_wal_size: "1GB", min_wal_size: "80MB", max_connections: "100" };

export function configs(input: TuneInput): Config[] {
  return [
    { name: "ours", conf: tuningConf(tune(input), input) },
    { name: "pgtune", conf: text(pgtune(input.memoryMb, input.cpus)) },
    { name: "guide", conf: text(guide(input.memoryMb)) },
    { name: "stock", conf: text(stock) },
  ];
}
