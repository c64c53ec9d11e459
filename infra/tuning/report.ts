/** A tuning as text: a table for people, a configuration file, JSON for programs. Pure. */
import { budgetLines } from "./errors.ts";
import { reservedHugePages } from "./huge-pages.ts";
import type { TuneInput } from "./input.ts";
import type { ChangeClass, Setting, Tuning } from "./types.ts";

export type ReportFormat = "table" | "conf" | "json";
export const reportFormats: readonly ReportFormat[] = ["table", "conf", "json"];

export interface SettingReport {
  /** A number where the value is one (then `unit` may say of what), else the text. */
  value: number | string;
  unit?: string;
  /** As written in the file: "8GB". */
  text: string;
  reason: string;
  class: ChangeClass;
  source: Setting["source"];
}

export interface TuningReport {
  settings: Record<string, SettingReport>;
  budget: { limit_mb: number; total_mb: number; terms: Record<string, number>; details: Record<string, string> };
  warnings: string[];
}

const hundredths = (mb: number): number => Math.round(mb * 100) / 100;
const key = (term: string): string => term.replaceAll(" ", "_");

export function settingReport({ value, reason, class: change, source }: Setting): SettingReport {
  const match = /^(-?\d+(?:\.\d+)?)(B|kB|MB|GB|TB|us|ms|s|min|h|d)?$/.exec(value);
  return {
    value: match ? Number(match[1]) : value,
    ...(match?.[2] ? { unit: match[2] } : {}),
    text: value,
    reason,
    class: change,
    source,
  };
}

/** `{settings: {name: {value, unit?, text, reason, class, source}}, budget: {limit_mb, total_mb, terms, details}, warnings}`. */
export function tuningReport({ settings, budget, warnings }: Tuning): TuningReport {
  return {
    settings: Object.fromEntries([...settings].map(([name, setting]) => [name, settingReport(setting)])),
    budget: {
      limit_mb: hundredths(budget.limitMb),
      total_mb: hundredths(budget.totalMb),
      terms: Object.fromEntries(budget.terms.map((term) => [key(term.name), hundredths(term.mb)])),
      details: Object.fromEntries(budget.terms.map((term) => [key(term.name), term.detail])),
    },
    warnings,
  };
}

export function toJson(report: unknown): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Rows in columns, two spaces apart; the last column is as long as it is. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}

const warningLines = (warnings: readonly string[], prefix: string): string =>
  warnings.map((warning) => `${prefix}warning: ${warning}\n`).join("");

/** What the settings cannot do themselves. */
function hugePagesLines(tuning: Tuning): string[] {
  const pages = reservedHugePages(tuning);
  return pages === 0 ? [] : ["", `Huge pages, reserved before the server starts: sysctl vm.nr_hugepages=${pages}`];
}

/** Parameter, value, what a change of it needs, where it comes from, why; then the budget and the warnings. */
export function tuningTable(tuning: Tuning): string {
  const rows = [...tuning.settings].map(([name, s]) => [name, s.value.trimEnd(), s.class, s.source, s.reason]);
  const table = columns([["PARAMETER", "VALUE", "CHANGE NEEDS", "FROM", "REASON"], ...rows]);
  const budget = budgetLines(tuning.budget)
    .map((line) => `  ${line}\n`)
    .join("");
  const warnings = warningLines(tuning.warnings, "");
  const pages = hugePagesLines(tuning)
    .map((line) => `${line}\n`)
    .join("");
  return `${table}\nMemory budget:\n${budget}${pages}${warnings ? `\n${warnings}` : ""}`;
}

/** Quotes what a configuration file needs quoted; a fraction with a unit (1.5GB) is one of those. */
export function confValue(value: string): string {
  return /^(-?\d+[a-zA-Z]*|-?\d+\.\d+|[a-z][a-z_]*)$/.test(value)
    ? value
    : `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** A file PostgreSQL can include. */
export function tuningConf(tuning: Tuning, input: Pick<TuneInput, "version">): string {
  const head = [
    `PostgreSQL ${input.version}`,
    "",
    "Memory budget: what this server may use at most",
    ...budgetLines(tuning.budget).map((line) => `  ${line}`),
    ...hugePagesLines(tuning),
  ].map((line) => `# ${line}`.trimEnd());
  const rows = [...tuning.settings].map(([name, s]) => [`${name} = ${confValue(s.value)}`, `# ${s.reason}`]);
  const warnings = warningLines(tuning.warnings, "# ");
  return `${head.join("\n")}\n${warnings}\n${columns(rows)}`;
}
