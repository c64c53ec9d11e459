/** What tuning refuses, with the terms of the inequality and values that work. */
import type { Budget } from "./types.ts";

/** Overrides or inputs that cannot be; every problem at once. */
export class TuningError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "TuningError";
    this.problems = problems;
  }
}

const mb = (value: number): string => `${Math.round(value)} MB`;

/** The terms as lines in columns, the sum and the limit last. */
export function budgetLines(budget: Budget): string[] {
  const rows: Array<[string, string, string]> = [
    ...budget.terms.map((term): [string, string, string] => [term.name, mb(term.mb), term.detail]),
    ["total", mb(budget.totalMb), ""],
    ["limit", mb(budget.limitMb), budget.totalMb > budget.limitMb ? "exceeded" : ""],
  ];
  const wide = Math.max(...rows.map(([name]) => name.length));
  const far = Math.max(...rows.map(([, amount]) => amount.length));
  return rows.map(([name, amount, detail]) => `${name.padEnd(wide)}  ${amount.padStart(far)}  ${detail}`.trimEnd());
}

/** A budget that cannot hold: memory, or disk for WAL. */
export class BudgetError extends Error {
  readonly kind: "memory" | "wal disk";
  readonly budget: Budget;
  /** Values that would work, each by itself: "connections 120 (now 200)". */
  readonly alternatives: readonly string[];
  constructor(kind: "memory" | "wal disk", what: string, budget: Budget, alternatives: readonly string[]) {
    const way = alternatives.length > 0 ? `\nany one of these works: ${alternatives.join("; ")}` : "";
    super(
      `${what}: needs ${mb(budget.totalMb)}, may use ${mb(budget.limitMb)}\n` +
        `${budgetLines(budget)
          .map((line) => `  ${line}`)
          .join("\n")}${way}`,
    );
    this.name = "BudgetError";
    this.kind = kind;
    this.budget = budget;
    this.alternatives = alternatives;
  }
}

/** Several hosts of one fleet that cannot be tuned. Hosts with the same problem are named together. */
export class FleetTuningError extends Error {
  readonly errors: ReadonlyMap<string, Error>;
  constructor(errors: ReadonlyMap<string, Error>) {
    const hosts = new Map<string, string[]>();
    for (const [host, { message }] of errors) hosts.set(message, [...(hosts.get(message) ?? []), host]);
    const named = (names: string[]): string => `host${names.length > 1 ? "s" : ""} ${names.join(", ")}`;
    super([...hosts].map(([message, names]) => `${named(names)}: ${message}`).join("\n"));
    this.name = "FleetTuningError";
    this.errors = errors;
  }
}
