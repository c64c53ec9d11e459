/** Refreshing what is on a host: one that cannot be reached keeps what is known of it. */

import type { Connection } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { UnreachableError } from "../transports/transport.ts";
import type { Context } from "../types.ts";

/** @param look what is different there now; undefined: it is gone */
export async function readReachable<I, O extends { connection: Connection; reachable: boolean }>(
  id: string,
  olds: O,
  inputs: I,
  context: Context,
  look: (host: Host) => Promise<Partial<O> | undefined>,
): Promise<{ id: string; inputs: I; outputs: O } | undefined> {
  try {
    const found = await look(hostAt(olds.connection));
    return found && { id, inputs, outputs: { ...olds, ...found, reachable: true } };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    context.log("warning", error.message);
    return { id, inputs, outputs: { ...olds, reachable: false } };
  }
}
