/** `pgfleet audit`: who can get in that should not, by the servers' own catalogs. Reads only. */

import type { Command } from "commander";
import { collectAudit } from "./audit/collect.ts";
import { audit as applyRules, RULES } from "./audit/rules.ts";
import type { Finding } from "./audit/types.ts";
import { EXIT } from "./errors.ts";
import { type FormatOptions, print, type StackOptions, withFormat, withStack } from "./options.ts";
import { loadLiveFleet } from "./status.ts";

export const AUDIT_VERSION = 1;
const LIMIT_MS = 60_000;

export function register(program: Command): void {
  withFormat(withStack(program.command("audit")))
    .description("look for superusers, weak passwords and rules, missing limits, open schemas, old certificates")
    .addHelpText("after", `\nRules: ${Object.keys(RULES).join(", ")}. Exit code 1 when one of them finds something.`)
    .action(audit);
}

async function audit(options: StackOptions & FormatOptions): Promise<void> {
  const fleet = loadLiveFleet(options);
  const { facts, unreachable } = await collectAudit(fleet, AbortSignal.timeout(LIMIT_MS));
  const findings = applyRules(facts, new Date());
  const ok = findings.length === 0 && unreachable.length === 0;
  const { stack } = fleet.spec;
  print(
    options.format === "json"
      ? JSON.stringify({ version: AUDIT_VERSION, stack, ok, findings, unreachable }, null, 2)
      : auditText(findings, unreachable),
  );
  if (!ok) process.exitCode = EXIT.problem;
}

/** Findings by rule, each with what to do. */
export function auditText(findings: readonly Finding[], unreachable: readonly string[]): string {
  const lines = findings.map(({ rule, where, what, fix }) => `${rule}  ${where}: ${what}\n    ${fix}`);
  const missed = unreachable.map((line) => `not looked at: ${line}`);
  const count = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  return [...lines, ...missed, findings.length === 0 && missed.length === 0 ? "nothing found" : count].join("\n");
}
