/** What the steps do on a pooler. */

import * as path from "node:path";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { differences, tryStaged } from "../pooler/check.ts";
import { command, show } from "../pooler/console.ts";
import { writeOverride } from "../pooler/drain.ts";
import { iniInForce, loadedFile, overrideFile, POOLER_SERVICE } from "../pooler/entries.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";

const START_LIMIT_MS = 30_000;

/** PgBouncer settings that only a new process takes (SHOW CONFIG, changeable = no, 1.18 to 1.26). */
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

/** Tried in a throw-away process, put in force, looked at again; taken back when something is not as its file says. */
export async function switchPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const before = await activeGeneration(host, POOLER_SERVICE);
  if (!(await host.transport.exists(overrideFile(host)))) await writeOverride(pooler, []);
  await tryStaged(pooler, pooler.program, context);
  const restart = !before || (await needsRestart(host, before, pooler.generation));
  await activate(host, POOLER_SERVICE, pooler.generation);
  try {
    await load(pooler, restart, context);
  } catch (error) {
    if (!before || before === pooler.generation) throw error;
    await activate(host, POOLER_SERVICE, before);
    await load(pooler, restart, context);
    throw new Error(`${(error as Error).message}; generation ${before} is in force again on ${pooler.name}`, {
      cause: error,
    });
  }
}

/** The process takes the files in force, and is asked whether it did. */
async function load(pooler: RolloutPooler, restart: boolean, context: Context): Promise<void> {
  const { services } = hostAt(pooler.connection);
  const was = await services.status(POOLER_SERVICE, context.signal);
  await services.start(POOLER_SERVICE, context.signal);
  const now = await services.status(POOLER_SERVICE, context.signal);
  const same = was.running && was.pid === now.pid;
  if (same && restart) await services.restart(POOLER_SERVICE, context.signal);
  if (same && !restart) await command(pooler, "RELOAD", context.signal);
  await ready(pooler, context);
  const different = await differences(pooler, await iniInForce(pooler), context.signal);
  if (different.length > 0)
    throw new Error(`PgBouncer on ${pooler.name} did not take its file: ${different.join("; ")}`);
  await noteLoaded(pooler);
}

async function noteLoaded(pooler: RolloutPooler): Promise<void> {
  const host = hostAt(pooler.connection);
  const owner = { mode: "0640", user: host.connection.user };
  await host.transport.writeFile(loadedFile(host), `${pooler.generation}\n`, owner);
}

export async function startPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  await hostAt(pooler.connection).services.start(POOLER_SERVICE, context.signal);
  await ready(pooler, context);
  await noteLoaded(pooler);
}

export async function stopPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  if (await host.services.alive(context.signal)) await host.services.remove(POOLER_SERVICE, context.signal);
  await deactivate(host, POOLER_SERVICE);
}

async function needsRestart(host: Host, before: string, after: string): Promise<boolean> {
  const read = async (hash: string) => {
    const file = path.join(host.paths.generation(POOLER_SERVICE, hash), "pgbouncer.ini");
    return parseSettings((await host.transport.readFile(file))?.text ?? "");
  };
  const [old, fresh] = await Promise.all([read(before), read(after)]);
  return [...RESTART_ONLY].some((key) => old[key] !== fresh[key]);
}

async function ready(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  await waitFor(context, { what: `PgBouncer on ${pooler.name} answers`, limitMs: START_LIMIT_MS }, async () => {
    const status = await host.services.status(POOLER_SERVICE, context.signal);
    if (status.state === "FATAL") {
      const log = path.join(host.paths.log, "pgbouncer.log");
      const lines = ((await host.transport.readFile(log))?.text ?? "").split("\n");
      const said = lines
        .filter((line) => /ERROR|FATAL/.test(line))
        .slice(-3)
        .join(" | ");
      throw new GiveUp(`PgBouncer on ${pooler.name} does not start: ${said || status.problem} (log: ${log})`);
    }
    return status.running && (await show(pooler, "VERSION", context.signal)).length > 0;
  });
}
