/** What a killed run had begun to write: hidden files beside their targets, which got no name of their own. */

import * as path from "node:path";
import type { Host } from "../host.ts";
import { UnreachableError } from "../transports/transport.ts";

/** As Transport.writeFile and link name them: a dot, the target, the pid, something random. */
const UNFINISHED = /^\..+\.\d+\.[a-z0-9]+$/;

/** Removes them from the folders that outlive generations. The host's lock must be ours: then nobody is at them. */
export async function removeUnfinished(host: Host): Promise<void> {
  const { transport, paths } = host;
  try {
    for (const folder of [paths.rollout, path.join(paths.home, "current")])
      for (const name of (await transport.list(folder)) ?? [])
        if (UNFINISHED.test(name)) await transport.remove(path.join(folder, name));
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
  }
}
