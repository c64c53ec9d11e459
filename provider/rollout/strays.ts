/**
 * Hosts that nobody declares any more and that still run: a run that was killed between making a host and telling the
 * engine of it leaves one that no state knows. They are found beside the declared hosts, by their owner files.
 */

import * as path from "node:path";
import type { Connection, HostOwner, LocalConnection } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { UnreachableError } from "../transports/transport.ts";

/** Hosts of this stack that run and are not among `declared`. */
export async function strays(declared: Connection[], owner: HostOwner, signal: AbortSignal): Promise<Host[]> {
  const found: Host[] = [];
  const names = new Set(declared.map((connection) => connection.host));
  const first = declared[0];
  // A machine of its own has nothing beside it, and its service manager always runs.
  if (first?.platform !== "local") return found;
  try {
    const folder = path.dirname(first.home);
    for (const name of (await hostAt(first).transport.list(folder)) ?? []) {
      if (names.has(name)) continue;
      const host = hostAt(sibling(first, folder, name));
      if ((await isOurs(host, owner)) && (await host.services.alive(signal))) found.push(host);
    }
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
  return found;
}

function sibling(first: LocalConnection, folder: string, name: string): LocalConnection {
  const home = path.join(folder, name);
  const run =
    first.run === path.join(first.home, "run") ? path.join(home, "run") : path.join(path.dirname(first.run), name);
  return { ...first, host: name, home, run };
}

async function isOurs(host: Host, owner: HostOwner): Promise<boolean> {
  const text = (await host.transport.readFile(host.paths.owner))?.text;
  if (!text) return false;
  try {
    const found = JSON.parse(text) as HostOwner;
    return found.project === owner.project && found.stack === owner.stack && found.cluster === owner.cluster;
  } catch {
    return false;
  }
}
