/** The commands of `pgfleet`: finds the one that is asked for, loads only that one, and runs it. */

import { readFileSync } from "node:fs";
import * as path from "node:path";
import { Command, CommanderError } from "commander";
import { EXIT, UsageError } from "./errors.ts";

/** In the order of the help. Each module registers one command of the same name. */
const COMMANDS: Record<string, () => Promise<{ register(program: Command): void }>> = {
  status: () => import("./status.ts"),
  verify: () => import("./verify.ts"),
  render: () => import("./render.ts"),
  diff: () => import("./diff.ts"),
  tune: () => import("./tune.ts"),
  explain: () => import("./explain.ts"),
  clients: () => import("./clients.ts"),
  audit: () => import("./audit.ts"),
  probe: () => import("./probe.ts"),
};

const AFTER_HELP = `
Exit codes: 0 all is well; 1 a problem was found; 2 the command line or the config is wrong.
PGFLEET_DEBUG=1 adds stack traces to errors.`;

/** @param words what follows the program's name */
export async function program(words: readonly string[]): Promise<Command> {
  const root = new Command("pgfleet")
    .description("PostgreSQL fleets of this project: look at them, check them, see what their config means.")
    .version(version(), "-V, --version")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", AFTER_HELP)
    .showSuggestionAfterError()
    .exitOverride();
  const asked = words.find((word) => !word.startsWith("-"));
  const needed = asked !== undefined && asked in COMMANDS ? [asked] : Object.keys(COMMANDS);
  for (const module of await Promise.all(needed.map((name) => COMMANDS[name]!()))) module.register(root);
  for (const command of root.commands) command.showSuggestionAfterError().exitOverride();
  return root;
}

/** Runs a command line and gives its exit code. A command says 1 through `process.exitCode`. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    await (await program(words)).parseAsync(words, { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    // Commander has said what was wrong; `pgfleet` without a command shows the help and is a mistake too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const shown = process.env.PGFLEET_DEBUG && error instanceof Error ? error.stack : (error as Error).message;
    process.stderr.write(`pgfleet: ${shown}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.problem;
  }
}

function version(): string {
  const file = path.join(import.meta.dirname, "../package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
