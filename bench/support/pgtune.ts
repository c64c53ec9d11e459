/**
 * What pgtune writes for a Linux host with an SSD and the workload "mixed": its formulas, for sizes that
 * bench/data/pgtune.json (its own output) does not have. Checked against that file when loaded.
 */
import { readFileSync } from "node:fs";

export type Settings = Record<string, string>;

interface Row {
  memoryMb: number;
  cpus: number;
  settings: Record<string, string | number>;
}

const KB = 1;
const MB = 1024 * KB;
const GB = 1024 * MB;

const sized = (kb: number): string => (kb % GB === 0 ? `${kb / GB}GB` : kb % MB === 0 ? `${kb / MB}MB` : `${kb}kB`);

/** PostgreSQL 15 and later. */
export function pgtune(memoryMb: number, cpus: number): Settings {
  const ram = memoryMb * MB;
  const connections = 100;
  const buffers = Math.floor(ram / 4);
  const processes = cpus >= 4 ? cpus : 8;
  const workMem = Math.max(4 * MB, Math.floor(Math.floor((ram - buffers) / ((connections + processes) * 3)) / 2));
  const walBuffers = Math.min(16 * MB, Math.floor(0.03 * buffers));
  const maintenance = Math.min(8 * GB, Math.floor(ram / 16));
  const settings: Settings = {
    max_connections: String(connections),
    shared_buffers: sized(buffers),
    effective_cache_size: sized(Math.floor((ram * 3) / 4)),
    maintenance_work_mem: sized(maintenance),
    checkpoint_completion_target: "0.9",
    wal_buffers: sized(walBuffers > 14 * MB ? 16 * MB : walBuffers),
    default_statistics_target: "100",
    random_page_cost: "1.1",
    effective_io_concurrency: "200",
    work_mem: sized(workMem),
    huge_pages: buffers >= 2 * GB ? "try" : "off",
    jit: "off",
    wal_compression: "lz4",
    min_wal_size: "1GB",
    max_wal_size: "4GB",
    max_parallel_workers_per_gather: String(Math.min(4, Math.ceil(cpus / 2))),
    max_parallel_maintenance_workers: String(Math.min(4, Math.ceil(cpus / 2))),
  };
  if (cpus >= 4) {
    settings.max_worker_processes = String(cpus);
    settings.max_parallel_workers = String(cpus);
  }
  if (maintenance >= 2 * GB) settings.autovacuum_work_mem = "2GB";
  return settings;
}

const { rows } = JSON.parse(readFileSync(new URL("../data/pgtune.json", import.meta.url), "utf8")) as { rows: Row[] };
for (const { memoryMb, cpus, settings } of rows) {
  const ours = pgtune(memoryMb, cpus);
  for (const name of new Set([...Object.keys(settings), ...Object.keys(ours)])) {
    if (String(settings[name]) !== ours[name])
      throw new Error(`pgtune's formulas, ${memoryMb} MB: ${name} is ${ours[name]}, its output has ${settings[name]}`);
  }
}
