/** RELOAD, at a moment when it harms nobody. */

import { setTimeout as delay } from "node:timers/promises";
import { command, show } from "./console.ts";
import type { PoolerProcess } from "./processes.ts";

/** Logins take milliseconds; one that hangs must not keep files from being read. */
const LOGIN_LIMIT_MS = 3_000;
const INTERVAL_MS = 20;

/**
 * With TLS, RELOAD before 1.24 ends every connection to a server, and of one that logs in just then it tells the waiting
 * clients "server login has been failing". So it waits until none does, e.g. after the RELOAD before.
 */
export async function reload(process: PoolerProcess, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + LOGIN_LIMIT_MS;
  while ((await loggingIn(process, signal)) > 0 && Date.now() < deadline)
    await delay(INTERVAL_MS, undefined, { signal });
  await command(process, "RELOAD", signal);
}

async function loggingIn(process: PoolerProcess, signal: AbortSignal): Promise<number> {
  const pools = await show(process, "POOLS", signal);
  return pools.reduce((sum, pool) => sum + Number(pool.sv_login ?? 0), 0);
}
