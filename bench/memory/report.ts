/** The measured bound as a page of text. */
import { workMemUnits } from "../../infra/tuning/budget.ts";
import { parseQuantity } from "../../infra/tuning/format.ts";
import { backendMb } from "../../infra/tuning/memory.ts";
import type { Budget } from "../../infra/tuning/types.ts";
import type { BoundResult } from "./run.ts";

export interface Case {
  version: number;
  memoryMb: number;
  name: "pgfleet tune" | "pgtune";
  settings: Readonly<Record<string, string>>;
  /** Of this project's settings for the same host; its limit is what both are held against. */
  budget: Budget;
  result: BoundResult;
}

const mb = (value: number): string => String(Math.round(value));
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |\n`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  row(head) + row(head.map(() => "---")) + rows.map(row).join("");

/** What the budget's factors give one session with these settings: its own memory, one sort, two hashes. */
function assumedMb({ memoryMb, settings }: Case): number {
  const kb = parseQuantity(settings.work_mem!, "kB");
  if (!kb.ok) throw new Error(`work_mem ${settings.work_mem}`);
  const units = { sortNodes: 1, hashNodes: 2, hashMemMultiplier: Number(settings.hash_mem_multiplier ?? 2) };
  return backendMb(memoryMb) + (workMemUnits(units) * kb.quantity) / 1024;
}

function verdict({ result, budget, memoryMb }: Case): string {
  const peak = result.peakWithPageTablesMb;
  if (result.stopped) return result.stopped;
  if (peak <= budget.limitMb) return `within: ${Math.round((peak / budget.limitMb) * 100)} % of the limit`;
  if (peak <= memoryMb) return `${mb(peak - budget.limitMb)} MB over the limit`;
  return `${mb(peak - budget.limitMb)} MB over the limit, ${(peak / memoryMb).toFixed(1)} × the memory of the host`;
}

export function memoryReport(cases: readonly Case[], cpus: number): string {
  const main = cases.map((c) => [
    c.version,
    `${c.memoryMb / 1024} GB`,
    c.name,
    mb(c.budget.limitMb),
    mb(c.result.peak.pssMb),
    mb(c.result.peakWithPageTablesMb),
    verdict(c),
  ]);
  const settings = cases.map((c) => [
    c.version,
    `${c.memoryMb / 1024} GB`,
    c.name,
    c.settings.max_connections!,
    c.settings.shared_buffers!,
    c.settings.work_mem!,
    c.settings.hash_mem_multiplier ?? "2 (default)",
    c.settings.maintenance_work_mem!,
    c.settings.autovacuum_work_mem ?? "as maintenance_work_mem",
  ]);
  const parts = cases.map((c) => [
    c.version,
    `${c.memoryMb / 1024} GB`,
    c.name,
    `${c.result.active} + 3`,
    c.result.waiting,
    c.result.autovacuumWorkers,
    c.result.parallelWorkers,
    c.result.indexBuilds,
    mb(c.result.peak.anonMb),
    mb(c.result.peak.shmemMb),
    mb(c.result.peak.pageTablesMb),
    c.result.phase,
    `${c.result.samples} in ${Math.round(c.result.seconds)} s`,
  ]);
  const calibration = cases.map((c) => [
    c.version,
    `${c.memoryMb / 1024} GB`,
    c.name,
    c.result.calibration.shape,
    c.result.calibration.gate,
    c.result.calibration.gateMb.toFixed(1),
    c.result.calibration.peakMb.toFixed(1),
    assumedMb(c).toFixed(1),
    c.result.calibration.oneColumnMb.toFixed(1),
  ]);
  const host = ["PostgreSQL", "host", "settings of"];
  return `# The memory bound, measured

Servers set up for a small host by \`pgfleet tune\` and by pgtune (workload mixed, ${cpus} cpus, ssd, direct connections), loaded with
everything the budget assumes at once. Memory is that of the postmaster and all its children. Written by \`bench/memory-bound.ts\`.

${table([...host, "limit, MB", "highest PSS, MB", "PSS + page tables, MB", ""], main)}
The limit is the one this project states for the host, also for pgtune, which states none.

## Settings

${table([...host, "max_connections", "shared_buffers", "work_mem", "hash_mem_multiplier", "maintenance_work_mem", "autovacuum_work_mem"], settings)}
## What ran at the highest sample

${table([...host, "sessions", "at the gate", "autovacuum workers", "parallel workers", "index builds", "private, MB", "shared, MB", "page tables, MB", "when", "samples"], parts)}
## One session alone

${table([...host, "worst form of the query", "rows at the gate", "private at the gate, MB", "highest private without gate, MB", "assumed, MB", "not assumed: sort of one text column, MB"], calibration)}
## Method

- Every connection that is not reserved runs one query with one sort over two hashes, each several times larger than its limit.
  Two forms are tried in one session, stopped after more and more rows; the form and the place with most private memory are used.
- All sessions but one run it to that place and wait there for a lock, so that their sorts and hashes are full at the same time; the last one
  runs it over and over with as many parallel workers as allowed. The reserved connections are taken too: one builds an index, drops it and
  vacuums, over and over, one watches, one is idle. Autovacuum works on three tables (slowed down, so that all its workers are there), with
  \`autovacuum_naptime\` 1s. shared_buffers are filled first. Then the lock is released and all go on; then all run the query without it.
- Memory: \`Pss\` of \`/proc/<pid>/smaps_rollup\` over all processes, which counts a shared page once, taken as often as it can be read. Page tables
  (\`VmPTE\`) are not in it and are added: the budget has a term for them.
- pgtune's \`wal_compression = lz4\` is \`pglz\` here: these binaries lack lz4. \`fsync\` is off. Neither takes part in memory.

## What it does not show

- Queries with more sorts and hashes than assumed, \`array_agg\` and the like, sessions that raise \`work_mem\` themselves, temporary tables,
  procedural languages, extensions, thousands of tables in one session: [docs/tuning.md](../../docs/tuning.md#what-it-assumes).
- WAL senders, standbys and logical decoding: none were connected; the budget has terms for them.
- Dead rows enough to fill \`autovacuum_work_mem\`; from 17 on, vacuum keeps them in far less memory than before.
- The page cache and what the kernel itself uses: that is what the budget leaves of the memory.
`;
}
