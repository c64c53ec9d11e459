/**
 * The registry: which members and poolers a cluster has, kept on each of its hosts. A member that is in it and no
 * longer declared is a leaver, also when the state that knew it was lost.
 */

import type { Connection, HostOwner, RolloutInputs, RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { Switchover } from "../../infra/rollout/types.ts";
import { type Host, hostAt } from "../host.ts";
import { UnreachableError } from "../transports/transport.ts";

export interface Registry {
  owner: HostOwner;
  systemIdentifier: string;
  members: RegisteredMember[];
  poolers: RegisteredPooler[];
  /** Under way, or left unfinished. */
  switchover?: Switchover;
}
/** All that is needed to stop a member without its declaration. */
export type RegisteredMember = Omit<RolloutMember, "settings" | "repairs" | "protect">;
export type RegisteredPooler = Omit<RolloutPooler, "repairs">;

const unasked = { upstream: "", reclone: "" };

const byName = <T extends { name: string }>(...lists: T[][]): T[] => [
  ...new Map(lists.flat().map((item) => [item.name, item])).values(),
];

/** Every registry of the cluster's hosts, taken together. Hosts that cannot be reached are passed over. */
export async function readRegistries(
  inputs: Pick<RolloutInputs, "owner" | "members" | "poolers">,
): Promise<Pick<Registry, "members" | "poolers" | "systemIdentifier" | "switchover">> {
  const found = await Promise.all(
    [...inputs.members, ...inputs.poolers].map(({ connection }) => readOne(hostAt(connection))),
  );
  const ours = found.filter(
    (r): r is Registry => r !== undefined && JSON.stringify(r.owner) === JSON.stringify(inputs.owner),
  );
  const switchover = ours.find((r) => r.switchover)?.switchover;
  return {
    // What an older version wrote says nothing of upstream and reclone.
    members: byName(...ours.map((r) => r.members.map((member) => ({ ...unasked, ...member })))),
    poolers: byName(...ours.map((r) => r.poolers)),
    systemIdentifier: ours.find((r) => r.systemIdentifier)?.systemIdentifier ?? "",
    ...(switchover ? { switchover } : {}),
  };
}

/**
 * The registry on one host, for who knows nothing of the others; undefined: there is none of this owner's. Machines may
 * have been made anew since it was written, so it does not say which they are.
 */
export async function registryOn(host: Host, owner: HostOwner): Promise<Registry | undefined> {
  const found = await readFrom(host);
  if (!found || JSON.stringify(found.owner) !== JSON.stringify(owner)) return undefined;
  const placed = <T extends { connection: Connection }>(list: T[]): T[] =>
    list.map((item) => {
      // This host is reached as the caller does it.
      if (item.connection.host === host.name) return { ...item, connection: host.connection };
      if (item.connection.platform !== "ssh") return item;
      const { machine: _, ...ssh } = item.connection.ssh;
      return { ...item, connection: { ...item.connection, ssh } };
    });
  return {
    ...found,
    members: placed(found.members.map((member) => ({ ...unasked, ...member }))),
    poolers: placed(found.poolers),
  };
}

async function readOne(host: Host): Promise<Registry | undefined> {
  try {
    return await readFrom(host);
  } catch (error) {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  }
}

async function readFrom({ transport, paths }: Host): Promise<Registry | undefined> {
  try {
    const facts = await transport.readFile(paths.registry);
    return facts ? (JSON.parse(facts.text) as Registry) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes the registry on every host that can be reached and has our folder. */
export async function writeRegistries(registry: Registry): Promise<void> {
  const text = `${JSON.stringify(registry, null, 1)}\n`;
  for (const { connection } of [...registry.members, ...registry.poolers]) {
    const host = hostAt(connection);
    try {
      if (!(await host.transport.exists(host.paths.owner))) continue;
      if ((await host.transport.readFile(host.paths.registry))?.text === text) continue;
      await host.transport.writeFile(host.paths.registry, text, { mode: "0644" });
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
    }
  }
}

export function registryOf(
  inputs: RolloutInputs,
  systemIdentifier: string,
  also: { members: RegisteredMember[]; poolers: RegisteredPooler[] } = { members: [], poolers: [] },
): Registry {
  return {
    owner: inputs.owner,
    systemIdentifier,
    members: byName(
      also.members,
      inputs.members.map(({ settings: _, repairs: __, protect: ___, ...member }) => member),
    ),
    poolers: byName(
      also.poolers,
      inputs.poolers.map(({ repairs: _, ...pooler }) => pooler),
    ),
  };
}
