/** Which PgBouncer runs, and whether it should still. */

import { atLeast, versionIn } from "../../infra/rendering/version.ts";
import type { Context } from "../types.ts";
import { show } from "./console.ts";
import { nameOf, type PoolerProcess } from "./processes.ts";

/** First version without known holes. */
const SAFE = "1.26.1";
const HOLES =
  "someone who knows one password can log in as any other role that uses SCRAM (CVE-2026-107350, 1.17 to 1.26.0)";
const warned = new Set<string>();

/** "0" when it does not say. */
export async function runningVersion(process: PoolerProcess, signal: AbortSignal): Promise<string> {
  const [row] = await show(process, "VERSION", signal);
  return versionIn(row?.version ?? "") ?? "0";
}

/** Says it once in a run: a provider lives for one. */
export async function warnOfOldVersion(process: PoolerProcess, context: Context): Promise<void> {
  if (warned.has(process.name)) return;
  warned.add(process.name);
  const warning = oldVersionWarning(await runningVersion(process, context.signal), nameOf(process));
  if (warning) context.log("warning", warning);
}

/** Undefined: the version is new enough, or not known. */
export function oldVersionWarning(version: string, where: string): string | undefined {
  if (version === "0" || atLeast(version, SAFE)) return undefined;
  return `PgBouncer ${version} on ${where} is older than ${SAFE}: ${HOLES}. Upgrade it, unless the changelog of your distribution's package has the fix.`;
}
