/** The folder that `render` writes: its own to replace, anybody else's to leave alone. */

import * as fs from "node:fs";
import * as path from "node:path";
import { UsageError } from "../errors.ts";

/** Says that `render` made the folder, and which of its entries. */
export const MARKER = ".pgfleet-render.json";

export interface OutputFile {
  /** Relative to the folder, with "/". */
  path: string;
  body: string;
  /** Octal, e.g. "0640". */
  mode: string;
}

/**
 * Makes the folder hold exactly these files. Entries of an earlier `render` go first; what somebody put beside them stays.
 * @throws UsageError when the folder has content and `render` did not make it; nothing is written then.
 */
export function writeFolder(folder: string, files: readonly OutputFile[]): void {
  const before = ownEntries(folder);
  const entries = [...new Set(files.map((file) => file.path.split("/")[0]!))].sort();
  const foreign = before.present.filter((name) => entries.includes(name) && !before.own.includes(name));
  if (foreign.length > 0) {
    throw new UsageError(
      `--out: ${foreign.join(", ")} in ${folder} is not of an earlier render and would be overwritten. Move it away or choose another folder.`,
    );
  }
  try {
    fs.mkdirSync(folder, { recursive: true });
    // First of all, so that a render that is cut off can be repeated.
    fs.writeFileSync(
      path.join(folder, MARKER),
      `${JSON.stringify({ entries: [...new Set([...before.own, ...entries])].sort() })}\n`,
    );
    for (const name of before.own) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
    for (const file of files) {
      const target = path.join(folder, file.path);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, file.body);
      // Not at creation, where the umask would take bits away.
      fs.chmodSync(target, Number.parseInt(file.mode, 8));
    }
    fs.writeFileSync(path.join(folder, MARKER), `${JSON.stringify({ entries })}\n`);
  } catch (error) {
    throw new UsageError(`--out: ${(error as Error).message}`, { cause: error });
  }
}

function ownEntries(folder: string): { own: string[]; present: string[] } {
  let present: string[];
  try {
    present = fs.readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { own: [], present: [] };
    throw new UsageError(`--out: ${(error as Error).message}`, { cause: error });
  }
  if (present.length === 0) return { own: [], present };
  const refusal = `--out: ${folder} is not empty and was not made by \`pgfleet render\`. Choose another folder, or empty it.`;
  if (!present.includes(MARKER)) throw new UsageError(refusal);
  try {
    const { entries } = JSON.parse(fs.readFileSync(path.join(folder, MARKER), "utf8")) as { entries: unknown };
    // Plain names only: a marker that somebody changed must not lead out of the folder.
    if (
      Array.isArray(entries) &&
      entries.every((name) => typeof name === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    ) {
      return { own: entries as string[], present };
    }
  } catch {
    // As unreadable as any other text.
  }
  throw new UsageError(`${refusal} (Its ${MARKER} cannot be read.)`);
}
