/** Look, plan, lock, execute: what everything that changes a cluster's servers in order has in common. */

import type { RolloutInputs, RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { ObservedFleet, Plan, Switchover } from "../../infra/rollout/types.ts";
import { hostAt } from "../host.ts";
import { lockHost } from "../host-lock.ts";
import type { Context } from "../types.ts";
import type { Run } from "./execute.ts";
import { type LiveFleet, observe } from "./observe.ts";

/** Who is in a cluster. */
export interface Crew {
  members: RolloutMember[];
  poolers: RolloutPooler[];
  /** Under way; changes when a step begins one. */
  switchover: Pick<ObservedFleet, "switchover">;
}

export const look = async (crew: Crew, context: Context): Promise<LiveFleet> => ({
  ...(await observe(crew.members, crew.poolers, context)),
  ...crew.switchover,
});

/** One run at a time on every host of the cluster that can be reached. */
export async function lockCrew(crew: Crew, observed: ObservedFleet): Promise<void> {
  const seen = [...observed.members, ...observed.poolers];
  for (const { connection, name } of [...crew.members, ...crew.poolers]) {
    if (seen.find((facts) => facts.name === name)?.reachable === false) continue;
    await lockHost(hostAt(connection));
  }
}

/** @param write keeps on every host that a switchover is under way */
export function runOf(
  crew: Crew,
  { primary }: Pick<Plan, "primary">,
  inputs: Pick<RolloutInputs, "pause" | "cloneRateKb" | "tls">,
  context: Context,
  write: (switchover: Switchover) => Promise<void>,
): Run {
  return {
    members: new Map(crew.members.map((m) => [m.name, m])),
    poolers: new Map(crew.poolers.map((p) => [p.name, p])),
    primary,
    inputs,
    context,
    note: async (switchover) => {
      crew.switchover = { switchover };
      await write(switchover);
    },
    before: new Map(),
  };
}
