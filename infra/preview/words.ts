/** Small texts that every way of showing a comparison uses. */

import type { BudgetComparison, Comparison, FileComparison, Filled, PoolSum } from "./types.ts";

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

export const percent = ({ totalMb, limitMb }: Filled): number =>
  limitMb > 0 ? Math.round((100 * totalMb) / limitMb) : 0;

/** "▓▓▓▓▓▓░░░░". */
export function bar(share: number, width = 10): string {
  const full = Math.min(width, Math.max(0, Math.round((share / 100) * width)));
  return "▓".repeat(full) + "░".repeat(width - full);
}

/** "▓▓▓▓░░░░░░ 43 % → ▓▓▓▓▓▓░░░░ 61 % of 26,214 MB". */
export function budgetText({ before, after }: BudgetComparison): string {
  const one = (budget: Filled): string =>
    `${bar(percent(budget))} ${percent(budget)} % of ${thousands(Math.round(budget.limitMb))} MB`;
  if (before && after) return `${one(before)} → ${one(after)}`;
  return after ? one(after) : before ? `${one(before)} → gone` : "";
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
      const effects = [...new Set(hosts.map((host) => host.effect))].filter(
        (e) => !["none", "next start", "unknown", "refused"].includes(e),
      );
      const parts = [
        ...(plan.problems.length > 0 ? ["`up` would refuse this"] : []),
        ...(comparison.kind === "added" ? ["new stack"] : []),
        hosts.length > 0 ? count(hosts.length, "host") : "no file changes",
        ...(totals.files > 0 ? [`${count(totals.files, "file")} (${plusMinus(totals)})`] : []),
        ...effects.sort(),
      ];
      return parts.join(", ");
    }
    default:
      return comparison.kind satisfies never;
  }
}

/** Budgets that read the same, once: "db1, db2: ▓▓▓…". */
export function budgetLines(budgets: readonly BudgetComparison[]): string[] {
  const lines = new Map<string, string[]>();
  for (const budget of budgets) {
    const text = budgetText(budget);
    lines.set(text, [...(lines.get(text) ?? []), budget.host]);
  }
  return [...lines].map(([text, hosts]) => `${list(hosts)}: ${text}`);
}

/** "139 of 200 max_connections (120 pooled + 19 direct) → …". */
export function poolText({ before, after }: NonNullable<Comparison["pools"]>): string {
  const one = (sum: PoolSum | null): string =>
    sum
      ? `${sum.pooled + sum.direct} of ${sum.maxConnections} max_connections (${sum.pooled} pooled + ${sum.direct} direct)`
      : "no pooler";
  return `${one(before)} → ${one(after)}`;
}

/** What stands beside a file's path: "added, +12 −0", "+1 −1, 10 lines realigned, mode 0640 → 0600". */
export function fileText(file: FileComparison): string {
  const parts = [
    ...(file.change === "modified" ? [] : [file.change]),
    ...(file.additions + file.deletions > 0 ? [plusMinus(file)] : []),
    ...(file.realigned > 0 ? [`${count(file.realigned, "line")} realigned`] : []),
    ...(file.mode ? [`mode ${file.mode[0]} → ${file.mode[1]}`] : []),
  ];
  return parts.join(", ");
}

export const HEAD_PROBLEM = "The config does not load, so there is nothing to compare";

/** Title and lines of what is wrong with the base; a problem that both sides have is told once. */
export function baseProblemLines({ baseProblem, headProblem, kind }: Comparison): [title: string, lines: string[]] {
  if (baseProblem === headProblem) return ["The base has the same problem", []];
  const title =
    kind === "changed"
      ? "The base cannot be rendered. Everything is shown as new, and what `up` will do cannot be said"
      : "The base cannot be rendered";
  return [title, (baseProblem ?? "").trimEnd().split("\n")];
}
