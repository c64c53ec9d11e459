/** What the steps do on a pooler. */

import * as path from "node:path";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { POOLER_SERVICE } from "./observe.ts";

const START_LIMIT_MS = 30_000;

/** PgBouncer settings that only a new process takes (SHOW CONFIG, changeable = no). */
const RESTART_ONLY = new Set([
  "listen_addr",
  "listen_port",
  "listen_backlog",
  "unix_socket_dir",
  "unix_socket_mode",
  "unix_socket_group",
  "user",
  "pidfile",
  "so_reuseport",
  "pkt_buf",
  "resolv_conf",
  "disable_pqexec",
  "job_name",
  "track_extra_parameters",
]);

export async function switchPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const before = await activeGeneration(host, POOLER_SERVICE);
  const restart = !before || (await needsRestart(host, before, pooler.generation));
  await activate(host, POOLER_SERVICE, pooler.generation);
  const was = await host.services.status(POOLER_SERVICE, context.signal);
  await host.services.start(POOLER_SERVICE, context.signal);
  const now = await host.services.status(POOLER_SERVICE, context.signal);
  if (was.running && was.pid === now.pid) {
    if (restart) await host.services.restart(POOLER_SERVICE, context.signal);
    else await host.services.reload(POOLER_SERVICE, context.signal);
  }
  await ready(pooler, context);
}

export async function startPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  await hostAt(pooler.connection).services.start(POOLER_SERVICE, context.signal);
  await ready(pooler, context);
}

export async function stopPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  if (await host.services.alive(context.signal)) await host.services.remove(POOLER_SERVICE, context.signal);
  await deactivate(host, POOLER_SERVICE);
}

async function needsRestart(host: Host, before: string, after: string): Promise<boolean> {
  const read = async (hash: string) =>
    parseSettings(
      (await host.transport.readFile(path.join(host.paths.generation(POOLER_SERVICE, hash), "pgbouncer.ini")))?.text ??
        "",
    );
  const [old, fresh] = await Promise.all([read(before), read(after)]);
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])].some(
    (key) => old[key] !== fresh[key] && RESTART_ONLY.has(key),
  );
}

async function ready(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const socket = path.join(pooler.connection.run, `.s.PGSQL.${pooler.port}`);
  await waitFor(context, { what: `PgBouncer on ${pooler.name} listens`, limitMs: START_LIMIT_MS }, async () => {
    const status = await host.services.status(POOLER_SERVICE, context.signal);
    if (status.state === "FATAL") {
      const log = path.join(host.paths.log, "pgbouncer.log");
      const said = ((await host.transport.readFile(log))?.text ?? "")
        .split("\n")
        .filter((line) => /ERROR|FATAL/.test(line))
        .slice(-3)
        .join(" | ");
      throw new GiveUp(`PgBouncer on ${pooler.name} does not start: ${said || status.problem} (log: ${log})`);
    }
    return status.running && (await host.transport.exists(socket));
  });
}
