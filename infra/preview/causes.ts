/** What in a change of the config can have changed a tuned value. */

import { formatMb } from "../config/units.ts";
import { isHotStandbyParameter } from "../tuning/facts.ts";
import type { PlanFile, PlanHost, PlanSetting } from "./plan-file.ts";

interface Cause {
  text: string;
  /** Parameters it can reach; absent: all. */
  reaches?: RegExp;
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
  differ("resize", size(was.memoryMb), size(is.memoryMb), /^(?!.*(io_concurrency|page_cost|replication_slots|wal_senders))/);
  differ("cpus", was.cpus, is.cpus, /worker|parallel|autovacuum|work_mem|buffers|connections/);
  differ("disk", size(was.diskMb), size(is.diskMb), /wal|checkpoint/);
  differ("storage", was.storage, is.storage, /io|page_cost|vacuum_cost|flush/);
  differ("workload", before.workload, after.workload);
  differ("connections", before.connections, after.connections, /connections|work_mem|buffers|mem$/);
  differ("members", memberCount(before), memberCount(after), /wal|replication|connections|mem$/);
  differ("pooled connections", before.pools?.serverConnections, after.pools?.serverConnections, /mem$|connections|buffers/);
  return causes;
}

/**
 * "override", "override removed", "resize 16GB → 32GB", "version 16 → 17", or "formula change" when nothing that the
 * value depends on has changed but the project itself.
 */
export function causeOf(name: string, was: PlanSetting | undefined, is: PlanSetting | undefined, causes: Cause[], topology: string): string {
  if (is?.source === "override") return was?.source === "override" ? "override changed" : "override";
  if (was?.source === "override") return "override removed";
  const tuned = is?.source ?? was?.source;
  if (tuned === undefined) return topology;
  const reaching = causes.filter(({ reaches }) => reaches?.test(name) ?? true);
  // The five follow the largest need in the cluster, so another member's change counts too.
  const found = reaching.length > 0 || isHotStandbyParameter(name) ? reaching : causes;
  return (found.length > 0 ? found : causes).map(({ text }) => text).join(", ") || "formula change";
}

/** For values that follow from a host's place in the fleet. */
export function topologyCause(before: PlanFile, after: PlanFile, was: PlanHost, is: PlanHost): string {
  if (was.name !== is.name) return `rename ${was.name} → ${is.name}`;
  if (was.address !== is.address) return `address ${was.address} → ${is.address}`;
  if (before.primary !== after.primary) return `primary ${before.primary} → ${after.primary}`;
  if (before.cluster !== after.cluster) return `cluster ${before.cluster} → ${after.cluster}`;
  const primary = (plan: PlanFile): string | undefined => plan.hosts.find((h) => h.name === plan.primary)?.address;
  if (primary(before) !== primary(after)) return `address of ${after.primary}`;
  return "formula change";
}

const size = (mb: number | undefined): string | undefined => (mb === undefined ? undefined : formatMb(mb));
const memberCount = (plan: PlanFile): number => plan.hosts.filter((h) => h.role === "primary" || h.role === "replica").length;
