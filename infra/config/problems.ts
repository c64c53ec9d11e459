/** Problems of a stack's config: collected, so that one message can name them all. */

export type Path = (string | number)[];

export interface Problem {
  /** Key path, e.g. `hosts.db2.memory`; "" for the config as a whole. */
  path: string;
  /** File and line, e.g. `Pulumi.local.yaml:12`; absent when the file is not known. */
  where?: string;
  /** What is wrong, what is allowed, what to do. Never holds the value of a secret. */
  message: string;
}

/** `["hosts", "db2", "memory"]` → `hosts.db2.memory`; parts that are no plain name are quoted. */
export function pathText(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${quote(part)}]`;
  }
  return text;
}

/** JSON quoting, cut so that a pasted file does not flood the message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** A value as it is shown in a message: its text and what it is. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (typeof value === "string") return `the text ${quote(value)}`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return String(value);
}

export class Report {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  readonly #locate: ((path: Path) => string | undefined) | undefined;
  readonly #secrets: string[];

  /** `secrets` are cut out of every message, wherever else in the config they were pasted. */
  constructor(locate?: (path: Path) => string | undefined, secrets: string[] = []) {
    this.#locate = locate;
    this.#secrets = secrets;
  }

  add(path: Path, message: string): void {
    const where = this.#locate?.(path);
    const problem: Problem = { path: this.#redact(pathText(path)), message: this.#redact(message) };
    if (where !== undefined) problem.where = where;
    this.problems.push(problem);
  }

  warn(message: string): void {
    this.warnings.push(this.#redact(message));
  }

  /** Whether this key already has a problem: what is wrong is not reported as missing too. */
  has(path: Path): boolean {
    const text = this.#redact(pathText(path));
    return this.problems.some((p) => p.path === text);
  }

  #redact(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) {
      clean = clean.replaceAll(secret, "<secret>").replaceAll(JSON.stringify(secret).slice(1, -1), "<secret>");
    }
    return clean;
  }
}

/**
 * One message with every problem, in the order of the file. For a terminal or a RunError.
 *
 *     Config of stack "local" has 1 problem; nothing was changed.
 *
 *       hosts.db2.memory  (Pulumi.local.yaml:24)
 *         "32G" is not a memory size: write "32GB". …
 */
export function formatProblems(problems: Problem[], stack: string): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = [`Config of stack "${stack}" has ${count}; nothing was changed.`];
  for (const problem of inFileOrder(problems)) {
    const name = problem.path === "" ? "(whole config)" : problem.path;
    lines.push("", problem.where === undefined ? `  ${name}` : `  ${name}  (${problem.where})`);
    for (const line of problem.message.split("\n")) lines.push(`    ${line}`);
  }
  return lines.join("\n");
}

function inFileOrder(problems: Problem[]): Problem[] {
  const line = (p: Problem): number => Number(p.where?.match(/:(\d+)$/)?.[1] ?? 0);
  return problems.toSorted((a, b) => line(a) - line(b));
}
