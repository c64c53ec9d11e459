/** Whose is it? A small file beside every host folder and data directory answers, and nothing of others is touched. */

import type { HostOwner, Owner } from "../infra/resources.ts";
import type { Host } from "./host.ts";

/** Claims the host's folder for this stack, or refuses. Safe to repeat. */
export async function claimHome(host: Host, owner: HostOwner): Promise<void> {
  const found = await readOwner<HostOwner>(host, host.paths.owner);
  if (found) {
    if (sameCluster(found, owner)) return;
    throw new Error(
      `${host.paths.home} on ${host.name} belongs to ${describe(found)}, this is ${describe(owner)}. ` +
        "Give this stack another stateDir, or destroy the other one first.",
    );
  }
  const entries = (await host.transport.list(host.paths.home)) ?? [];
  if (entries.length > 0) {
    throw new Error(
      `${host.paths.home} on ${host.name} is not empty (${entries.slice(0, 5).join(", ")}) and has no owner.json: it is not ours. Move it away or give this stack another stateDir.`,
    );
  }
  await host.transport.makeDirectory(host.paths.home, { mode: "0755" });
  await host.transport.writeFile(host.paths.owner, `${JSON.stringify(owner)}\n`, { mode: "0644" });
}

export const dataOwnerFile = (dataDirectory: string): string => `${dataDirectory}.owner.json`;

export type DataState = "absent" | "ours" | "claimed";

/**
 * What is at a data directory's place. `ours`: data with our owner file. `claimed`: our owner file and no data
 * (a creation that did not finish). Foreign or unmarked data is an error that names it.
 */
export async function inspectData(host: Host, dataDirectory: string, owner: Owner): Promise<DataState> {
  const entries = await host.transport.list(dataDirectory);
  const found = await readOwner<Owner>(host, dataOwnerFile(dataDirectory));
  if (found && !(sameCluster(found, owner) && found.member === owner.member)) {
    throw new Error(
      `${dataDirectory} on ${host.name} belongs to ${describe(found)} member ${found.member}; this is ${describe(owner)} member ${owner.member}. It was not touched.`,
    );
  }
  if (entries && entries.length > 0) {
    if (found) return "ours";
    throw new Error(
      `${dataDirectory} on ${host.name} has data and no owner file (${dataOwnerFile(dataDirectory)}): it is not ours and was not touched. Move it away, or give the host another folder.`,
    );
  }
  return found ? "claimed" : "absent";
}

export async function claimData(host: Host, dataDirectory: string, owner: Owner): Promise<void> {
  await host.transport.writeFile(dataOwnerFile(dataDirectory), `${JSON.stringify(owner)}\n`, { mode: "0644" });
}

async function readOwner<T>(host: Host, file: string): Promise<T | undefined> {
  const facts = await host.transport.readFile(file);
  if (!facts) return undefined;
  try {
    return JSON.parse(facts.text) as T;
  } catch {
    throw new Error(
      `${file} on ${host.name} is not readable as an owner file. Whose data it is cannot be told, so nothing was touched.`,
    );
  }
}

const sameCluster = (a: HostOwner, b: HostOwner): boolean =>
  a.project === b.project && a.stack === b.stack && a.cluster === b.cluster;
const describe = (o: HostOwner): string => `project ${o.project}, stack ${o.stack}, cluster ${o.cluster}`;
