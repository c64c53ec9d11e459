/** PgBouncer's pools of single databases and roles, its processes, and who may use its console. */

import { readOnlyAlias } from "../../rendering/names.ts";
import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { PoolerSpec } from "../spec.ts";
import { didYouMean } from "../suggest.ts";

type Pools = Pick<
  PoolerSpec,
  "processes" | "sizesGiven" | "databases" | "users" | "maxPreparedStatements" | "adminUsers" | "statsUsers"
>;

/** Keys of the spec that are as in the default are left out. */
export function resolvePools(draft: Draft, report: Report): Pools {
  const given = draft.pooler;
  if (given === undefined) return {};
  const logins = Object.entries(draft.roles ?? {})
    .filter(([, role]) => role?.login !== false)
    .map(([name]) => name);
  const databases = Object.keys(draft.databases ?? {});
  const entries = databases.flatMap((name) => [name, readOnlyAlias(name)]);

  const known = (path: Path, name: string, allowed: string[], what: string): void => {
    if (allowed.includes(name) || report.has(path)) return;
    const never = draft.roles && Object.hasOwn(draft.roles, name) && what.includes("log in");
    report.add(
      path,
      never
        ? `"${name}" has login: false, so PgBouncer never sees it.`
        : `"${name}" is no ${what}.${didYouMean(name, allowed)} There are: ${allowed.join(", ") || "none"}.`,
    );
  };
  for (const name of Object.keys(given.databases ?? {}))
    known(["pooler", "databases", name], name, entries, "database, nor one's read-only entry");
  for (const name of Object.keys(given.users ?? {}))
    known(["pooler", "users", name], name, logins, "role under roles that may log in");
  for (const list of ["adminUsers", "statsUsers"] as const)
    given[list]?.forEach((name, index) => {
      known(["pooler", list, index], name, logins, "role under roles that may log in");
    });
  for (const [name, user] of Object.entries(given.users ?? {})) {
    const limit = draft.roles?.[name]?.connectionLimit ?? -1;
    const most = user?.maxConnections;
    if (limit >= 0 && most !== undefined && most > limit)
      report.add(
        ["pooler", "users", name, "maxConnections"],
        `is ${most}, but roles.${name}.connectionLimit is ${limit}: the server would refuse the rest. Write at most ${limit}.`,
      );
  }
  const { processes = 1, maxPreparedStatements } = given;
  return {
    ...(processes > 1 ? { processes } : {}),
    ...(given.poolSize !== undefined || given.reservePoolSize !== undefined ? { sizesGiven: true } : {}),
    ...(given.databases ? { databases: withoutHoles(given.databases) } : {}),
    ...(given.users ? { users: withoutHoles(given.users) } : {}),
    ...(maxPreparedStatements === undefined ? {} : { maxPreparedStatements }),
    ...(given.adminUsers?.length ? { adminUsers: given.adminUsers } : {}),
    ...(given.statsUsers?.length ? { statsUsers: given.statsUsers } : {}),
  };
}

/** Names in one order, without keys that were wrong. */
function withoutHoles<T extends object>(map: Record<string, T | undefined>): Record<string, Whole<T>> {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      Object.fromEntries(Object.entries(value ?? {}).filter(([, v]) => v !== undefined)) as Whole<T>,
    ]),
  );
}

type Whole<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
