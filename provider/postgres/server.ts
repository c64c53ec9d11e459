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
  await warnOfSmallPages(target, lastPid, context);
}

// $1 the root folder without its "/", $2 pid of the postmaster. Says "small" when the kernel is this machine's and the
// server has none of its huge pages.
const SMALL_PAGES = `[ -w "$1/proc/sys/vm/nr_hugepages" ] && grep -Eq "^HugetlbPages:[[:space:]]+0 kB" "$1/proc/$2/status" && echo small`;

/** The unit reserves huge pages before each start; a kernel that cannot find them lets the server start without. */
async function warnOfSmallPages(target: SqlTarget, pid: number, context: Context): Promise<void> {
  const { host } = target;
  if (host.connection.platform !== "ssh") return;
  const argv = ["sh", "-c", SMALL_PAGES, "small-pages", "", String(pid)];
  const { stdout } = await host.transport.exec(argv, { signal: context.signal });
  if (stdout.trim() !== "small") return;
  const [{ wanted } = { wanted: "" }] = await select<{ wanted: string }>(
    target,
    "SELECT current_setting('huge_pages') AS wanted",
    context.signal,
  );
  if (wanted === "off") return;
  context.log(
    "warning",
    `PostgreSQL on ${host.name} runs without huge pages: the kernel did not find as many as it needs. Its memory is in pieces, or something else uses it; after a boot they are there (journalctl -u ${host.connection.unitPrefix}-${SERVICE}).`,
  );
}

/** The server's own last words, for an error a person can act on. */
export async function lastFatal(host: Host, otherwise: string): Promise<string> {
  const { text, place } = await host.services.recentLog(SERVICE, AbortSignal.timeout(30_000));
  const lines = text.split("\n");
  const fatal = lines.filter((line) => /\b(FATAL|PANIC|HINT|DETAIL)\b|could not|invalid/.test(line)).slice(-4);
  return `${fatal.join(" | ") || otherwise || "no reason was logged"} (log: ${place})`;
}
