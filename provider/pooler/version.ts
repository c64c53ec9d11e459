/** Which PgBouncer runs, and whether it should still. */

import { atLeast, versionIn } from "../../infra/rendering/version.ts";
import type { Context } from "../types.ts";
import { show } from "./console.ts";
import { nameOf, type PoolerProcess } from "./processes.ts";

/** First version without known holes. */
const SAFE = "1.26.1";
interface Hole {
  id: string;
  /** First version that has it; absent: the oldest supported. */
  since?: string;
  fixedIn: string;
  what: string;
}
/** Newest first. */
const HOLES: readonly Hole[] = [
  {
    id: "CVE-2026-107350",
    since: "1.17",
    fixedIn: "1.26.1",
    what: "someone who knows one password can log in as any other role that uses SCRAM",
  },
  {
    id: "CVE-2026-107349",
    fixedIn: "1.26.1",
    what: "only where pooler.parameters sets ignore_startup_parameters without options",
  },
  {
    id: "CVE-2025-12819",
    fixedIn: "1.25.1",
    what: "only with an auth_query that names objects without their schema",
  },
  { id: "CVE-2025-2291", fixedIn: "1.24.1", what: "only with an auth_query that does not look at VALID UNTIL" },
];
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
  const open = HOLES.filter(({ since, fixedIn }) => !atLeast(version, fixedIn) && (!since || atLeast(version, since)));
  const list = open.map(({ id, fixedIn, what }) => `${id} (fixed in ${fixedIn}): ${what}`).join("; ");
  return `PgBouncer ${version} on ${where} is older than ${SAFE}. ${list}. Upgrade it, unless the changelog of your distribution's package has the fixes.`;
}
