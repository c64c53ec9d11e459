/** A server as a service: started and known to answer. */

import type { Host } from "../host.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { type SqlTarget, select } from "./sql.ts";

export const SERVICE = "postgresql";
const READY_LIMIT_MS = 60_000;

/** Starts the server if it does not run, and waits until it takes connections. */
export async function startServer(target: SqlTarget, context: Context, limitMs = READY_LIMIT_MS): Promise<void> {
  const { services } = target.host;
  // Not asked of one that runs: with another unit it would be restarted, out of any order.
  if (!(await services.status(SERVICE, context.signal)).running) await services.start(SERVICE, context.signal);
  await serverReady(target, context, limitMs);
}

export async function serverReady(target: SqlTarget, context: Context, limitMs = READY_LIMIT_MS): Promise<void> {
  const { host } = target;
  let starts = 0;
  let lastPid = 0;
  await waitFor(context, { what: `PostgreSQL on ${host.name} accepts connections`, limitMs }, async () => {
    const status = await host.services.status(SERVICE, context.signal);
    if (status.pid && status.pid !== lastPid) {
      lastPid = status.pid;
      starts++;
    }
    if (status.state === "FATAL" || starts > 2) {
      throw new GiveUp(`PostgreSQL on ${host.name} does not start: ${await lastFatal(host, status.problem)}`);
    }
    return status.running && (await select(target, "SELECT 1 AS one", context.signal, 5000)).length === 1;
  });
}

/** The server's own last words, for an error a person can act on. */
export async function lastFatal(host: Host, otherwise: string): Promise<string> {
  const { text, place } = await host.services.recentLog(SERVICE, AbortSignal.timeout(30_000));
  const lines = text.split("\n");
  const fatal = lines.filter((line) => /\b(FATAL|PANIC|HINT|DETAIL)\b|could not|invalid/.test(line)).slice(-4);
  return `${fatal.join(" | ") || otherwise || "no reason was logged"} (log: ${place})`;
}
