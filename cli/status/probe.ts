/** One host under observation: where it is, what it should have, and how long it may take. */

import type { FleetSpec, HostSpec } from "../../infra/config/spec.ts";
import type { HostLayout, HostPlan } from "../../infra/rendering/types.ts";
import type { Host } from "../../provider/host.ts";
import type { Context } from "../../provider/types.ts";
import type { Problems, State } from "./types.ts";

export interface Probe {
  spec: FleetSpec;
  declared: HostSpec;
  host: Host;
  layout: HostLayout;
  plan: HostPlan;
  /** Aborts at the host's limit. */
  signal: AbortSignal;
  problems: Problems;
}

/** For the provider's functions: nothing is shown, the last lines can be asked for. */
export function quietContext(signal: AbortSignal): Context & { said: string[] } {
  const said: string[] = [];
  return { urn: "", signal, said, log: (_severity, message) => said.push(message), status: () => {} };
}

/** Whether a service's process runs, by the host's service manager. */
export async function serviceState({ host, signal }: Probe, name: string): Promise<{ state: State; problem: string }> {
  try {
    const status = await host.services.status(name, signal);
    return { state: status.running ? "running" : "stopped", problem: status.problem };
  } catch {
    return signal.aborted ? { state: "no answer", problem: "" } : { state: "stopped", problem: "" };
  }
}

export const firstLine = (error: unknown): string => (error as Error).message.split("\n")[0]!;
