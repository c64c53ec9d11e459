/**
 * Hosts that left the fleet for good and cannot be reached (`gone` in the stack file). Nothing can be taken away from
 * them, and their resources would stay in the state for ever. Rollout says which they are, before anything is deleted.
 */

import { UnreachableError } from "./transports/transport.ts";
import type { Context } from "./types.ts";

const names = new Set<string>();

export function rememberGone(hosts: readonly string[]): void {
  if (Array.isArray(hosts)) for (const host of hosts) names.add(host);
}

/** A deletion; on a host that is gone it succeeds with a warning instead of failing. */
export async function unlessGone(deletion: () => Promise<void>, context: Pick<Context, "log">): Promise<void> {
  try {
    await deletion();
  } catch (error) {
    if (!(error instanceof UnreachableError) || !names.has(error.host)) throw error;
    context.log(
      "warning",
      `${error.host} is named under gone and cannot be reached: it is forgotten, and what is on it stays as it is. Do not let it back into the network.`,
    );
  }
}
