/** A comparison as a comment for a pull request: short on top, everything below in sections that open. */

import { type Block, fit } from "./fit.ts";
import type { Compared } from "./compare.ts";
import { code, fence, html, inline, withCode } from "./markdown-text.ts";
import type { Comparison, FileComparison, HostComparison, ParameterComparison } from "./types.ts";
import { budgetText, count, headline, list, plusMinus, stallText } from "./words.ts";

/** First line of every message: by it the comment is found again. */
export const MARKER = "<!-- pgfleet-preview -->";
/** GitHub's limit for one message. */
export const MESSAGE_LIMIT = 65_536;

export interface MarkdownOptions {
  /** Names of the two sides, e.g. "main (1a2b3c4)". */
  base: string;
  head: string;
  /** Where the full text is, as Markdown; said where something is cut. */
  fullText: string;
  /** Size of the message at most. Default 65,536. */
  limit?: number;
  /** Lines under the title. */
  notes?: readonly string[];
}

/** From so many groups on the table has one line for each group instead of each host. */
const TABLE_HOSTS = 24;
/** From so many steps on the plan is collapsed. */
const OPEN_STEPS = 12;

/** One message for any number of stacks, never longer than the limit. */
export function markdown(stacks: readonly Compared[], options: MarkdownOptions): string {
  const { base, head, fullText, limit = MESSAGE_LIMIT, notes = [] } = options;
  // A blank line before it, or it would become a row of a table or a part of a list item.
  const more = (what: string): string => `\n… ${what} more: ${fullText}\n`;
  const any = stacks.some(({ comparison }) => comparison.kind !== "unchanged");
  const title = any ? "PostgreSQL fleet: what this changes" : "PostgreSQL fleet: no changes";
  const intro = [`## ${title}`, "", `${code(base)} → ${code(head)}`, ...notes.flatMap((note) => ["", inline(note)]), ""];
  const index = stacks.length > 1 ? ["| Stack | What changes |", "|---|---|", ...stacks.map(indexRow), ""] : [];
  const changed = stacks.filter(({ comparison }) => comparison.kind !== "unchanged");
  const content: (string | Block)[] = [
    ...intro,
    ...(index.length > 0 ? [section("", index, "", more)] : []),
    ...changed.map((one) => stackBlock(one, more)),
  ];
  if (!any) content.push(`Every file of every host stays as it is: ${list(stacks.map(({ comparison }) => code(comparison.stack)), "stacks")}.`);
  const short = `${MARKER}\n${any ? "There are changes, too many for a message of this size" : "No changes"}: ${fullText}\n`;
  return fit({ open: `${MARKER}\n`, close: "", content, note: more }, limit, short);
}

const indexRow = ({ comparison }: Compared): string => `| ${code(comparison.stack)} | ${withCode(headline(comparison))} |`;

type More = (what: string) => string;
const plain =
  (more: More): More =>
  (what) =>
    more(what).trim();
const section = (open: string, content: (string | Block)[], close: string, note: More): Block => ({ open, content, close, note });

function stackBlock({ comparison, groups }: Compared, more: More): Block {
  const blocks: (string | Block)[] = [];
  const problem = (title: string, text: string | null): void => {
    if (text !== null) blocks.push(...quoted(title, text, more));
  };
  problem("The config does not load, so there is nothing to compare:", comparison.headProblem);
  problem("The base cannot be rendered. Everything is shown as new, and `up` will do less than that:", comparison.baseProblem);
  if (comparison.plan.problems.length > 0) blocks.push(alert("CAUTION", ["`up` would refuse this:", ...comparison.plan.problems], more));
  if (comparison.warnings.length > 0) blocks.push(alert("WARNING", comparison.warnings, more));
  if (comparison.facts.length > 0) blocks.push(section("", [...comparison.facts.map((fact) => `- ${withCode(fact)}`), ""], "", more));
  if (comparison.hosts.length > 0) blocks.push(section("", [...table(comparison, groups), ""], "", more));
  if (comparison.unchangedHosts.length > 0 && comparison.hosts.length > 0) blocks.push(`Not changed: ${inline(list(comparison.unchangedHosts))}.`, "");
  blocks.push(...planBlocks(comparison, more), ...memoryBlocks(comparison, more));
  if (comparison.removed.length > 0) blocks.push(section("**Removed**\n\n", [...comparison.removed.map((line) => `- ${withCode(line)}`), ""], "\n", more));
  const hosts = new Map(comparison.hosts.map((host) => [host.name, host]));
  for (const group of groups) blocks.push(hostBlock(group.map((name) => hosts.get(name)!), more));
  return section(`### ${code(comparison.stack)}: ${withCode(headline(comparison))}\n\n`, blocks, "\n", more);
}

function quoted(title: string, text: string, more: More): (string | Block)[] {
  const lines = text.trimEnd().split("\n");
  const ticks = fence(lines);
  return [withCode(title), "", section(`${ticks}text\n`, lines, `${ticks}\n\n`, plain(more))];
}

function alert(kind: "WARNING" | "CAUTION", lines: string[], more: More): Block {
  return section(`> [!${kind}]\n`, lines.map((line) => `> - ${withCode(line)}`), "\n", (what) => `> - ${plain(more)(what)}`);
}

function table({ hosts, budgets }: Comparison, groups: string[][]): string[] {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const memory = new Map(budgets.map((budget) => [budget.host, budget]));
  const rows = hosts.length <= TABLE_HOSTS ? hosts.map((host) => [host.name]) : groups;
  return [
    "| Host | Role | Files | Lines | Needs |" + (budgets.length > 0 ? " Memory |" : ""),
    "|---|---|--:|--:|---|" + (budgets.length > 0 ? "---|" : ""),
    ...rows.map((names) => {
      const host = byName.get(names[0]!)!;
      const cells = [title(names, host), host.role, String(host.files.length), plusMinus(lines(host)), `**${host.effect}**`];
      const budget = memory.get(host.name);
      if (budgets.length > 0) cells.push(budget ? budgetText(budget) : "");
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

const title = (names: string[], host: HostComparison): string =>
  inline(list(names)) + (host.renamedFrom ? ` (renamed from ${inline(host.renamedFrom)})` : "");

const lines = (host: HostComparison): { additions: number; deletions: number } => ({
  additions: host.files.reduce((sum, file) => sum + file.additions, 0),
  deletions: host.files.reduce((sum, file) => sum + file.deletions, 0),
});

function planBlocks({ plan, services, kind }: Comparison, more: More): (string | Block)[] {
  const { steps, pending } = plan;
  const rows = steps.map(({ text, stallSeconds }, i) => {
    const stall = stallText(stallSeconds);
    return `${i + 1}. ${inline(text)}${stall ? `. *${inline(stall)}*` : ""}`;
  });
  const result: (string | Block)[] = [];
  if (rows.length > OPEN_STEPS) {
    result.push(section(`<details><summary><b>What <code>up</code> does</b>: ${count(rows.length, "step")} in this order</summary>\n\n`, rows, "\n</details>\n\n", more));
  } else if (rows.length > 0) result.push(section(`**What \`up\` does**, in this order\n\n`, rows, "\n", more));
  else if (kind === "changed" && plan.problems.length === 0) result.push("No step on servers or poolers.", "");
  if (services.length > 0) result.push(section("**Other services**\n\n", services.map((line) => `- ${inline(line)}`), "\n", more));
  if (pending.length > 0) result.push(section("**Left for later**\n\n", pending.map((line) => `- ${inline(line)}`), "\n", more));
  return result;
}

function memoryBlocks({ pools }: Comparison, more: More): (string | Block)[] {
  if (!pools) return [];
  const one = (sum: NonNullable<typeof pools.after>): string =>
    `${sum.pooled} pooled + ${sum.direct} direct = ${sum.pooled + sum.direct} of ${sum.maxConnections} max_connections`;
  const parts = [pools.before, pools.after].map((sum) => (sum ? one(sum) : "no pooler"));
  return [section("", [`**Connections to one server**: ${inline(parts.join(" → "))}`, ""], "", more)];
}

/** Hosts with the same changes, shown with the first one's files. */
function hostBlock(group: HostComparison[], more: More): Block {
  const host = group[0]!;
  const summary = `<b>${html(list(group.map(({ name }) => name)))}</b>: ${summaryOf(host)}`;
  const content: (string | Block)[] = [];
  if (group.length > 1) content.push(`The same on ${count(group.length, "host")}, shown for ${code(host.name)}.`, "");
  if (host.renamedFrom) content.push(`Renamed from ${code(host.renamedFrom)}${host.files.length === 0 ? "; the content of its files is unchanged" : ""}.`, "");
  if (host.parameters.length > 0) content.push(section("", [...parameterTable(host.parameters), ""], "", more));
  if (host.change === "removed") content.push(section("", [...host.files.map(({ path, deletions }) => `- ${code(path)} (−${deletions})`), ""], "", more));
  else content.push(...host.files.map((file) => fileBlock(file, more)));
  return section(`<details><summary>${summary}</summary>\n\n`, content, "\n</details>\n\n", more);
}

function summaryOf(host: HostComparison): string {
  const what = host.change === "changed" ? "" : `${host.change}, `;
  return html(`${what}${count(host.files.length, "file")} ${plusMinus(lines(host))}, ${host.effect}`);
}

function parameterTable(parameters: ParameterComparison[]): string[] {
  return [
    "| Parameter | Before | After | Needs | Why |",
    "|---|---|---|---|---|",
    ...parameters.map(({ name, before, after, class: needs, cause, reason }) => {
      const value = (text: string | null): string => (text === null ? "*not set*" : code(shorten(text)));
      const why = inline(reason ? `${cause}: ${reason}` : cause);
      return `| ${code(name)} | ${value(before)} | ${value(after)} | ${needs.replace("-", " ")} | ${why} |`;
    }),
  ];
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}…` : text);

function fileBlock(file: FileComparison, more: More): Block {
  const lines = file.diff.trimEnd().split("\n");
  const mode = file.mode ? `, mode ${file.mode[0]} → ${file.mode[1]}` : "";
  const what = file.change === "modified" ? "" : `${file.change}, `;
  const head = `${code(file.path)} ${what}${plusMinus(file)}${mode}\n\n`;
  if (file.diff === "") return section(head, [], "", more);
  const ticks = fence(lines);
  return section(`${head}${ticks}diff\n`, lines, `${ticks}\n\n`, plain(more));
}
