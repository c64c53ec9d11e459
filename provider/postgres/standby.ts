/** Standbys: what makes data one, and what a running server says of itself. */

import * as path from "node:path";
import type { Host } from "../host.ts";
import { type SqlTarget, select } from "./sql.ts";

/** Where the server has got to, primary or standby: an SQL expression of type pg_lsn. */
export const CURRENT_LSN =
  "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END";

export const signalFile = (dataDirectory: string): string => path.join(dataDirectory, "standby.signal");

/** Its server starts as a standby. */
export const isStandby = (host: Host, dataDirectory: string): Promise<boolean> =>
  host.transport.exists(signalFile(dataDirectory));

/** From its next start on the server is a standby. */
export async function makeStandby(host: Host, dataDirectory: string): Promise<void> {
  await host.transport.writeFile(signalFile(dataDirectory), "", { mode: "0600", user: host.connection.user });
}

/** Asks a running server. Throws when it does not answer. */
export async function isInRecovery(target: SqlTarget, signal: AbortSignal, timeoutMs?: number): Promise<boolean> {
  const [row] = await select<{ recovering: boolean }>(
    target,
    "SELECT pg_is_in_recovery() AS recovering",
    signal,
    timeoutMs,
  );
  return row!.recovering;
}
