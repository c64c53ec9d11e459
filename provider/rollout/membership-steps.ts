/** What the steps do when members come and go: slots, clones, streaming, leaving. Each can be repeated. */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { activate, deactivate, hostAt } from "../host.ts";
import { dataOwnerFile } from "../ownership.ts";
import { requirePrograms } from "../postgres/data-directory.ts";
import { lastFatal, SERVICE, startServer } from "../postgres/server.ts";
import { execute, select } from "../postgres/sql.ts";
import { run } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { checkStaged, targetOf } from "./member-steps.ts";

const STREAM_LIMIT_MS = 120_000;

export async function reserveSlot(primary: RolloutMember, slot: string, context: Context): Promise<void> {
  await execute(
    targetOf(primary),
    `SELECT pg_create_physical_replication_slot('${slot}', true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${slot}');`,
    context.signal,
  );
}

/** Drops a slot of a member that left; waits until its walsender is gone. */
export async function dropSlot(primary: RolloutMember, slot: string, context: Context): Promise<void> {
  const target = targetOf(primary);
  await waitFor(
    context,
    { what: `slot ${slot} on ${primary.name} is free to be dropped`, limitMs: 30_000 },
    async () => {
      await execute(
        target,
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${slot}' AND active; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${slot}' AND NOT active;`,
        context.signal,
      );
      return (
        (await select(target, `SELECT 1 AS one FROM pg_replication_slots WHERE slot_name = '${slot}'`, context.signal))
          .length === 0
      );
    },
  );
}

/** A copy of the primary under the member's slot, made aside and renamed when whole. */
export async function clone(from: RolloutMember, member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  const { transport, connection } = host;
  await requirePrograms(host, member.binDirectory, 0);
  await checkOwned(member);
  const part = `${member.dataDirectory}.part`;
  await freeSlot(from, member.slot, context);
  await transport.remove(part);
  const passfile = path.join(host.paths.generation(SERVICE, member.generation), "replication.passfile");
  const argv = [
    path.join(member.binDirectory, "pg_basebackup"),
    "-D",
    part,
    "-h",
    from.connection.address,
    "-p",
    String(from.port),
    "-U",
    "pgfleet_replicator",
    "--no-password",
    "-X",
    "stream",
    "-S",
    member.slot,
    "--checkpoint=fast",
    "--progress",
  ];
  await run(transport, argv, {
    user: connection.user,
    env: { PGPASSFILE: passfile, PGAPPNAME: member.name },
    signal: context.signal,
    timeoutMs: 24 * 3600_000,
    onStderrLine: (line) => context.status(`cloning ${member.name} from ${from.name}: ${line.trim()}`),
  });
  await transport.writeFile(path.join(part, "standby.signal"), "", { mode: "0600", user: connection.user });
  // ALTER SYSTEM values of the source are not the clone's.
  await transport.writeFile(path.join(part, "postgresql.auto.conf"), "", { mode: "0600", user: connection.user });
  await transport.rename(part, member.dataDirectory);
  await checkStaged(member, member.generation, context);
  await activate(host, SERVICE, member.generation);
  await startServer(targetOf(member), context);
}

/** Ends whoever streams from the slot: pg_basebackup's receiver goes on when a run is killed, and keeps the slot. */
async function freeSlot(primary: RolloutMember, slot: string, context: Context): Promise<void> {
  const target = targetOf(primary);
  const user = `FROM pg_replication_slots WHERE slot_name = '${slot}' AND active`;
  await waitFor(context, { what: `slot ${slot} on ${primary.name} is free`, limitMs: 30_000 }, async () => {
    await execute(target, `SELECT pg_terminate_backend(active_pid) ${user};`, context.signal);
    return (await select(target, `SELECT 1 AS one ${user}`, context.signal)).length === 0;
  });
}

async function checkOwned(member: RolloutMember): Promise<void> {
  const host = hostAt(member.connection);
  if (await host.transport.exists(path.join(member.dataDirectory, "PG_VERSION")))
    throw new Error(`${member.name} has data at ${member.dataDirectory}: it is not cloned over`);
  if (!(await host.transport.exists(dataOwnerFile(member.dataDirectory))))
    throw new Error(`${member.dataDirectory} on ${member.name} is not claimed by this stack`);
}

export async function waitStreaming(primary: RolloutMember, member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  try {
    await waitFor(
      context,
      { what: `${member.name} streams from ${primary.name}`, limitMs: STREAM_LIMIT_MS },
      async () => {
        const rows = await select(
          targetOf(primary),
          `SELECT 1 AS one FROM pg_stat_replication WHERE application_name = '${member.name}' AND state = 'streaming'`,
          context.signal,
        );
        return rows.length > 0;
      },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${await lastFatal(host, "")}`, { cause: error });
  }
}

/** Stops a member that left. Its data and owner file stay. */
export async function stop(member: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(member.connection);
  if (await host.services.alive(context.signal)) await host.services.remove(SERVICE, context.signal);
  await deactivate(host, SERVICE);
}
