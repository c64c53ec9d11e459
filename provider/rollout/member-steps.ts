/** What the steps do on a member. Each can be repeated: a run that was killed is finished by the next one. */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { activate, activeGeneration, hostAt } from "../host.ts";
import { SERVICE, serverReady, startServer } from "../postgres/server.ts";
import { execute, identifier, type SqlTarget, select } from "../postgres/sql.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { holdFile, observeMember } from "./observe.ts";
import { guardStart } from "./start-guard.ts";

/** A standby that is behind may take long; PGFLEET_REPLAY_LIMIT_MS sets another limit. */
const REPLAY_LIMIT_MS = Number(process.env.PGFLEET_REPLAY_LIMIT_MS) || 600_000;
const RESTART_LIMIT_MS = 600_000;

export const targetOf = (member: RolloutMember): SqlTarget => ({
  host: hostAt(member.connection),
  port: member.port,
  binDirectory: member.binDirectory,
});

/** The server's own parser reads a staged generation; nothing is in force yet. */
export async function checkStaged(member: RolloutMember, generation: string, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  const config = path.join(host.paths.generation(SERVICE, generation), "postgresql.conf");
  const result = await host.transport.exec(
    [
      path.join(member.binDirectory, "postgres"),
      "-D",
      member.dataDirectory,
      "-c",
      `config_file=${config}`,
      "-C",
      "shared_buffers",
    ],
    {
      user: host.connection.user,
      signal: context.signal,
    },
  );
  if (result.code === 0) return;
  const said = result.stderr
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-6)
    .join("\n  ");
  throw new Error(
    `PostgreSQL on ${member.name} refuses generation ${generation}; the old one stays in force:\n  ${said}`,
  );
}

/**
 * Puts a generation in force: checked before, checked again by the running server, taken back when that finds an
 * error. Gives the generation that was in force before.
 */
export async function switchGeneration(member: RolloutMember, generation: string, context: Context): Promise<string> {
  const host = hostAt(member.connection);
  await checkStaged(member, generation, context);
  const before = await activeGeneration(host, SERVICE);
  await activate(host, SERVICE, generation);
  const status = await host.services.status(SERVICE, context.signal);
  if (!status.running) return before;
  const errors = (await observeMember(member, context)).errors;
  if (errors.length > 0) {
    if (before) await activate(host, SERVICE, before);
    throw new Error(
      `PostgreSQL on ${member.name} refuses generation ${generation}; ${before || "nothing"} is in force again:\n  ${errors.join("\n  ")}`,
    );
  }
  await reload(member, context);
  return before;
}

/** Reloads and waits until the server has read its files. */
export async function reload(member: RolloutMember, context: Context): Promise<void> {
  const target = targetOf(member);
  const [before] = await select<{ at: string }>(target, "SELECT pg_conf_load_time()::text AS at", context.signal);
  await execute(target, "SELECT pg_reload_conf();", context.signal);
  await waitFor(
    context,
    { what: `PostgreSQL on ${member.name} has read its files again`, limitMs: 15_000, intervalMs: 20 },
    async () => {
      const [now] = await select<{ at: string }>(target, "SELECT pg_conf_load_time()::text AS at", context.signal);
      return now!.at !== before!.at;
    },
  );
}

/** The server's own parser reads the files in force: a restart would find nothing that it has not seen. */
export async function checkInForce(member: RolloutMember, context: Context): Promise<void> {
  await checkStaged(member, await activeGeneration(hostAt(member.connection), SERVICE), context);
}

/** Before a restart that clients wait for: what can be done beforehand is. */
export async function checkpoint(member: RolloutMember, context: Context): Promise<void> {
  await checkInForce(member, context);
  await execute(targetOf(member), "CHECKPOINT;", context.signal, 600_000);
}

/**
 * Restarts, and waits until it answers. A server that does not start with its files goes back to the generation it
 * ran with before, when that is known. A run that is cancelled or killed leaves no stopped server behind.
 */
export async function restart(member: RolloutMember, before: string | undefined, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  const active = await activeGeneration(host, SERVICE);
  const standDown = await guardStart(host, SERVICE, context.signal);
  try {
    context.signal.throwIfAborted();
    // Not the run's own signal: what is stopped has to be started again.
    await stopAndStart(member, before, active, { ...context, signal: AbortSignal.timeout(RESTART_LIMIT_MS) });
  } finally {
    await standDown();
  }
}

async function stopAndStart(
  member: RolloutMember,
  before: string | undefined,
  active: string,
  context: Context,
): Promise<void> {
  const host = hostAt(member.connection);
  await host.services.restart(SERVICE, context.signal);
  try {
    await serverReady(targetOf(member), context);
  } catch (error) {
    if (!before || before === active) throw error;
    await activate(host, SERVICE, before);
    await host.services.restart(SERVICE, context.signal);
    await serverReady(targetOf(member), context);
    throw new Error(`${(error as Error).message}; ${member.name} runs with generation ${before} again`, {
      cause: error,
    });
  }
}

/**
 * Stops it, and leaves its unit and files as they are. The guard stays: it ends with the machine, and when the machine
 * did not change after all, the end of this run starts the server again.
 */
export async function halt(member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  if (!(await host.services.status(SERVICE, context.signal)).running) return;
  await guardStart(host, SERVICE, context.signal);
  await host.services.stop(SERVICE, context.signal);
}

/** ALTER SYSTEM RESET of each parameter, then a reload. */
export async function resetSystem(member: RolloutMember, parameters: string[], context: Context): Promise<void> {
  const script = parameters
    .map((name) => `ALTER SYSTEM RESET ${name.split(".").map(identifier).join(".")};`)
    .join("\n");
  await execute(targetOf(member), script, context.signal);
  await reload(member, context);
}

export async function start(member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  // A run that died between a clone and its first start has put nothing in force yet.
  if (!(await activeGeneration(host, SERVICE))) {
    await checkStaged(member, member.generation, context);
    await activate(host, SERVICE, member.generation);
  }
  await startServer(targetOf(member), context);
}

export async function hold(member: RolloutMember, settings: Record<string, string>, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  await host.transport.writeFile(
    holdFile(host),
    `# Written by Rollout while a change is under way; it goes when the change is done.\n${lines.join("\n")}\n`,
    { mode: "0640", user: host.connection.user },
  );
  if ((await host.services.status(SERVICE, context.signal)).running) await reload(member, context);
}

export async function release(member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  await host.transport.remove(holdFile(host));
  if ((await host.services.status(SERVICE, context.signal)).running) await reload(member, context);
}

/** Waits until a standby has replayed all the primary has written up to now. */
export async function waitReplay(primary: RolloutMember, standby: RolloutMember, context: Context): Promise<void> {
  const [{ lsn } = { lsn: "" }] = await select<{ lsn: string }>(
    targetOf(primary),
    "SELECT pg_current_wal_flush_lsn()::text AS lsn",
    context.signal,
  );
  await waitFor(context, { what: `${standby.name} has replayed ${lsn}`, limitMs: REPLAY_LIMIT_MS }, async () => {
    const [row] = await select<{ done: boolean }>(
      targetOf(standby),
      `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS done`,
      context.signal,
    );
    return row?.done;
  });
}
