/** The refusal of a memory budget: its terms, and for each quantity a person chose, the value that would work. */
import { budgetOf, fits } from "./budget.ts";
import { clusterSettings } from "./cluster.ts";
import { BudgetError } from "./errors.ts";
import { factOf } from "./facts.ts";
import { formatMb, formatQuantity } from "./format.ts";
import type { TuneInput } from "./input.ts";
import { chooseMemory, fullPlan } from "./memory.ts";
import { megabytes, type Overrides, quantity } from "./overrides.ts";

/** Parameters whose value is a term of the sum and can be lowered by the person who set it. */
const LOWERABLE = [
  "work_mem",
  "shared_buffers",
  "maintenance_work_mem",
  "autovacuum_work_mem",
  "autovacuum_max_workers",
  "hash_mem_multiplier",
  "max_parallel_workers",
  "temp_buffers",
  "wal_buffers",
  "logical_decoding_work_mem",
  "max_wal_senders",
  "max_locks_per_transaction",
  "max_prepared_transactions",
  "max_connections",
] as const;

function holds(input: TuneInput, overrides: Overrides): boolean {
  const cluster = input.cluster ?? clusterSettings([input]);
  const choice = chooseMemory(input, fullPlan(input, cluster, overrides), overrides);
  if (!choice.possible) return false;
  return fits(budgetOf(choice.plan, megabytes(overrides, "work_mem", input.version) ?? choice.workMemMb));
}

/** The largest whole number in low..high that works, if the smallest does. */
function largest(low: number, high: number, works: (value: number) => boolean): number | undefined {
  if (high < low || !works(low)) return undefined;
  let good = low;
  let bad = high + 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (works(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** The input with another value for one parameter, wherever that value came from. */
function withValue(input: TuneInput, overrides: Overrides, name: string, value: string): [TuneInput, Overrides] {
  const changed = new Map(overrides);
  changed.set(name, { value, from: overrides.get(name)?.from ?? "cluster", written: value });
  const cluster =
    input.cluster && Object.hasOwn(input.cluster, name) ? { ...input.cluster, [name]: Number(value) } : input.cluster;
  const from = changed.get(name)?.from ?? "cluster";
  const written = { ...input.overrides, [from]: { ...input.overrides?.[from], [name]: value } };
  return [{ ...input, ...(cluster ? { cluster } : {}), overrides: written }, changed];
}

function alternatives(input: TuneInput, overrides: Overrides): string[] {
  const ways: string[] = [];
  for (const name of LOWERABLE) {
    const fact = factOf(name, input.version);
    const now = quantity(overrides, name, input.version);
    if (!fact || now === undefined || now < 0) continue;
    const low = Math.max(name === "max_connections" ? 1 : 0, fact.min ?? 0);
    // In whole MB where the value is memory, so that what is proposed is a value a person would write.
    const perStep = fact.unit === "kB" ? 1024 : fact.unit === "8kB" ? 128 : 1;
    const step = now >= 2 * perStep ? perStep : 1;
    const at = (steps: number): number => Math.max(low, steps * step);
    const steps = largest(Math.floor(low / step), Math.ceil(now / step) - 1, (count) =>
      holds(...withValue(input, overrides, name, formatQuantity(at(count), fact.unit))),
    );
    if (steps !== undefined)
      ways.push(`${name} ${formatQuantity(at(steps), fact.unit)} (now ${formatQuantity(now, fact.unit)})`);
  }
  if (input.connections !== undefined && !overrides.has("max_connections")) {
    const fewer = largest(1, input.connections - 1, (n) => {
      const cluster = input.cluster && { ...input.cluster, max_connections: n };
      return holds({ ...input, connections: n, ...(cluster ? { cluster } : {}) }, overrides);
    });
    if (fewer !== undefined) ways.push(`connections ${fewer} (now ${input.connections})`);
  }
  if ((input.otherServicesMb ?? 0) > 0) {
    const less = largest(0, (input.otherServicesMb ?? 0) - 1, (mb) =>
      holds({ ...input, otherServicesMb: mb }, overrides),
    );
    if (less !== undefined) ways.push(`other services ${formatMb(less)} (now ${formatMb(input.otherServicesMb ?? 0)})`);
  }
  const enough = memoryThatWorks(input, overrides);
  if (enough !== undefined) ways.push(`memory ${formatMb(enough)} (now ${formatMb(input.memoryMb)})`);
  return ways;
}

/** The least memory, to an eighth of a GB, that would hold everything as asked for. */
function memoryThatWorks(input: TuneInput, overrides: Overrides): number | undefined {
  const step = 128;
  const works = (steps: number): boolean => holds({ ...input, memoryMb: steps * step }, overrides);
  let high = Math.ceil(input.memoryMb / step) + 1;
  while (!works(high)) {
    high *= 2;
    if (high * step > 2 ** 24) return undefined;
  }
  let low = Math.floor(input.memoryMb / step);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (works(middle)) high = middle;
    else low = middle;
  }
  const mb = high * step;
  return mb > 8192 ? Math.ceil(mb / 1024) * 1024 : mb;
}

/** Why this server's memory cannot hold what is asked of it. */
export function memoryRefusal(input: TuneInput, overrides: Overrides): BudgetError {
  const cluster = input.cluster ?? clusterSettings([input]);
  const full = fullPlan(input, cluster, overrides);
  const choice = chooseMemory(input, full, overrides);
  const wanted = megabytes(overrides, "work_mem", input.version);
  const workMemMb = wanted ?? choice.workMemMb;
  const what = choice.possible
    ? `memory cannot hold work_mem ${formatMb(workMemMb)}`
    : `memory cannot hold this server, even with work_mem ${formatMb(workMemMb)}`;
  const budget = budgetOf(choice.plan, workMemMb);
  return new BudgetError("memory", what, budget, alternatives(input, overrides));
}
