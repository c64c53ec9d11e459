/** What the steps do on a pooler. */

import * as path from "node:path";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import { TLS_FILES } from "../../infra/rendering/tls-files.ts";
import { atLeast } from "../../infra/rendering/version.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { POOLER_RESTART_ONLY } from "../../infra/rollout/pooler-settings.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { differences, tryStaged } from "../pooler/check.ts";
import { command, show } from "../pooler/console.ts";
import { writeDetour } from "../pooler/drain.ts";
import { iniInForce, loadedFile, overrideFile, POOLER_SERVICE, readDetour } from "../pooler/entries.ts";
import { nameOf, type PoolerProcess, processesIn, processesOf, stateOf } from "../pooler/processes.ts";
import { reload } from "../pooler/reload.ts";
import { runningVersion, warnOfOldVersion } from "../pooler/version.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { guardStart } from "./start-guard.ts";

const START_LIMIT_MS = 30_000;
/** Clients that are not gone by then are cut off between two transactions. */
const LEAVE_LIMIT_MS = 60_000;
/** From it on a reload leaves connections to servers as they are when only the content of certificates changed. */
const RELOAD_KEEPS_SERVERS = "1.24";

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
  const detour = await readDetour(pooler);
  await activate(host, POOLER_SERVICE, pooler.generation);
  try {
    // The new files know where servers are; both count from the same RELOAD on.
    await writeDetour(pooler);
    await load(pooler, before, context);
  } catch (error) {
    if (!before || before === pooler.generation) throw error;
    await activate(host, POOLER_SERVICE, before);
    await writeDetour(pooler, detour);
    await load({ ...pooler, generation: before }, pooler.generation, context);
    throw new Error(`${(error as Error).message}; generation ${before} is in force again on ${pooler.name}`, {
      cause: error,
    });
  }
}

/** Every process takes the files in force, one after the other, and is asked whether it did. */
async function load(pooler: RolloutPooler, before: string, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const now = await processesOf(pooler);
  // Before the others: a process that is to have the port alone could not take it.
  if (before) await removeSurplus(pooler, before, now.length, context);
  const recertified = before !== "" && (await certificatesDiffer(host, before, pooler.generation));
  for (const process of now) {
    const restart = before ? await restartNeeded(host, process, before, pooler.generation) : "plain";
    await loadProcess(process, restart, now.length, context);
    if (recertified) await renewServers(process, context);
  }
  await noteLoaded(pooler);
  await warnOfOldVersion(now[0]!, context);
}

async function loadProcess(
  process: PoolerProcess,
  restart: RestartKind,
  processes: number,
  context: Context,
): Promise<void> {
  const { services } = hostAt(process.connection);
  const { service } = process.process;
  await makeSocketFolder(process);
  const was = await services.status(service, context.signal);
  await services.start(service, context.signal);
  const now = await services.status(service, context.signal);
  const same = was.running && was.pid === now.pid;
  if (same && restart === "online") await restartOnline(process, context);
  if (same && restart === "plain") {
    if (processes > 1) await letClientsLeave(process, context);
    context.log(
      "info",
      `clients of ${nameOf(process)} connect anew: a new process begins when their transactions have ended`,
    );
    await services.restart(service, context.signal);
  }
  if (same && restart === "none") await reload(process, context.signal);
  await ready(process, context);
  const different = await differences(process, await iniInForce(process, process.process.ini), context.signal);
  if (different.length > 0)
    throw new Error(`PgBouncer on ${nameOf(process)} did not take its file: ${different.join("; ")}`);
}

/**
 * Connections to servers end with their transactions, so that none stays that another authority vouched for. Before 1.24
 * the reload does that itself; a second time right behind it drops connections that log in just then, and with them
 * clients ("server login has been failing").
 */
async function renewServers(process: PoolerProcess, context: Context): Promise<void> {
  if (!atLeast(await runningVersion(process, context.signal), RELOAD_KEEPS_SERVERS)) return;
  await command(process, "RECONNECT", context.signal);
}

async function makeSocketFolder({ connection, process, socket }: PoolerProcess): Promise<void> {
  if (process.folder === "") return;
  await hostAt(connection).transport.makeDirectory(socket, { mode: "0755", user: connection.user });
}

/** Ends processes that the files before had and those in force do not. */
async function removeSurplus(pooler: RolloutPooler, before: string, keep: number, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const old = await processesIn(pooler, host.paths.generation(POOLER_SERVICE, before));
  for (const each of old.slice(keep).reverse()) {
    if ((await stateOf(each, context.signal)) === "running") await letClientsLeave(each, context);
    await removeProcess(each, context);
  }
}

async function removeProcess({ connection, process }: PoolerProcess, context: Context): Promise<void> {
  const { services } = hostAt(connection);
  for (const name of [process.takeover, process.service]) await services.remove(name, context.signal);
}

/**
 * Takes no new clients and ends when the last of its own has left, as far as the version knows how (1.23) and the limit
 * lets it: new ones are with the other processes. What is left is stopped with its transactions ended.
 */
async function letClientsLeave(process: PoolerProcess, context: Context): Promise<void> {
  const { services } = hostAt(process.connection);
  if (!atLeast(await runningVersion(process, context.signal), "1.23")) return;
  await command(process, "SHUTDOWN WAIT_FOR_CLIENTS", context.signal);
  try {
    const what = `the clients of ${nameOf(process)} have left`;
    await waitFor(context, { what, limitMs: LEAVE_LIMIT_MS }, async () => {
      return (await services.status(process.process.service, context.signal)).pid === 0;
    });
  } catch (error) {
    context.signal.throwIfAborted();
    context.log("warning", `${(error as Error).message}; it is stopped when their transactions have ended`);
  }
}

async function noteLoaded(pooler: RolloutPooler): Promise<void> {
  const host = hostAt(pooler.connection);
  const owner = { mode: "0640", user: host.connection.user };
  await host.transport.writeFile(loadedFile(host), `${pooler.generation}\n`, owner);
}

export async function startPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  for (const process of await processesOf(pooler)) {
    await makeSocketFolder(process);
    await hostAt(pooler.connection).services.start(process.process.service, context.signal);
    await ready(process, context);
  }
  await noteLoaded(pooler);
}

export async function stopPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  if (await host.services.alive(context.signal))
    for (const process of await processesOf(pooler)) await removeProcess(process, context);
  await deactivate(host, POOLER_SERVICE);
}

/** Stops its processes when their transactions have ended, at the latest at the units' limit; they start with the machine. */
export async function haltPooler(pooler: RolloutPooler, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  for (const { process } of await processesOf(pooler))
    for (const name of [process.takeover, process.service]) {
      if (!(await host.services.status(name, context.signal)).running) continue;
      // As with a server: when the machine does not change after all, the end of this run starts it again.
      if (name === process.service) await guardStart(host, name, context.signal);
      await host.services.stop(name, context.signal);
    }
}

type RestartKind = "none" | "online" | "plain";

async function staged(host: Host, generation: string, name: string): Promise<string> {
  return (
    (await host.transport.readFile(path.join(host.paths.generation(POOLER_SERVICE, generation), name)))?.text ?? ""
  );
}

/** A process that takes over drops connections with TLS, in the middle of a transaction too. */
const speaksTls = (ini: Record<string, string>): boolean =>
  ["client_tls_sslmode", "server_tls_sslmode"].some((key) => (ini[key] ?? "disable") !== "disable");

/** Another authority, certificate or key. */
async function certificatesDiffer(host: Host, before: string, after: string): Promise<boolean> {
  for (const name of Object.values(TLS_FILES))
    if ((await staged(host, before, name)) !== (await staged(host, after, name))) return true;
  return false;
}

async function restartNeeded(host: Host, process: PoolerProcess, before: string, after: string): Promise<RestartKind> {
  const { ini, takeover } = process.process;
  const read = (hash: string, name: string) => staged(host, hash, name);
  const [old, fresh] = (await Promise.all([read(before, ini), read(after, ini)])).map(parseSettings);
  const changed = [...POOLER_RESTART_ONLY].filter((key) => old![key] !== fresh![key]);
  if (changed.length === 0) return "none";
  const canTakeOver = (await read(after, "supervisor.conf")).includes(`[program:${takeover}]`);
  return canTakeOver && !speaksTls(old!) && !changed.some((key) => NEW_SOCKETS.has(key)) ? "online" : "plain";
}

/**
 * A new process takes over the sockets, clients and servers of the old one; clients notice nothing. Twice, so that
 * in the end the process is the one that starts with the host.
 */
async function restartOnline(pooler: PoolerProcess, context: Context): Promise<void> {
  const { services } = hostAt(pooler.connection);
  const { service, takeover } = pooler.process;
  for (const [to, from] of [
    [takeover, service],
    [service, takeover],
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

async function ready(pooler: PoolerProcess, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  await waitFor(context, { what: `PgBouncer on ${nameOf(pooler)} answers`, limitMs: START_LIMIT_MS }, async () => {
    const status = await host.services.status(pooler.process.service, context.signal);
    if (status.state === "FATAL") {
      const { text, place } = await host.services.recentLog(pooler.process.service, context.signal);
      const lines = text.split("\n");
      const said = lines
        .filter((line) => /ERROR|FATAL/.test(line))
        .slice(-3)
        .join(" | ");
      throw new GiveUp(`PgBouncer on ${nameOf(pooler)} does not start: ${said || status.problem} (log: ${place})`);
    }
    return status.running && (await show(pooler, "VERSION", context.signal)).length > 0;
  });
}
