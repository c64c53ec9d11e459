/** What the steps do on a pooler. */

import * as path from "node:path";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { POOLER_RESTART_ONLY } from "../../infra/rollout/pooler-settings.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { differences, tryStaged } from "../pooler/check.ts";
import { command, show } from "../pooler/console.ts";
import { writeDetour } from "../pooler/drain.ts";
import {
  iniInForce,
  loadedFile,
  overrideFile,
  POOLER_SERVICE,
  readDetour,
  TAKEOVER_SERVICE,
} from "../pooler/entries.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";

const START_LIMIT_MS = 30_000;

/** A process that takes over keeps these as they are: for them clients have to connect anew. */
const NEW_SOCKETS = new Set([
  "listen_addr",
  "listen_port",
  "unix_socket_dir",
  "unix_socket_mode",
  "unix_socket_group",
  "so_reuseport",
]);

/** Tried in a throw-away process, put in force, looked at again; taken back when something is not as its file says. */
export async function switchPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const before = await activeGeneration(host, POOLER_SERVICE);
  if (!(await host.transport.exists(overrideFile(host)))) await writeDetour(pooler);
  await tryStaged(pooler, pooler.program, context);
  const restart = before ? await restartNeeded(host, before, pooler.generation) : "plain";
  const detour = await readDetour(pooler);
  await activate(host, POOLER_SERVICE, pooler.generation);
  try {
    // The new files know where servers are; both count from the same RELOAD on.
    await writeDetour(pooler);
    await load(pooler, restart, context);
  } catch (error) {
    if (!before || before === pooler.generation) throw error;
    await activate(host, POOLER_SERVICE, before);
    await writeDetour(pooler, detour);
    await load(pooler, restart, context);
    throw new Error(`${(error as Error).message}; generation ${before} is in force again on ${pooler.name}`, {
      cause: error,
    });
  }
}

/** The process takes the files in force, and is asked whether it did. */
async function load(pooler: RolloutPooler, restart: RestartKind, context: Context): Promise<void> {
  const { services } = hostAt(pooler.connection);
  const was = await services.status(POOLER_SERVICE, context.signal);
  await services.start(POOLER_SERVICE, context.signal);
  const now = await services.status(POOLER_SERVICE, context.signal);
  const same = was.running && was.pid === now.pid;
  if (same && restart === "online") await restartOnline(pooler, context);
  if (same && restart === "plain") await services.restart(POOLER_SERVICE, context.signal);
  if (same && restart === "none") await command(pooler, "RELOAD", context.signal);
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
  if (await host.services.alive(context.signal)) {
    for (const name of [TAKEOVER_SERVICE, POOLER_SERVICE]) await host.services.remove(name, context.signal);
  }
  await deactivate(host, POOLER_SERVICE);
}

type RestartKind = "none" | "online" | "plain";

async function restartNeeded(host: Host, before: string, after: string): Promise<RestartKind> {
  const read = async (hash: string, name: string) =>
    (await host.transport.readFile(path.join(host.paths.generation(POOLER_SERVICE, hash), name)))?.text ?? "";
  const [old, fresh] = (await Promise.all([read(before, "pgbouncer.ini"), read(after, "pgbouncer.ini")])).map(
    parseSettings,
  );
  const changed = [...POOLER_RESTART_ONLY].filter((key) => old![key] !== fresh![key]);
  if (changed.length === 0) return "none";
  const canTakeOver = (await read(after, "supervisor.conf")).includes(`[program:${TAKEOVER_SERVICE}]`);
  return canTakeOver && !changed.some((key) => NEW_SOCKETS.has(key)) ? "online" : "plain";
}

/**
 * A new process takes over the sockets, clients and servers of the old one; clients notice nothing. Twice, so that
 * in the end the process is the one that starts with the host.
 */
async function restartOnline(pooler: RolloutPooler, context: Context): Promise<void> {
  const { services } = hostAt(pooler.connection);
  for (const [to, from] of [
    [TAKEOVER_SERVICE, POOLER_SERVICE],
    [POOLER_SERVICE, TAKEOVER_SERVICE],
  ] as const) {
    await services.start(to, context.signal);
    await waitFor(
      context,
      { what: `${to} on ${pooler.name} has taken over`, limitMs: START_LIMIT_MS, intervalMs: 20 },
      async () => {
        const [fresh, old] = await Promise.all([
          services.status(to, context.signal),
          services.status(from, context.signal),
        ]);
        if (fresh.pid === 0)
          throw new GiveUp(`${to} on ${pooler.name} ended before it took over: ${fresh.problem || fresh.state}`);
        return old.pid === 0 && fresh.running;
      },
    );
  }
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
