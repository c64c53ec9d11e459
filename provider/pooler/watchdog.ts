/**
 * A watchdog on the pooler's host, one for each PgBouncer process: armed before PAUSE, it says RESUME at the limit whatever happens to us.
 * It is a process of its own that outlives the provider; disarming ends it by pid.
 */

import * as path from "node:path";
import { hostAt } from "../host.ts";
import { END_DETACHED } from "../transports/detached.ts";
import { run } from "../transports/transport.ts";
import { consoleArgv, quoteName } from "./console.ts";
import type { PoolerProcess } from "./processes.ts";

const pidFile = (pooler: PoolerProcess): string => path.join(pooler.socket, "resume-watchdog.pid");

// $1 seconds, $2 pid file, the rest: psql and its arguments; names a line each. A RESUME of what is not paused is refused, and harmless.
const SCRIPT = `sleep "$1"; shift; file=$1; shift
set -f; IFS='
'
for name in $RESUME_NAMES; do "$@" -c "RESUME $name" || :; done
rm -f "$file"`;
// setsid: its parent will be init, so neither our death nor our signals reach it. As a background job it leads its
// group, so $! is its pid, and it is written down before anything is paused.
const DETACH = 'file=$1; shift; setsid "$@" </dev/null >/dev/null 2>&1 & echo $! > "$file"';

/**
 * Takes the place of one that a run left behind, which would resume in the middle of this run's restart.
 * @param limitMs counted from now
 */
export async function arm(
  pooler: PoolerProcess,
  aliases: string[],
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const host = hostAt(pooler.connection);
  await disarm(pooler, signal);
  const inner = ["sh", "-c", SCRIPT, "pgfleet-resume", String(limitMs / 1000), pidFile(pooler), ...consoleArgv(pooler)];
  await run(host.transport, ["sh", "-c", DETACH, "sh", pidFile(pooler), ...inner], {
    user: host.connection.user,
    env: { RESUME_NAMES: aliases.map(quoteName).join("\n") },
    signal,
  });
}

export async function disarm(pooler: PoolerProcess, signal: AbortSignal): Promise<void> {
  const host = hostAt(pooler.connection);
  const pid = (await host.transport.readFile(pidFile(pooler)))?.text.trim();
  if (!pid || !/^\d+$/.test(pid)) return;
  const test = `${END_DETACHED}; rm -f "$3"`;
  await host.transport.exec(["sh", "-c", test, "sh", pid, "pgfleet-resume", pidFile(pooler)], {
    user: host.connection.user,
    signal,
  });
}
