/** A comparison as a comment for a pull request: short on top, everything below in sections that open. */

import type { Compared } from "./compare.ts";
import { type Block, fitted } from "./fit.ts";
import { alert, type More, quoted, section } from "./markdown-blocks.ts";
import { hostBlock, lines } from "./markdown-host.ts";
import { code, inline, withCode } from "./markdown-text.ts";
import type { Comparison, HostComparison } from "./types.ts";
import {
  baseProblemLines,
  budgetLines,
  count,
  HEAD_PROBLEM,
  headline,
  list,
  plusMinus,
  poolText,
  stallText,
} from "./words.ts";

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
  /** What is against a policy of the team, one line each. */
  against?: readonly string[];
}

/** From so many groups on the table has one line for each group instead of each host. */
const TABLE_HOSTS = 24;
/** From so many steps on the plan is collapsed. */
const OPEN_STEPS = 20;

/** One message for any number of stacks, never longer than the limit. */
export function markdown(stacks: readonly Compared[], options: MarkdownOptions): string {
  const { base, head, fullText, limit = MESSAGE_LIMIT, notes = [], against = [] } = options;
  // A blank line before it, or it would become a row of a table or a part of a list item.
  const more = (what: string): string => `\n… ${what} more: ${fullText}\n`;
  const any = stacks.some(({ comparison }) => comparison.kind !== "unchanged");
  const refused = stacks.some(({ comparison }) => comparison.plan.problems.length > 0);
  const title = `PostgreSQL fleet: ${refused ? "`up` would refuse this" : any ? "what this changes" : "no changes"}`;
  const intro = [
    `## ${title}`,
    "",
    `${code(base)} → ${code(head)}`,
    ...notes.flatMap((note) => ["", inline(note)]),
    "",
  ];
  const index = stacks.length > 1 ? ["| Stack | What changes |", "|---|---|", ...stacks.map(indexRow), ""] : [];
  const changed = stacks.filter(({ comparison }) => comparison.kind !== "unchanged");
  const content: (string | Block)[] = [
    ...intro,
    ...(against.length > 0 ? [alert("CAUTION", "Against the policy of this repository:", against, more)] : []),
    ...index,
    ...changed.map((one) => stackBlock(one, more)),
  ];
  if (!any)
    content.push(
      `Every file of every host stays as it is: ${list(
        stacks.map(({ comparison }) => code(comparison.stack)),
        "stacks",
      )}.`,
    );
  const short = `${MARKER}\n${any ? "There are changes, too many for a message of this size" : "No changes"}: ${fullText}\n`;
  return fitted({ open: `${MARKER}\n`, close: "", content, note: more }, limit, short);
}

const indexRow = ({ comparison }: Compared): string =>
  `| ${code(comparison.stack)} | ${withCode(headline(comparison))} |`;

function stackBlock({ comparison, groups }: Compared, more: More): Block {
  const blocks: (string | Block)[] = [];
  if (comparison.headProblem !== null)
    blocks.push(...quoted(HEAD_PROBLEM, comparison.headProblem.trimEnd().split("\n"), more));
  if (comparison.baseProblem !== null) blocks.push(...quoted(...baseProblemLines(comparison), more));
  if (comparison.plan.problems.length > 0)
    blocks.push(alert("CAUTION", "`up` would refuse this:", comparison.plan.problems, more));
  if (comparison.warnings.length > 0) blocks.push(alert("WARNING", "", comparison.warnings, more));
  if (comparison.facts.length > 0)
    blocks.push(section("", [...comparison.facts.map((fact) => `- ${withCode(fact)}`), ""], "", more));
  if (comparison.hosts.length > 0) blocks.push(section("", [...table(comparison, groups), ""], "", more));
  if (comparison.unchangedHosts.length > 0 && comparison.hosts.length > 0)
    blocks.push(`Not changed: ${inline(list(comparison.unchangedHosts))}.`, "");
  blocks.push(...planBlocks(comparison, more), ...memoryBlocks(comparison, more));
  if (comparison.removed.length > 0)
    blocks.push(
      section("**Removed**\n\n", [...comparison.removed.map((line) => `- ${withCode(line)}`), ""], "\n", more),
    );
  const hosts = new Map(comparison.hosts.map((host) => [host.name, host]));
  for (const group of groups)
    blocks.push(
      hostBlock(
        group.map((name) => hosts.get(name)!),
        more,
      ),
    );
  return section(`### ${code(comparison.stack)}: ${withCode(headline(comparison))}\n\n`, blocks, "\n", more);
}

function table({ hosts }: Comparison, groups: string[][]): string[] {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const rows = hosts.length <= TABLE_HOSTS ? hosts.map((host) => [host.name]) : groups;
  return [
    "| Host | Role | Files | Lines | Needs |",
    "|---|---|--:|--:|---|",
    ...rows.map((names) => {
      const host = byName.get(names[0]!)!;
      return `| ${title(names, host)} | ${host.role} | ${host.files.length} | ${plusMinus(lines(host))} | **${host.effect}** |`;
    }),
  ];
}

const title = (names: string[], host: HostComparison): string =>
  inline(list(names)) + (host.renamedFrom ? ` (renamed from ${inline(host.renamedFrom)})` : "");

function planBlocks({ plan, services, kind, baseProblem }: Comparison, more: More): (string | Block)[] {
  const { steps, pending } = plan;
  const rows = steps.map(({ text, stallSeconds }, i) => {
    const stall = stallText(stallSeconds);
    return `${i + 1}. ${inline(text)}${stall ? `. *${inline(stall)}*` : ""}`;
  });
  const result: (string | Block)[] = [];
  if (rows.length > OPEN_STEPS) {
    result.push(
      section(
        `<details><summary><b>What <code>up</code> does</b>: ${count(rows.length, "step")} in this order</summary>\n\n`,
        rows,
        "\n</details>\n\n",
        more,
      ),
    );
  } else if (rows.length > 0) result.push(section(`**What \`up\` does**, in this order\n\n`, rows, "\n", more));
  else if (kind === "changed" && plan.problems.length === 0 && baseProblem === null)
    result.push("No step on servers or poolers.", "");
  if (services.length > 0)
    result.push(
      section(
        "**Other services**\n\n",
        services.map((line) => `- ${inline(line)}`),
        "\n",
        more,
      ),
    );
  if (pending.length > 0)
    result.push(
      section(
        "**Left for later**\n\n",
        pending.map((line) => `- ${inline(line)}`),
        "\n",
        more,
      ),
    );
  return result;
}

function memoryBlocks({ pools, budgets }: Comparison, more: More): (string | Block)[] {
  const rows = budgetLines(budgets).map((line) => `- ${inline(line)}`);
  return [
    ...(rows.length > 0 ? [section("**Memory budget**\n\n", rows, "\n", more)] : []),
    ...(pools ? [`**Connections to one server**: ${inline(poolText(pools))}`, ""] : []),
  ];
}
