/** The base revision as files: a git worktree in a temporary folder, gone afterwards whatever happens. */

import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { UsageError } from "../errors.ts";
import { git } from "./git.ts";

const PREFIX = "pgfleet-diff-";

export interface Worktree {
  /** The project's folder in it. */
  root: string;
  /** For what is made from it; goes with it. */
  scratch: string;
}

/**
 * Checks out a commit beside the repository, uses it, and removes it: after success, errors and interrupts alike.
 *
 * @param root the project's folder, anywhere in a repository
 */
export async function withWorktree<T>(
  root: string,
  commit: string,
  use: (worktree: Worktree) => Promise<T>,
): Promise<T> {
  removeLeftovers(root);
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), `${PREFIX}${process.pid}-`));
  const tree = path.join(folder, "base");
  const scratch = path.join(folder, "scratch");
  const remove = (): void => removeWorktree(root, folder);
  const onSignal = (signal: NodeJS.Signals): void => {
    remove();
    for (const name of SIGNALS) process.removeListener(name, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    fs.mkdirSync(scratch);
    // Hooks are the developer's and may do anything; a look at another commit is no checkout to them.
    const added = git(root, ["-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--force", tree, commit]);
    if (!added.ok) throw new UsageError(`the base cannot be checked out: ${added.error}`);
    const { text: prefix } = git(root, ["rev-parse", "--show-prefix"]);
    return await use({ root: path.join(tree, prefix), scratch });
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
    remove();
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function removeWorktree(root: string, folder: string): void {
  // node_modules may be a link to the project's own: rmSync removes the link, not what it points to.
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  git(root, ["worktree", "prune"]);
}

/** Folders of runs that were killed: their name holds the process id. */
function removeLeftovers(root: string): void {
  const { text } = git(root, ["worktree", "list", "--porcelain"]);
  for (const line of text.split("\n")) {
    const found = /^worktree (.*\/pgfleet-diff-(\d+)-[^/]+)\/base$/.exec(line);
    if (found && !isAlive(Number(found[2]))) removeWorktree(root, found[1]!);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
