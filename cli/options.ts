/** Options that several commands share. */

import { type Command, Option } from "commander";

export interface StackOptions {
  stack: string;
  configFile?: string;
}

export interface FormatOptions {
  format: "table" | "json";
}

export function withStack(command: Command): Command {
  return command
    .addOption(
      new Option("-s, --stack <name>", "stack, as in Pulumi.<name>.yaml").env("PULUMI_STACK").makeOptionMandatory(),
    )
    .option("--config-file <file>", "another stack file than Pulumi.<name>.yaml");
}

export function withFormat(command: Command): Command {
  return command.addOption(
    new Option("--format <format>", "for people or for programs").choices(["table", "json"]).default("table"),
  );
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
/** Warnings go to standard error, so that standard output stays what was asked for. */
export const warn = (warnings: readonly string[]): void => {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
};
