/** Changed parameters of a host: what a change needs, and why there is one. */

import { parseSettings } from "../rendering/conf-text.ts";
import { POOLER_RESTART_ONLY } from "../rollout/pooler-settings.ts";
import { classifier } from "../tuning/classify.ts";
import { causeOf, causesOf, topologyCause } from "./causes.ts";
import type { PlanFile, PlanHost } from "./plan-file.ts";
import type { ParameterComparison } from "./types.ts";

export function serverParameters(
  before: PlanFile,
  after: PlanFile,
  was: PlanHost,
  is: PlanHost,
): ParameterComparison[] {
  const fresh = Object.keys(is.settings).filter((name) => was.settings[name]?.value !== is.settings[name]?.value);
  const gone = Object.keys(was.settings).filter((name) => is.settings[name] === undefined);
  const changed = [...fresh, ...gone].sort();
  if (changed.length === 0) return [];
  const causes = causesOf(before, after, was, is);
  const topology = topologyCause(before, after, was, is);
  const classify = classifier(before.postgresql, after.postgresql);
  return changed.map((name) => {
    const [old, fresh] = [was.settings[name], is.settings[name]];
    return {
      component: "postgresql",
      name,
      before: old?.value ?? null,
      after: fresh?.value ?? null,
      class: classify(name),
      cause: causeOf(name, old, fresh, causes, topology),
      reason: fresh?.reason ?? null,
    };
  });
}

/** @param before and after: pgbouncer.ini */
export function poolerParameters(before: string, after: string, was: PlanFile, is: PlanFile): ParameterComparison[] {
  const [old, fresh] = [poolerSettings(before), poolerSettings(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].sort();
  return names
    .filter((name) => old[name] !== fresh[name])
    .map((name) => ({
      component: "pgbouncer",
      name,
      before: old[name] ?? null,
      after: fresh[name] ?? null,
      class: POOLER_RESTART_ONLY.has(name) ? "restart" : "reload",
      cause: poolerCause(name, was, is),
      reason: name === "max_db_connections" ? (is.pools?.detail ?? null) : null,
    }));
}

/** The section [pgbouncer]; [databases] holds no settings. */
function poolerSettings(ini: string): Record<string, string> {
  const [, section = ""] = ini.split(/^\[pgbouncer\]$/m);
  return parseSettings(section.split(/^\[/m)[0]!);
}

const DECLARED = {
  pool_mode: "poolMode",
  default_pool_size: "poolSize",
  reserve_pool_size: "reservePoolSize",
  max_client_conn: "maxClientConnections",
} as const;

function poolerCause(name: string, was: PlanFile, is: PlanFile): string {
  const [a, b] = [was.pools, is.pools];
  if (!a || !b) return "pooler";
  const changed = (key: (typeof DECLARED)[keyof typeof DECLARED]): string[] =>
    a[key] === b[key] ? [] : [`${key} ${a[key]} → ${b[key]}`];
  if (Object.hasOwn(DECLARED, name)) return changed(DECLARED[name as keyof typeof DECLARED]).join(", ") || "template";
  if (name !== "max_db_connections") return "pooler or template";
  const logins = (plan: PlanFile): number => (plan.roles ?? []).filter((role) => role.login).length;
  const counts: [string, number, number][] = [
    ["poolers", a.poolers.length, b.poolers.length],
    ["login roles", logins(was), logins(is)],
    ["databases", was.databases?.length ?? 0, is.databases?.length ?? 0],
    ["max_connections", a.maxConnections, b.maxConnections],
  ];
  const causes = [
    ...changed("poolSize"),
    ...changed("reservePoolSize"),
    ...counts.flatMap(([text, x, y]) => (x === y ? [] : [`${text} ${x} → ${y}`])),
  ];
  return causes.join(", ") || "formula change";
}
