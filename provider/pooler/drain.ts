/** A replica leaves the read pool before it restarts: its entries lead around it until it is back. */

import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { command, show } from "./console.ts";
import { linesWithout } from "./databases.ts";
import { entriesOf, overrideFile } from "./entries.ts";
import { nameOf, type PoolerProcess, runningProcesses } from "./processes.ts";

const LEAVE_LIMIT_MS = 60_000;

/** @param primary takes the reads of an entry that has no other server */
export async function drain(
  replica: RolloutMember,
  primary: RolloutMember,
  poolers: RolloutPooler[],
  context: Context,
): Promise<void> {
  for (const pooler of poolers) {
    const lines = linesWithout(await entriesOf(pooler), replica.connection.address, primary.connection.address);
    if (lines.length === 0) continue;
    await override(pooler, lines, context.signal);
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
  for (const pooler of poolers) await override(pooler, [], signal);
}

async function override(pooler: RolloutPooler, lines: string[], signal: AbortSignal): Promise<void> {
  await writeOverride(pooler, lines);
  for (const process of await runningProcesses(pooler, signal)) await command(process, "RELOAD", signal);
}

export async function writeOverride(pooler: RolloutPooler, lines: string[]): Promise<void> {
  const host = hostAt(pooler.connection);
  const text =
    lines.length > 0
      ? `; Written by Rollout while a replica restarts; empty otherwise.\n[databases]\n${lines.join("\n")}\n`
      : "";
  await host.transport.writeFile(overrideFile(host), text, { mode: "0640", user: host.connection.user });
}
