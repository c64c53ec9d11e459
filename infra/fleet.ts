/** From a FleetSpec to all that is known before anything is touched: tuned settings, files, names. Pure. */

import { type FleetSpec, hostNamed, members } from "./config/spec.ts";
import { filesByPath } from "./rendering/hash.ts";
import { EXPORTER_ROLE, REPLICATION_ROLE, STATS_USER } from "./rendering/names.ts";
import { renderFleet } from "./rendering/render.ts";
import type { Templates } from "./rendering/template.ts";
import type { HostLayout, HostPlan } from "./rendering/types.ts";
import type { DatabaseObjectsInputs, FileInput } from "./resources.ts";
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
  for (const host of members(spec)) {
    const key = JSON.stringify(memberInput(spec, host));
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

/** Login names that need a password: those of the config, replication, and the pooler's statistics user. */
export function credentialNames(spec: FleetSpec): string[] {
  return [
    ...spec.roles.filter((role) => role.login).map((role) => role.name),
    REPLICATION_ROLE,
    ...(spec.pooler ? [STATS_USER] : []),
  ];
}

/** Roles and databases to make: the declared ones and the project's own. */
export function catalogObjects(spec: FleetSpec): Pick<DatabaseObjectsInputs, "databases"> & {
  roles: Omit<DatabaseObjectsInputs["roles"][number], "credentialVersion">[];
} {
  const plain = { replication: false, inRoles: [] as string[] };
  const roles = spec.roles.map(({ name, login, connectionLimit }) => ({ ...plain, name, login, connectionLimit }));
  const own = [{ ...plain, name: REPLICATION_ROLE, login: true, replication: true, connectionLimit: -1 }];
  const exporter = spec.monitoring
    ? [{ ...plain, name: EXPORTER_ROLE, login: true, connectionLimit: 5, inRoles: ["pg_monitor"] }]
    : [];
  const having = (access: string): string[] =>
    spec.roles.filter((role) => role.access === access).map((role) => role.name);
  return {
    roles: [...roles, ...own, ...exporter],
    databases: spec.databases.map(({ name, owner, extensions }) => ({
      name,
      owner,
      extensions,
      readers: having("readonly"),
      writers: having("readwrite"),
    })),
  };
}

export { hostNamed };
