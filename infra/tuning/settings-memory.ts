/** Connections, memory and processes: what the memory budget is about. */
import { factsFor } from "./facts.ts";
import { formatMb, formatQuantity } from "./format.ts";
import type { Line, TuneContext } from "./settings.ts";
import { workloads } from "./workloads.ts";

const percent = (part: number, whole: number): string => `${Math.round((1000 * part) / whole) / 10} %`;

export function connectionLines({ input, cluster, connections }: TuneContext): Line[] {
  const locks = String(cluster.max_locks_per_transaction);
  return [
    ["max_connections", String(cluster.max_connections), connections],
    [
      "superuser_reserved_connections",
      String(Math.min(3, cluster.max_connections - 1)),
      "for superusers when all other connections are taken",
    ],
    [
      "max_worker_processes",
      String(cluster.max_worker_processes),
      "larger of 8 and most cpus of a member, and 8 more for replication and extensions",
    ],
    [
      "max_wal_senders",
      String(cluster.max_wal_senders),
      `2 for each of ${input.replicas ?? 0} standbys and 4 for backups and tools, in steps of 10`,
    ],
    ["max_replication_slots", String(cluster.max_wal_senders), "one for each WAL sender"],
    ["max_prepared_transactions", String(cluster.max_prepared_transactions), "no two-phase commit"],
    [
      "max_locks_per_transaction",
      locks,
      `${locks === factsFor(input.version).get("max_locks_per_transaction")?.bootVal ? "server's default" : "twice the default"}: each partition and its indexes take a lock`,
    ],
  ];
}

export function memoryLines({ input, choice, hugePages }: TuneContext): Line[] {
  const { plan, workMemMb } = choice;
  const total = formatMb(input.memoryMb);
  const cache = Math.floor(workloads[input.workload].cacheShare * input.memoryMb);
  const pages = {
    off: "this platform shares its machine's kernel, whose pages are not the server's to reserve",
    try: "faster, when the host reserves them before the server starts; the budget does not count on them",
    on: "the host reserves them before the server starts",
  }[hugePages];
  return [
    ["shared_buffers", formatMb(plan.sharedBuffersMb), `${percent(plan.sharedBuffersMb, input.memoryMb)} of ${total}`],
    ["huge_pages", hugePages, pages],
    ["effective_cache_size", formatMb(cache), `${percent(cache, input.memoryMb)} of ${total}; nothing is allocated`],
    ["work_mem", formatMb(workMemMb), "what the memory budget leaves for each sort and hash"],
    [
      "hash_mem_multiplier",
      String(plan.hashMemMultiplier),
      plan.hashMemMultiplier === 1 ? "lowered so that work_mem fits" : "hashes may use twice work_mem, in the budget",
    ],
    [
      "maintenance_work_mem",
      formatMb(plan.maintenanceWorkMemMb),
      `${percent(plan.maintenanceWorkMemMb, input.memoryMb)} of ${total}, for one command at a time`,
    ],
    [
      "autovacuum_work_mem",
      formatMb(plan.autovacuumWorkMemMb),
      `${percent(plan.autovacuumWorkMemMb, input.memoryMb)} of ${total} for each of ${plan.autovacuumWorkers} workers`,
    ],
  ];
}

export function parallelLines({ input, choice }: TuneContext): Line[] {
  const { cpus, workload } = input;
  const pool = choice.plan.parallelWorkers;
  const half = Math.ceil(cpus / 2);
  const perGather = { web: 2, oltp: 2, mixed: Math.min(4, half), desktop: Math.min(4, half), dw: Math.min(8, half) };
  const share = workload === "dw" ? "as many as cpus" : "half of the cpus";
  return [
    ["max_parallel_workers", String(pool), `${share} (${cpus}) at most; each counts in the memory budget`],
    [
      "max_parallel_workers_per_gather",
      String(Math.min(pool, perGather[workload])),
      `for ${workload}: one query takes no more of ${pool}`,
    ],
    [
      "max_parallel_maintenance_workers",
      String(Math.min(pool, 4, half)),
      "index builds; they share maintenance_work_mem",
    ],
  ];
}

export function diskLines({ input, wal }: TuneContext): Line[] {
  const disk = formatMb(input.diskMb);
  const share = input.workload === "dw" ? 0.4 : 0.2;
  const limitKb = Math.min(Math.floor(share * input.diskMb) * 1024, 2147483647 - (2147483647 % 1024));
  const lines: Line[] = [
    ["checkpoint_timeout", "15min", "full page images are written once per checkpoint; fewer checkpoints, less WAL"],
    ["checkpoint_completion_target", "0.9", "spreads the writes of a checkpoint"],
    ["max_wal_size", formatMb(wal.maxWalSizeMb), `10 % of ${disk}, from 1GB to 64GB, never over a quarter of the disk`],
    ["min_wal_size", formatMb(wal.minWalSizeMb), `for ${input.workload}; at most a quarter of max_wal_size`],
    [
      "max_slot_wal_keep_size",
      formatMb(wal.maxSlotWalKeepSizeMb),
      `30 % of ${disk}: an absent standby loses its slot before the disk is full`,
    ],
    [
      "temp_file_limit",
      formatQuantity(limitKb, "kB"),
      `${share * 100} % of ${disk} for the spill files of one session`,
    ],
  ];
  if (wal.walKeepSizeMb > 0) {
    lines.push([
      "wal_keep_size",
      formatMb(wal.walKeepSizeMb),
      "for a standby whose slot is gone; at most 5 % of the disk",
    ]);
  }
  return lines;
}
