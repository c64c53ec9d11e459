/** What `diff` asks git, always in the project's folder. */

import { spawnSync } from "node:child_process";
import { didYouMean } from "../../infra/config/suggest.ts";
import { UsageError } from "../errors.ts";

export interface Base {
  /** As given, e.g. "main" or "HEAD^1". */
  ref: string;
  /** Full name of the commit. */
  commit: string;
}

export function git(folder: string, words: readonly string[]): { ok: boolean; text: string; error: string } {
  const { status, stdout, stderr, error } = spawnSync("git", ["-C", folder, ...words], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0" },
  });
  if (error) throw new UsageError(`git cannot be run: ${error.message}`, { cause: error });
  return { ok: status === 0, text: stdout.trimEnd(), error: stderr.trim() };
}

/** @throws UsageError: not a repository, no such commit, or one that a shallow clone does not have. */
export function resolveBase(folder: string, ref: string): Base {
  const top = git(folder, ["rev-parse", "--show-toplevel"]);
  if (!top.ok)
    throw new UsageError(`${folder} is not in a git repository, so there is no base to compare with. (${top.error})`);
  const found = git(folder, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`]);
  if (found.ok) return { ref, commit: found.text };
  throw new UsageError(`--base: ${unknownRef(folder, ref)}`);
}

function unknownRef(folder: string, ref: string): string {
  const shown = JSON.stringify(ref.slice(0, 100));
  const remote = git(folder, ["rev-parse", "--verify", "--quiet", "--end-of-options", `origin/${ref}^{commit}`]);
  if (remote.ok) return `there is no ${shown} here, but origin has it: --base origin/${ref}`;
  if (git(folder, ["rev-parse", "--is-shallow-repository"]).text === "true") {
    const branch = /^(origin\/)?([\w][\w./-]*)$/.exec(ref)?.[2];
    const fetch = branch && branch !== "HEAD" ? `git fetch --depth=1 origin ${branch}` : "git fetch --deepen=1";
    return (
      `this clone is shallow and does not have ${shown}. Get it with \`${fetch}\`` +
      `${branch && branch !== "HEAD" ? " and give --base FETCH_HEAD" : ""}; with actions/checkout set \`fetch-depth: 2\` for HEAD^1, \`fetch-depth: 0\` for everything.`
    );
  }
  const names = git(folder, [
    "for-each-ref",
    "--format=%(refname:short)",
    "refs/heads",
    "refs/remotes",
    "refs/tags",
  ]).text;
  return `${shown} is no commit, branch or tag of this repository.${didYouMean(ref, names.split("\n"))}`;
}

export const short = (commit: string): string => commit.slice(0, 7);

/** "main (1a2b3c4)". */
export const baseLabel = ({ ref, commit }: Base): string =>
  commit.startsWith(ref) ? short(commit) : `${ref} (${short(commit)})`;

/** "working tree (1a2b3c4 and changes)". */
export function headLabel(folder: string): string {
  const head = git(folder, ["rev-parse", "--verify", "--quiet", "HEAD"]);
  const dirty = git(folder, ["status", "--porcelain", "--", "."]).text !== "";
  if (!head.ok) return "working tree";
  return dirty ? `working tree (${short(head.text)} and changes)` : short(head.text);
}

/** What the base has and the head has not shows as taken back: said, since it is rarely meant. */
export function behindNote(folder: string, { ref, commit }: Base): string[] {
  if (git(folder, ["rev-parse", "--is-shallow-repository"]).text === "true") return [];
  const behind = git(folder, ["rev-list", "--count", `HEAD..${commit}`]);
  const commits = behind.ok ? Number(behind.text) : 0;
  if (commits === 0) return [];
  return [
    `${ref} has ${commits} commit${commits === 1 ? "" : "s"} that this checkout does not have: what they changed shows as taken back. To leave it out: --base "$(git merge-base HEAD ${short(commit)})"`,
  ];
}
