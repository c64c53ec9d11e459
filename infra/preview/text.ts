/** A comparison for a terminal: everything, nothing folded away but hosts that are the same. */

import type { Compared } from "./compare.ts";
import type { Comparison, Effect, HostComparison } from "./types.ts";
import {
  baseProblemLines,
  budgetLines,
  count,
  fileText,
  HEAD_PROBLEM,
  headline,
  list,
  plusMinus,
  poolText,
  stallText,
} from "./words.ts";

/** What a terminal can do with text; picocolors has this shape. */
export type Paint = Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", (text: string) => string>;

const same = (text: string): string => text;
export const PLAIN: Paint = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

export interface TextOptions {
  base: string;
  head: string;
  notes?: readonly string[];
  against?: readonly string[];
  paint?: Paint;
}

export function text(
  stacks: readonly Compared[],
  { base, head, notes = [], against = [], paint = PLAIN }: TextOptions,
): string {
  const intro = [
    `${base} → ${head}`,
    ...notes.map((note) => paint.yellow(note)),
    ...against.map((line) => paint.red(line)),
  ].join("\n");
  return `${[intro, ...stacks.map((one) => stackText(one, paint))].join("\n\n")}\n`;
}

function stackText({ comparison, groups }: Compared, paint: Paint): string {
  const { facts, warnings, plan, services, removed, pools, hosts } = comparison;
  const parts: string[] = [];
  const add = (title: string, lines: string[], color = same): void => {
    if (lines.length > 0 || title.startsWith("The base"))
      parts.push([paint.bold(title), ...lines.map((line) => `  ${color(line)}`)].join("\n"));
  };
  parts.push(paint.bold(`${comparison.stack}: ${headline(comparison)}`));
  const { headProblem, baseProblem } = comparison;
  if (headProblem !== null) add(HEAD_PROBLEM, headProblem.trimEnd().split("\n"), paint.red);
  if (baseProblem !== null) add(...baseProblemLines(comparison), paint.yellow);
  add("`up` would refuse this", plan.problems, paint.red);
  add("Warnings", warnings, paint.yellow);
  add("Declared", facts);
  add("Hosts", hostLines(comparison, groups, paint));
  add("Memory budget", budgetLines(comparison.budgets));
  if (pools) add("Connections to one server", [poolText(pools)]);
  const steps = plan.steps.map(({ text: what, stallSeconds }, i) => {
    const stall = stallText(stallSeconds);
    return `${String(i + 1).padStart(String(plan.steps.length).length)}. ${what}${stall ? paint.dim(`  ${stall}`) : ""}`;
  });
  add("What `up` does, in this order", steps);
  add("Other services", services);
  add("Left for later", plan.pending, paint.yellow);
  add("Removed", removed, paint.red);
  const byName = new Map(hosts.map((host) => [host.name, host]));
  for (const group of groups)
    parts.push(
      hostText(
        group.map((name) => byName.get(name)!),
        paint,
      ),
    );
  return parts.join("\n\n");
}

function hostLines({ hosts, unchangedHosts }: Comparison, groups: string[][], paint: Paint): string[] {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const rows = hosts.length <= 24 ? hosts.map(({ name }) => [name]) : groups;
  const width = Math.max(0, ...rows.map((names) => list(names).length));
  const shown = rows.map((names) => {
    const host = byName.get(names[0]!)!;
    const renamed = host.renamedFrom ? `, renamed from ${host.renamedFrom}` : "";
    return `${list(names).padEnd(width)}  ${effectText(host.effect, paint)}  ${count(host.files.length, "file")} ${lineCount(host)}${renamed}`;
  });
  if (unchangedHosts.length > 0 && shown.length > 0) shown.push(paint.dim(`not changed: ${list(unchangedHosts)}`));
  return shown;
}

function lineCount(host: HostComparison): string {
  const sum = (of: "additions" | "deletions"): number => host.files.reduce((total, file) => total + file[of], 0);
  return plusMinus({ additions: sum("additions"), deletions: sum("deletions") });
}

function effectText(effect: Effect, paint: Paint): string {
  const text = effect.padEnd(15);
  switch (effect) {
    case "restart":
    case "ordered restart":
    case "removed":
    case "refused":
      return paint.red(text);
    case "restart pending":
    case "clone":
    case "new":
      return paint.yellow(text);
    default:
      return paint.green(text);
  }
}

function hostText(group: HostComparison[], paint: Paint): string {
  const host = group[0]!;
  const names = list(group.map(({ name }) => name));
  const shown =
    group.length > 1 ? paint.dim(` (the same on ${count(group.length, "host")}, shown for ${host.name})`) : "";
  const lines = [`${paint.bold(`── ${names}`)}${shown}`];
  if (host.renamedFrom)
    lines.push(
      `renamed from ${host.renamedFrom}${host.files.length === 0 ? "; the content of its files is unchanged" : ""}`,
    );
  const width = Math.max(0, ...host.parameters.map(({ name }) => name.length));
  for (const { name, before, after, class: needs, cause, reason } of host.parameters) {
    const change = `${before ?? "not set"} → ${after ?? "not set"}`;
    lines.push(
      `  ${name.padEnd(width)}  ${paint.cyan(change)}  ${needs}, ${cause}${reason ? paint.dim(` (${reason})`) : ""}`,
    );
  }
  for (const file of host.files) {
    lines.push("", `${paint.bold(file.path)}  ${fileText(file)}`);
    if (file.diff !== "")
      lines.push(
        ...file.diff
          .trimEnd()
          .split("\n")
          .map((line) => paintDiff(line, paint)),
      );
  }
  return lines.join("\n");
}

function paintDiff(line: string, paint: Paint): string {
  if (/^(---|\+\+\+) /.test(line)) return paint.bold(line);
  if (line.startsWith("@@")) return paint.cyan(line);
  if (line.startsWith("+")) return paint.green(line);
  return line.startsWith("-") ? paint.red(line) : line;
}
