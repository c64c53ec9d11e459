/** From a FleetSpec to all that is known before anything is touched: tuned settings, files, names. Pure. */

import { type FleetSpec, hostNamed, members } from "./config/spec.ts";
import { filesByPath } from "./rendering/hash.ts";
import { renderFleet } from "./rendering/render.ts";
import type { Templates } from "./rendering/template.ts";
import type { HostLayout, HostPlan } from "./rendering/types.ts";
import type { FileInput } from "./resources.ts";
import { memberInput } from "./tuning/fleet-input.ts";
import { tuneCluster, tuneMember } from "./tuning/tune.ts";
import type { Tuning } from "./tuning/types.ts";

export interface Fleet {
  spec: FleetSpec;
  layouts: Map<string, HostLayout>;
  tunings: Map<string, Tuning>;
  plans: Map<string, HostPlan>;
}

/** @throws with all problems of tuning (a budget that cannot hold) or of rendering at once. */
export function planFleet(spec: FleetSpec, layouts: Map<string, HostLayout>, templates: Templates): Fleet {
  const cluster = tuneCluster(spec);
  // Members that are equal to the tuner share one tuning, and what is made from it.
  const made = new Map<string, Tuning>();
  const tunings = new Map<string, Tuning>();
  const all = members(spec);
  for (const host of all) {
    const key = JSON.stringify(memberInput(spec, host, all.length - 1));
    const tuning = made.get(key) ?? tuneMember(spec, host, cluster);
    made.set(key, tuning);
    tunings.set(host.name, tuning);
  }
  const plans = new Map(renderFleet({ spec, tunings, layouts, templates }).map((plan) => [plan.host, plan]));
  return { spec, layouts, tunings, plans };
}

/** Component → path → file, as HostFiles takes it. */
export function componentFiles(plan: HostPlan): Record<string, Record<string, FileInput>> {
  return Object.fromEntries(plan.components.map((component) => [component.name, filesByPath(component.files)]));
}

export { catalogObjects, credentialNames } from "./catalog.ts";
export { hostNamed };
