/** After a machine came back: what the registry says that it serves, runs and is in the pools again. */

import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import { leadsTo } from "../../infra/rollout/vacate.ts";
import { type Host, hostAt } from "../host.ts";
import { lockHost } from "../host-lock.ts";
import { undrain } from "../pooler/drain.ts";
import { readDetour } from "../pooler/entries.ts";
import { processesOf } from "../pooler/processes.ts";
import { SERVICE } from "../postgres/server.ts";
import { UnreachableError } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import { waitStreaming } from "./follow.ts";
import { start } from "./member-steps.ts";
import { observeMember } from "./observe.ts";
import { startPooler } from "./pooler-steps.ts";
import type { Registry } from "./registry.ts";

export async function serveAgain(host: Host, registry: Registry, context: Context): Promise<void> {
  const members = registry.members.map((member): RolloutMember => ({ ...member, settings: {}, repairs: 0 }));
  const poolers = registry.poolers.map((pooler): RolloutPooler => ({ ...pooler, repairs: 0 }));
  const member = members.find((m) => m.name === host.name);
  if (member && (await hasUnit(host, SERVICE, context))) {
    await lockHost(host);
    if (await startMember(member, members, context)) await backIntoPools(member, poolers, context);
  }
  const pooler = poolers.find((p) => p.name === host.name);
  const processes = pooler ? await processesOf(pooler) : [];
  const states = await Promise.all(
    processes.map(({ process }) => host.services.status(process.service, context.signal)),
  );
  if (pooler && states[0]?.known && states.some((state) => !state.running)) {
    await lockHost(host);
    await startPooler(pooler, context);
  }
}

/** A machine that is new has none: the resources behind bring it. */
const hasUnit = async (host: Host, service: string, context: Context): Promise<boolean> =>
  (await host.services.status(service, context.signal)).known;

/** False when it may not start as it is. */
async function startMember(member: RolloutMember, members: RolloutMember[], context: Context): Promise<boolean> {
  const facts = await observeMember(member, context);
  if (!facts.hasData) return false;
  const others = await Promise.all(members.filter((m) => m !== member).map((m) => observeMember(m, context)));
  const primary = others.find((m) => m.role === "primary");
  if (!facts.running && !facts.standby && primary) {
    context.log(
      "warning",
      `${member.name} was primary and ${primary.name} is now: it stays stopped until the rollout makes it follow`,
    );
    return false;
  }
  context.status(`starting PostgreSQL on ${member.name}`);
  await start(member, context);
  if (!facts.standby || !primary) return true;
  const leader = members.find((m) => m.name === primary.name)!;
  const now = await observeMember(member, context);
  const upstream = members.find((m) => leadsTo(now, m.connection.address)) ?? leader;
  await waitStreaming(upstream, member, context, leader);
  return true;
}

async function backIntoPools(member: RolloutMember, poolers: RolloutPooler[], context: Context): Promise<void> {
  for (const pooler of poolers) {
    try {
      const { without } = await readDetour(pooler);
      if (!without.some(({ address }) => address === member.connection.address)) continue;
      await lockHost(hostAt(pooler.connection));
      await undrain([pooler], context.signal);
      context.log("info", `${member.name} is in the read pool of ${pooler.name} again`);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof UnreachableError)) throw error;
      context.log("warning", `${error.message}: ${member.name} stays out of its read pool`);
    }
  }
}
