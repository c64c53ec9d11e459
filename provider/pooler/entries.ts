/** The entries a pooler's file in force has, without what Rollout overrides for a while. */

import * as path from "node:path";
import type { RolloutPooler } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { type DatabaseEntry, databaseEntries } from "./databases.ts";

export const POOLER_SERVICE = "pgbouncer";

/** Included last by pgbouncer.ini; lines here replace entries of [databases]. Empty when nothing is under way. */
export const overrideFile = (host: Host): string => path.join(host.paths.rollout, "pgbouncer.ini");

export async function iniInForce(pooler: RolloutPooler): Promise<string> {
  const host = hostAt(pooler.connection);
  return (await host.transport.readFile(path.join(host.paths.current(POOLER_SERVICE), "pgbouncer.ini")))?.text ?? "";
}

export async function entriesOf(pooler: RolloutPooler): Promise<DatabaseEntry[]> {
  return databaseEntries(await iniInForce(pooler));
}
