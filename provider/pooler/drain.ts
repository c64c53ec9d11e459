/** Entries of a pooler lead elsewhere for a while: around a replica that restarts, or to a new primary. */

import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { show } from "./console.ts";
import { type Detour, detourText, NO_DETOUR, writeAddress } from "./databases.ts";
import { entriesInForce, entriesOfFile, overrideFile, readDetour } from "./entries.ts";
import { nameOf, type PoolerProcess, runningProcesses } from "./processes.ts";
import { reload } from "./reload.ts";

const LEAVE_LIMIT_MS = 60_000;

/** @param primary takes the reads of an entry that has no other server */
export async function drain(
  replica: RolloutMember,
  primary: RolloutMember,
  poolers: RolloutPooler[],
  context: Context,
): Promise<void> {
  const { address } = replica.connection;
  for (const pooler of poolers) {
    if (!(await entriesInForce(pooler)).some((entry) => entry.hosts.includes(address))) continue;
    const without = [{ address, instead: primary.connection.address }];
    await lead(pooler, { ...(await readDetour(pooler)), without }, context.signal);
    try {
      for (const process of await runningProcesses(pooler, context.signal)) await hasLeft(process, replica, context);
    } catch (error) {
      await undrain([pooler], AbortSignal.timeout(15_000));
      throw error;
    }
  }
}

async function hasLeft(process: PoolerProcess, replica: RolloutMember, context: Context): Promise<void> {
  const what = `pooler ${nameOf(process)} has left ${replica.name}`;
  await waitFor(context, { what, limitMs: LEAVE_LIMIT_MS }, async () => {
    const servers = await show(process, "SERVERS", context.signal);
    const left = servers.filter((server) => server.addr === replica.connection.address);
    if (left.length === 0) return true;
    const sessions = left.map((s) => `${s.user}@${s.database} ${s.state}, server pid ${s.remote_pid}`);
    throw new Error(`${left.length} connections: ${sessions.join("; ")}`);
  });
}

export async function undrain(poolers: RolloutPooler[], signal: AbortSignal): Promise<void> {
  for (const pooler of poolers) await lead(pooler, { ...(await readDetour(pooler)), without: [] }, signal);
}

/** Entries that lead to the primary of the pooler's file lead to this member; to itself: as the file says. */
export async function repoint(to: RolloutMember, poolers: RolloutPooler[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    poolers.map(async (pooler) => {
      const { address } = to.connection;
      const own = writeAddress(await entriesOfFile(pooler)) === address;
      await lead(pooler, { ...(await readDetour(pooler)), to: own ? "" : address }, signal);
    }),
  );
}

async function lead(pooler: RolloutPooler, detour: Detour, signal: AbortSignal): Promise<void> {
  await writeDetour(pooler, detour);
  for (const process of await runningProcesses(pooler, signal)) await reload(process, signal);
}

/** Without a RELOAD: it counts from the next one on. */
export async function writeDetour(pooler: RolloutPooler, detour: Detour = NO_DETOUR): Promise<void> {
  const host = hostAt(pooler.connection);
  const text = detourText(await entriesOfFile(pooler), detour);
  await host.transport.writeFile(overrideFile(host), text, { mode: "0640", user: host.connection.user });
}
