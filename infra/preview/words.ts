/** Small texts that every way of showing a comparison uses. */

import type { BudgetComparison, Comparison } from "./types.ts";

const NAMED = 6;

/** "db1, db2, db3"; of many the first ones and the last, with their count. */
export function list(names: readonly string[], noun = "hosts"): string {
  if (names.length <= NAMED) return names.join(", ");
  return `${names.slice(0, 3).join(", ")} … ${names.at(-1)} (${names.length} ${noun})`;
}

/** "1 file", "2 files". */
export const count = (n: number, noun: string): string => `${thousands(n)} ${noun}${n === 1 ? "" : "s"}`;

export const thousands = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** "+3 −1" with a real minus sign. */
export const plusMinus = ({ additions, deletions }: { additions: number; deletions: number }): string =>
  `+${thousands(additions)} −${thousands(deletions)}`;

export const percent = ({ totalMb, limitMb }: { totalMb: number; limitMb: number }): number =>
  limitMb > 0 ? Math.round((100 * totalMb) / limitMb) : 0;

/** "▓▓▓▓▓▓░░░░". */
export function bar(share: number, width = 10): string {
  const full = Math.min(width, Math.max(0, Math.round((share / 100) * width)));
  return "▓".repeat(full) + "░".repeat(width - full);
}

/** "▓▓▓▓░░░░░░ 43 % → ▓▓▓▓▓▓░░░░ 61 % of 26,214 MB". */
export function budgetText({ before, after }: BudgetComparison): string {
  const one = (budget: { totalMb: number; limitMb: number }): string =>
    `${bar(percent(budget))} ${percent(budget)} % of ${thousands(Math.round(budget.limitMb))} MB`;
  if (before && after) return `${one(before)} → ${one(after)}`;
  return after ? `new: ${one(after)}` : before ? `${one(before)} → gone` : "";
}

export const seconds = (value: number): string => `${Number(value.toFixed(2))} s`;

/** "clients wait: 1.3 s when last measured", or "unknown"; undefined when nobody can notice the step. */
export function stallText(stall: number | null | undefined): string | undefined {
  if (stall === undefined) return undefined;
  return stall === null ? "clients wait: unknown" : `clients wait: ${seconds(stall)} when last measured`;
}

/** One line about a stack, e.g. "4 hosts, 12 files (+31 −28), ordered restart". */
export function headline(comparison: Comparison): string {
  switch (comparison.kind) {
    case "unchanged":
      return "no changes";
    case "failed":
      return "cannot be rendered";
    case "removed":
      return "the stack is removed";
    case "added":
    case "changed": {
      const { hosts, totals, plan } = comparison;
      const effects = [...new Set(hosts.map((host) => host.effect))].filter((e) => e !== "none" && e !== "next start");
      const parts = [
        ...(comparison.kind === "added" ? ["new stack"] : []),
        hosts.length > 0 ? count(hosts.length, "host") : "no file changes",
        ...(totals.files > 0 ? [`${count(totals.files, "file")} (${plusMinus(totals)})`] : []),
        ...effects.sort(),
        ...(plan.problems.length > 0 ? ["`up` would refuse"] : []),
      ];
      return parts.join(", ");
    }
    default:
      return comparison.kind satisfies never;
  }
}
