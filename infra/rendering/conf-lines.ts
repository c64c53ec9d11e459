/** Lines of the server's configuration files. */

import type { ChangeClass, Setting, Tuning } from "../tuning/types.ts";
import { commentText, postgresValue } from "./quoting.ts";

export type Line = [name: string, value: string, reason: string];

/** What a tuning says in files; the same for every member that has this tuning. */
export interface TunedLines {
  /** Lines of 10-restart.conf, 20-reload.conf and 90-override.conf. */
  restart: readonly string[];
  reload: readonly string[];
  override: readonly string[];
  /** What a change of 90-override.conf needs. */
  overrideChange: "reload" | "restart";
  budget: readonly string[];
  warnings: readonly string[];
  /** Name → value of tuned parameters, then of overrides. */
  settings: Record<string, string>;
  overrides: Record<string, string>;
}

const made = new WeakMap<Tuning, TunedLines>();

/** Made once for each tuning: members of the same size share one. */
export function tunedLines(tuning: Tuning): TunedLines {
  const known = made.get(tuning);
  if (known) return known;
  const settings = [...tuning.settings];
  const tuned = (...classes: ChangeClass[]): Line[] =>
    settings
      .filter(([, s]) => s.source !== "override" && classes.includes(s.class))
      .map(([name, s]) => [name, s.value, s.reason]);
  const overrides = settings.filter(([, s]) => s.source === "override");
  const restart = tuned("restart", "ordered-restart");
  const reload = tuned("reload", "new-sessions");
  const lines: TunedLines = {
    restart: confLines(restart),
    reload: confLines(reload),
    override: confLines(overrides.map(([name, s]): Line => [name, s.value, describeOverride(s)])),
    overrideChange: overrides.some(([, s]) => needsRestart(s.class)) ? "restart" : "reload",
    budget: budgetTable(tuning),
    warnings: tuning.warnings.map(commentText),
    settings: Object.fromEntries([...restart, ...reload].map(([name, value]) => [name, value])),
    overrides: Object.fromEntries(overrides.map(([name, { value }]) => [name, value])),
  };
  made.set(tuning, lines);
  return lines;
}

const needsRestart = (change: ChangeClass): boolean => change === "restart" || change === "ordered-restart";
const describeOverride = (setting: Setting): string => `${setting.reason} [${setting.class}]`;

/** `name = 'value'  # reason`, in columns; very long values do not widen them. */
export function confLines(lines: Line[]): string[] {
  const quoted = lines.map(([name, value, reason]) => ({
    name,
    value: postgresValue(value, name),
    reason: commentText(reason),
  }));
  const nameWidth = Math.max(0, ...quoted.map((line) => line.name.length));
  const valueWidth = Math.max(0, ...quoted.map((line) => line.value.length).filter((length) => length <= 32));
  return quoted.map(
    ({ name, value, reason }) =>
      `${name.padEnd(nameWidth)} = ${reason ? `${value.padEnd(valueWidth)}  # ${reason}` : value}`,
  );
}

function budgetTable({ budget }: Tuning): string[] {
  const percent = budget.limitMb > 0 ? Math.round((100 * budget.totalMb) / budget.limitMb) : 0;
  const rows = [
    ...budget.terms.map((term) => [term.name, String(Math.round(term.mb)), term.detail]),
    ["total", String(Math.round(budget.totalMb)), `${percent} % of the limit`],
    ["limit", String(Math.round(budget.limitMb)), "what this server may use"],
  ].map((row) => row.map(commentText));
  const nameWidth = Math.max(...rows.map((row) => row[0]!.length));
  const mbWidth = Math.max(...rows.map((row) => row[1]!.length));
  return rows.map(([name, mb, detail]) =>
    `${name!.padEnd(nameWidth)}  ${mb!.padStart(mbWidth)} MB  ${detail}`.trimEnd(),
  );
}
