/** Versions of programs on this machine, as they say themselves. */

import { execFileSync } from "node:child_process";
import { versionIn } from "../rendering/version.ts";

const LIMIT_MS = 5_000;
const asked = new Map<string, string | undefined>();

/**
 * What `<program> --version` says, e.g. "1.18.0"; asked once in a process.
 *
 * @param program absolute path
 * @returns undefined when the program is not there, or does not say
 */
export function programVersion(program: string): string | undefined {
  if (!asked.has(program)) asked.set(program, ask(program));
  return asked.get(program);
}

function ask(program: string): string | undefined {
  try {
    const said = execFileSync(program, ["--version"], {
      encoding: "utf8",
      timeout: LIMIT_MS,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return versionIn(said.split("\n")[0]!);
  } catch {
    return undefined;
  }
}
