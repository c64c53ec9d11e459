/** Does every rule of `hba` decide something? The first line that matches does, so a later one may never be asked. */

import {
  type HbaLine,
  type HbaLines,
  type HbaSource,
  hbaLines,
  hbaLinesOf,
  lineText,
} from "../../rendering/hba-lines.ts";
import { type DeadLine, deadLines } from "../hba-analysis.ts";
import type { Report } from "../problems.ts";
import { type HbaRuleSpec, isMember } from "../spec.ts";

interface Placed {
  line: HbaLine;
  group: HbaLines;
}

interface Finding {
  rule: HbaRuleSpec;
  /** Entry of `from` of a rule; absent: a derived line that the rule takes the place of. */
  from?: string;
  line: HbaLine;
  by: Placed[];
  contradicted: boolean;
}

/**
 * Reports an entry of `from` of which no line decides anything on any member, and rules in front of a derived line
 * that say the opposite. Addresses are those of the config, also on platform local.
 */
export function checkDecisions(source: HbaSource, report: Report): void {
  const groups = hbaLines(source, true);
  const members = source.hosts.filter(isMember);
  const alive = new Set<string>();
  const dead = new Map<string, Finding>();
  for (const member of members) {
    const placed = hbaLinesOf(groups, member, source.primary).flatMap((group) =>
      group.lines.map((line): Placed => ({ line, group })),
    );
    const findings = new Map(deadLines(placed.map(({ line }) => line)).map((found) => [found.line, found]));
    placed.forEach(({ line, group }, position) => {
      const found = findings.get(position);
      if (group.rule) {
        const key = `${group.rule.index} ${line.from}`;
        const by = found && others(placed, found, group.rule);
        // What the rule itself says twice, by two names for one address, is no mistake.
        if (by && by.length > 0)
          dead.set(key, { rule: group.rule, from: line.from!, line, by, contradicted: found.contradicted });
        else alive.add(key);
      } else if (found?.contradicted && group.order < 900) {
        const by = found.by.map((at) => placed[at]!).filter((one) => one.group.rule);
        const rule = by.at(-1)?.group.rule;
        if (rule) dead.set(`${rule.index} derived ${group.order}`, { rule, line, by, contradicted: true });
      }
    });
  }
  for (const [key, finding] of dead) if (!alive.has(key)) report.add(["hba", finding.rule.index], message(finding));
}

const others = (placed: Placed[], found: DeadLine, rule: HbaRuleSpec): Placed[] =>
  found.by.map((at) => placed[at]!).filter(({ group }) => group.rule !== rule);

function message({ rule, from, line, by, contradicted }: Finding): string {
  if (from === undefined)
    return `decides what the project's own line "${lineText(line)}" is there for, and says otherwise. Give it an order above ${line.method === "reject" ? 899 : 500}, or narrow it.`;
  const before = by.map(({ line: other, group }) => `  ${place(group)}: ${lineText(other)}`).join("\n");
  const names = by.length === 1 ? "this line decides" : "these lines decide";
  const what = contradicted
    ? `contradicts what comes before it: for everyone from ${from} ${names} first, and otherwise.`
    : `says nothing new: for everyone from ${from} ${names} first, with the same outcome.`;
  const advice = contradicted
    ? `Remove one of the two, or give this rule (order ${rule.order}) the smaller order.`
    : "Remove it.";
  return `${what}\n${before}\n${advice}`;
}

const place = ({ rule, order }: HbaLines): string =>
  rule ? `hba[${rule.index}] (order ${order})` : `the project's own (order ${order})`;
