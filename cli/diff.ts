/** `pgfleet diff`: what this checkout changes on every host, against another revision. No engine, no credentials. */

import * as fs from "node:fs";
import * as path from "node:path";
import { type Command, Option } from "commander";
import colors from "picocolors";
import { POLICIES, type Policy, violations } from "../infra/preview/policy.ts";
import { baseLabel, behindNote, headLabel, resolveBase } from "./diff/git.ts";
import { FORMATS, type Format, formatOf, show } from "./diff/show.ts";
import { compareStacks } from "./diff/sides.ts";
import { EXIT, UsageError } from "./errors.ts";
import { ROOT } from "./load.ts";
import { warn } from "./options.ts";

interface DiffOptions {
  stack?: string;
  all: boolean;
  base: string;
  format?: Format;
  out: string[];
  failOn: Policy[];
  limit?: number;
  fullText?: string;
}

export function register(program: Command): void {
  program
    .command("diff")
    .description(
      "show what this checkout changes against another revision: files, restarts, memory, and the plan of `up`",
    )
    .addOption(new Option("-s, --stack <name>", "stack, as in Pulumi.<name>.yaml").env("PULUMI_STACK"))
    .option("--all", "every stack that has a file here or at the base", false)
    .requiredOption("--base <ref>", "branch, tag or commit to compare with, e.g. origin/main")
    .addOption(new Option("--format <format>", "default: text, or by the name of --out").choices(FORMATS))
    .option(
      "-o, --out <file>",
      "write here instead; .md .html .json .txt choose the format; may be repeated",
      (file: string, all: string[]) => [...all, file],
      [],
    )
    .option("--fail-on <policies>", `exit 1 on any of ${POLICIES.join(", ")}; separated by commas`, readPolicies, [])
    .option("--limit <bytes>", "longest Markdown message (default: 65536, GitHub's)", readLimit)
    .option("--full-text <markdown>", "what a Markdown message says where it is cut: where the rest is")
    .addHelpText(
      "after",
      "\nThe base is rendered by its own code from a git worktree in a temporary folder. Exit codes: 0 compared;\n1 a --fail-on policy is not met, or `up` would refuse; 2 the config here does not load.",
    )
    .action(diff);
}

async function diff(options: DiffOptions, command: Command): Promise<void> {
  if (options.all && options.stack !== undefined && command.getOptionValueSource("stack") === "cli")
    throw new UsageError("--stack and --all: give one of them");
  if (!options.all && options.stack === undefined)
    throw new UsageError("--stack: which stack? Give --stack <name>, or --all.");
  if (options.format && options.out.length > 1)
    throw new UsageError("--format: with more than one --out their names choose the format");
  const targets = options.out.map((file) => ({ file, format: options.format ?? formatOf(file) }));
  const stack = options.all ? undefined : options.stack!.slice(options.stack!.lastIndexOf("/") + 1);
  const base = resolveBase(ROOT, options.base);
  const stacks = await compareStacks(ROOT, base, stack);
  const against = options.failOn.flatMap((policy) =>
    stacks.flatMap(({ comparison }) =>
      violations({ comparison, policy }).map((line) => `--fail-on ${policy}: ${line}`),
    ),
  );
  const what = stack === undefined ? "--all" : `--stack ${stack}`;
  const frame = {
    base: baseLabel(base),
    head: headLabel(ROOT),
    notes: behindNote(ROOT, base),
    against,
    fullText: options.fullText ?? `\`npx pgfleet diff ${what} --base ${base.ref}\` shows all`,
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  };
  for (const { file, format } of targets) write(file, show(stacks, format, frame));
  if (targets.length === 0) process.stdout.write(show(stacks, options.format ?? "text", { ...frame, paint: colors }));
  warn(against);
  for (const { comparison } of stacks)
    for (const problem of comparison.plan.problems)
      process.stderr.write(`${comparison.stack}: \`up\` would refuse this: ${problem}\n`);
  if (stacks.some(({ comparison }) => comparison.kind === "failed")) process.exitCode = EXIT.usage;
  else if (against.length > 0 || stacks.some(({ comparison }) => comparison.plan.problems.length > 0))
    process.exitCode = EXIT.problem;
}

function write(file: string, text: string): void {
  try {
    fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    fs.writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`--out: ${(error as Error).message}`, { cause: error });
  }
}

function readPolicies(text: string, all: Policy[]): Policy[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(POLICIES as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--fail-on: "${unknown.join('", "')}" is not one of ${POLICIES.join(", ")}`);
  return [...all, ...(names as Policy[])];
}

function readLimit(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1000)
    throw new UsageError(`--limit: "${text}" is not a number of bytes from 1000`);
  return Number(text);
}
