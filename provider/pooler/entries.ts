/** The entries of a pooler: as its file in force says, and as Rollout leads them for a while. */

import * as path from "node:path";
import type { RolloutPooler } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { type DatabaseEntry, type Detour, databaseEntries, detoured, parseDetour } from "./databases.ts";

export const POOLER_SERVICE = "pgbouncer";

/** Included last by pgbouncer.ini; lines here replace entries of [databases]. Empty when nothing is under way. */
export const overrideFile = (host: Host): string => path.join(host.paths.rollout, "pgbouncer.ini");

/** @param file of a process; the first one's says the same about databases as the others */
export async function iniInForce(pooler: RolloutPooler, file = "pgbouncer.ini"): Promise<string> {
  const host = hostAt(pooler.connection);
  return (await host.transport.readFile(path.join(host.paths.current(POOLER_SERVICE), file)))?.text ?? "";
}

export async function entriesOfFile(pooler: RolloutPooler): Promise<DatabaseEntry[]> {
  return databaseEntries(await iniInForce(pooler));
}

export async function readDetour(pooler: RolloutPooler): Promise<Detour> {
  const host = hostAt(pooler.connection);
  return parseDetour((await host.transport.readFile(overrideFile(host)))?.text ?? "");
}

/** The entries as clients find them. */
export async function entriesInForce(pooler: RolloutPooler): Promise<DatabaseEntry[]> {
  return detoured(await entriesOfFile(pooler), await readDetour(pooler));
}

/** Touched when the process has taken its files; older than a file in force means that it has not. */
export const loadedFile = (host: Host): string => path.join(host.paths.rollout, "pgbouncer.loaded");

export async function filesNewerThanLoad(pooler: RolloutPooler): Promise<boolean> {
  const host = hostAt(pooler.connection);
  const folder = host.paths.current(POOLER_SERVICE);
  const names = (await host.transport.list(folder)) ?? [];
  const files = await Promise.all(names.map((name) => host.transport.readFile(path.join(folder, name))));
  const loadedMs = (await host.transport.readFile(loadedFile(host)))?.mtimeMs ?? 0;
  return Math.max(0, ...files.map((file) => file?.mtimeMs ?? 0)) > loadedMs;
}

/** Aliases that lead elsewhere than the file says. */
export async function detouredAliases(pooler: RolloutPooler): Promise<string[]> {
  const entries = await entriesOfFile(pooler);
  const now = detoured(entries, await readDetour(pooler));
  return now.filter((entry, i) => entry !== entries[i]).map((entry) => entry.alias);
}
