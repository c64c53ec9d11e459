/** A git repository with this project in it, to run `pgfleet diff` in. */

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const PROJECT = path.resolve(import.meta.dirname, "../..");
const PARTS = [
  "cli",
  "infra",
  "templates",
  "schema",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "Pulumi.yaml",
];

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class Repository {
  readonly folder: string;
  /** Where worktrees of the base are made, so that a test can see that none is left. */
  readonly temporary: string;

  /** @param inside the project's folder in the repository, "" for the top */
  constructor(inside = "") {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), "pgfleet-preview-"));
    this.temporary = path.join(place, "tmp");
    const top = path.join(place, "repository");
    this.folder = path.join(top, inside);
    fs.mkdirSync(this.temporary);
    fs.mkdirSync(this.folder, { recursive: true });
    for (const part of PARTS) fs.cpSync(path.join(PROJECT, part), path.join(this.folder, part), { recursive: true });
    fs.symlinkSync(fs.realpathSync(path.join(PROJECT, "node_modules")), path.join(this.folder, "node_modules"));
    fs.writeFileSync(path.join(top, ".gitignore"), "node_modules\n");
    this.git("init", "--quiet", "--initial-branch=main", top);
  }

  write(file: string, content: string | Uint8Array): void {
    fs.mkdirSync(path.dirname(path.join(this.folder, file)), { recursive: true });
    fs.writeFileSync(path.join(this.folder, file), content);
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.folder, file), "utf8");
  }

  remove(file: string): void {
    fs.rmSync(path.join(this.folder, file), { recursive: true });
  }

  git(...words: string[]): string {
    const who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    const { status, stdout, stderr } = spawnSync("git", [...who, ...words], { cwd: this.folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  }

  /** Commits everything. @returns the commit */
  commit(message = "change"): string {
    this.git("add", "--all", ".");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  diff(...words: string[]): Result {
    return this.run(words, {});
  }

  run(words: string[], env: Record<string, string>, folder = this.folder): Result {
    const result: SpawnSyncReturns<string> = spawnSync(
      process.execPath,
      [path.join(folder, "cli/pgfleet.js"), "diff", ...words],
      { cwd: os.tmpdir(), encoding: "utf8", env: this.environment(env), timeout: 120_000 },
    );
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
    const { PULUMI_STACK: _, PGFLEET_DEBUG: __, PGFLEET_STATE_DIR: ___, ...clean } = process.env;
    return { ...clean, NO_COLOR: "1", NODE_DISABLE_COMPILE_CACHE: "1", TMPDIR: this.temporary, ...more };
  }

  /** Everything that a run left: files in the temporary folder, worktrees that git knows. */
  leftovers(): string[] {
    const worktrees = this.git("worktree", "list", "--porcelain")
      .split("\n")
      .filter((line) => line.startsWith("worktree "));
    return [...fs.readdirSync(this.temporary), ...worktrees.slice(1)];
  }

  dispose(): void {
    fs.rmSync(path.dirname(this.temporary), { recursive: true, force: true });
  }
}
