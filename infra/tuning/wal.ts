/** Disk for WAL: sizes from the volume, and the sum they may reach on it. */
import { BudgetError } from "./errors.ts";
import { formatMb } from "./format.ts";
import type { TuneInput } from "./input.ts";
import { archiveParameters, megabytes, type Overrides } from "./overrides.ts";
import type { Budget } from "./types.ts";
import { clamp, workloads } from "./workloads.ts";

export interface WalPlan {
  diskMb: number;
  maxWalSizeMb: number;
  minWalSizeMb: number;
  /** 0: none kept beyond what slots need. */
  walKeepSizeMb: number;
  /** Below 0: without limit. */
  maxSlotWalKeepSizeMb: number;
  /** WAL that waits to be archived. */
  archiveBacklogMb: number;
}

/** Share of the volume WAL may reach; the rest is for data. */
const DISK_SHARE = 0.8;
/** max_wal_size is a soft limit: a checkpoint that is late goes over it. */
const SOFT_LIMIT_OVERSHOOT = 1.1;

const wholeGb = (mb: number): number => (mb >= 1024 ? Math.floor(mb / 1024) * 1024 : Math.floor(mb));

/** Sizes from the volume; overrides in it. */
export function walPlan(input: TuneInput, overrides: Overrides): WalPlan {
  const { diskMb, version } = input;
  const segment = input.walSegmentSizeMb ?? 16;
  const own = (name: string): number | undefined => megabytes(overrides, name, version);
  const tenth = clamp(0.1 * diskMb, 1024, 65536);
  const most = wholeGb(Math.max(Math.min(tenth, 0.25 * diskMb), 2 * segment));
  const max = own("max_wal_size") ?? Math.max(most, own("min_wal_size") ?? 0);
  const least = Math.max(Math.min(workloads[input.workload].minWalSizeMb, wholeGb(max / 4)), 2 * segment);
  return {
    diskMb,
    maxWalSizeMb: max,
    minWalSizeMb: own("min_wal_size") ?? Math.min(least, max),
    walKeepSizeMb: own("wal_keep_size") ?? ((input.replicas ?? 0) > 0 ? Math.floor(Math.min(1024, 0.05 * diskMb)) : 0),
    maxSlotWalKeepSizeMb: own("max_slot_wal_keep_size") ?? wholeGb(0.3 * diskMb),
    archiveBacklogMb: archiveParameters(overrides).length > 0 ? max : 0,
  };
}

/** The most WAL can take: max_wal_size × 1.1 + the larger of what is kept + archive backlog ≤ 80 % of the volume. */
export function walDiskBudget(plan: WalPlan): Budget {
  const kept = Math.max(plan.walKeepSizeMb, plan.maxSlotWalKeepSizeMb, 0);
  const terms = [
    {
      name: "checkpoints",
      mb: SOFT_LIMIT_OVERSHOOT * plan.maxWalSizeMb,
      detail: `${SOFT_LIMIT_OVERSHOOT} × ${formatMb(plan.maxWalSizeMb)} max_wal_size`,
    },
    {
      name: "kept for standbys",
      mb: kept,
      detail: `larger of ${formatMb(plan.walKeepSizeMb)} wal_keep_size and ${
        plan.maxSlotWalKeepSizeMb < 0 ? "unlimited" : formatMb(plan.maxSlotWalKeepSizeMb)
      } max_slot_wal_keep_size`,
    },
    { name: "archive backlog", mb: plan.archiveBacklogMb, detail: "one max_wal_size while WAL is archived" },
  ];
  return {
    limitMb: DISK_SHARE * plan.diskMb,
    totalMb: terms.reduce((total, term) => total + term.mb, 0),
    terms,
  };
}

/** @throws BudgetError when WAL can fill the volume. */
export function checkWalDisk(plan: WalPlan): Budget {
  const budget = walDiskBudget(plan);
  if (budget.totalMb <= budget.limitMb) return budget;
  const over = (budget.totalMb - budget.limitMb) / (SOFT_LIMIT_OVERSHOOT + (plan.archiveBacklogMb > 0 ? 1 : 0));
  const alternatives: string[] = [];
  if (plan.maxWalSizeMb - over >= 32) {
    alternatives.push(
      `max_wal_size ${formatMb(wholeGb(plan.maxWalSizeMb - over))} (now ${formatMb(plan.maxWalSizeMb)})`,
    );
  }
  const kept = Math.max(plan.walKeepSizeMb, plan.maxSlotWalKeepSizeMb);
  const room = wholeGb(kept - (budget.totalMb - budget.limitMb));
  if (room > 0) {
    const name = plan.maxSlotWalKeepSizeMb >= plan.walKeepSizeMb ? "max_slot_wal_keep_size" : "wal_keep_size";
    alternatives.push(`${name} ${formatMb(room)} (now ${formatMb(kept)})`);
  }
  alternatives.push(`a disk of ${formatMb(Math.ceil(budget.totalMb / DISK_SHARE))} (now ${formatMb(plan.diskMb)})`);
  throw new BudgetError("wal disk", "WAL can fill the disk", budget, alternatives);
}
