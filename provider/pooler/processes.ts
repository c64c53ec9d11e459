/**
 * The PgBouncer processes of a host. They listen on one port, so each is spoken to through its own unix socket, and what
 * is to hold for a pooler is done in every one of them.
 */

import { type PgbouncerProcess, pgbouncerProcesses, socketFolder } from "../../infra/rendering/pgbouncer-processes.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import { POOLER_SERVICE } from "./entries.ts";

export interface PoolerProcess extends RolloutPooler {
  process: PgbouncerProcess;
  /** Folder of its unix socket. */
  socket: string;
}

/** For messages: the host, and which process when it is not the first. */
export const nameOf = ({ name, process }: PoolerProcess): string =>
  process.number === 1 ? name : `${name}, process ${process.number}`;

/** The processes that the files in force are for; without any, the first alone. */
export async function processesOf(pooler: RolloutPooler): Promise<PoolerProcess[]> {
  return processesIn(pooler, hostAt(pooler.connection).paths.current(POOLER_SERVICE));
}

/** The processes that a generation's files are for. @param folder of the generation */
export async function processesIn(pooler: RolloutPooler, folder: string): Promise<PoolerProcess[]> {
  const names = (await hostAt(pooler.connection).transport.list(folder)) ?? [];
  const more = names.filter((name) => /^pgbouncer-\d+\.ini$/.test(name)).length;
  return pgbouncerProcesses(more + 1).map((process) => ({
    ...pooler,
    process,
    socket: socketFolder(pooler.connection.run, process),
  }));
}

/** Those that run; all of them when none does, so that asking says what is wrong. */
export async function runningProcesses(pooler: RolloutPooler, signal: AbortSignal): Promise<PoolerProcess[]> {
  const all = await processesOf(pooler);
  if (all.length === 1) return all;
  const states = await Promise.all(all.map((process) => stateOf(process, signal)));
  const running = all.filter((_, i) => states[i] !== "down");
  return running.length > 0 ? running : all;
}

/** "taken over": an online restart ended half-way, and the clients are with the process that took over. */
export async function stateOf(
  { connection, process }: PoolerProcess,
  signal: AbortSignal,
): Promise<"running" | "taken over" | "down"> {
  const { services } = hostAt(connection);
  if ((await services.status(process.service, signal)).running) return "running";
  return (await services.status(process.takeover, signal)).running ? "taken over" : "down";
}
