/** What in a change of the config can have changed a tuned value. */

import { formatMb } from "../config/units.ts";
import type { PlanFile, PlanHost, PlanSetting } from "./plan-file.ts";

interface Cause {
  text: string;
  /** Parameters it can reach; absent: all. */
  reaches?: RegExp;
  /** Named only when nothing else can be the cause. */
  last?: boolean;
}

/** Inputs of tuning that differ for this host. */
export function causesOf(before: PlanFile, after: PlanFile, was: PlanHost, is: PlanHost): Cause[] {
  const causes: Cause[] = [];
  const differ = (text: string, a: unknown, b: unknown, reaches?: RegExp): void => {
    // A field that an older revision does not write says nothing.
    if (a === undefined || b === undefined || a === b) return;
    causes.push({ text: `${text} ${a ?? "by workload"} → ${b ?? "by workload"}`, ...(reaches ? { reaches } : {}) });
  };
  differ("version", before.postgresql, after.postgresql);
  differ(
    "resize",
    size(was.memoryMb),
    size(is.memoryMb),
    /^(?!.*(io_concurrency|page_cost|replication_slots|wal_senders))/,
  );
  differ("cpus", was.cpus, is.cpus, /worker|parallel|autovacuum|work_mem|buffers|connections/);
  differ("disk", size(was.diskMb), size(is.diskMb), /wal|checkpoint/);
  differ("storage", was.storage, is.storage, /io|page_cost|vacuum_cost|flush/);
  differ("workload", before.workload, after.workload);
  differ("connections", before.connections, after.connections, /connections|work_mem|buffers|mem$/);
  differ("members", memberCount(before), memberCount(after), /wal|replication|connections|mem$/);
  differ(
    "pooled connections",
    before.pools?.serverConnections,
    after.pools?.serverConnections,
    /mem$|connections|buffers/,
  );
  if (overridesDiffer(was, is)) causes.push({ text: "follows from overrides", last: true });
  return causes;
}

/**
 * "override", "override removed", "resize 16GB → 32GB", "version 16 → 17", or "formula change" when nothing that the
 * value depends on has changed but the project itself.
 */
export function causeOf(
  name: string,
  was: PlanSetting | undefined,
  is: PlanSetting | undefined,
  causes: Cause[],
  topology: string,
): string {
  if (is?.source === "override") return was?.source === "override" ? "override changed" : "override";
  if (was?.source === "override") return "override removed";
  const tuned = is?.source ?? was?.source;
  if (tuned === undefined) return topology;
  const inputs = causes.filter(({ last }) => !last);
  const reaching = inputs.filter(({ reaches }) => reaches?.test(name) ?? true);
  const found = [reaching, inputs, causes].find((some) => some.length > 0) ?? [];
  return found.map(({ text }) => text).join(", ") || "formula change";
}

/** For values that follow from a host's place in the fleet. */
export function topologyCause(before: PlanFile, after: PlanFile, was: PlanHost, is: PlanHost): string {
  if (was.name !== is.name) return `rename ${was.name} → ${is.name}`;
  if (was.address !== is.address) return `address ${was.address} → ${is.address}`;
  if (before.primary !== after.primary) return `primary ${before.primary} → ${after.primary}`;
  if (was.upstream !== undefined && was.upstream !== is.upstream)
    return `upstream ${was.upstream || "none"} → ${is.upstream || "none"}`;
  if (before.cluster !== after.cluster) return `cluster ${before.cluster} → ${after.cluster}`;
  const primary = (plan: PlanFile): string | undefined => plan.hosts.find((h) => h.name === plan.primary)?.address;
  if (primary(before) !== primary(after)) return `address of ${after.primary}`;
  return "formula change";
}

function overridesDiffer(was: PlanHost, is: PlanHost): boolean {
  const overrides = ({ settings }: PlanHost): string =>
    JSON.stringify(
      Object.entries(settings).flatMap(([name, { value, source }]) => (source === "override" ? [[name, value]] : [])),
    );
  return overrides(was) !== overrides(is);
}

const size = (mb: number | undefined): string | undefined => (mb === undefined ? undefined : formatMb(mb));
const counts = new WeakMap<PlanFile, number>();

function memberCount(plan: PlanFile): number {
  const known = counts.get(plan) ?? plan.hosts.filter(({ role }) => role === "primary" || role === "replica").length;
  counts.set(plan, known);
  return known;
}
