/** How many server connections the poolers may open, so that they fit into the servers' max_connections. */

import type { FleetSpec } from "../config/spec.ts";
import { members } from "../config/spec.ts";
import { DIRECT_CONNECTIONS } from "../tuning/input.ts";
import { logsInto } from "./hba-lines.ts";
import type { RenderInput } from "./host-input.ts";
import { readOnlyAlias } from "./names.ts";

/** PostgreSQL's default of superuser_reserved_connections. */
const SUPERUSER_RESERVED = 3;

export interface PoolLimits {
  /** PgBouncer max_db_connections: per alias, per PgBouncer process. */
  maxDbConnections: number;
  /** The arithmetic, for the rendered file. */
  detail: string;
}

/** An entry of PgBouncer's [databases] and its pools, in one process. */
export interface PoolEntry {
  alias: string;
  database: string;
  /** Leads to the replicas, where there are any. */
  readOnly: boolean;
  poolSize: number;
  reservePoolSize: number;
  /** Roles that log into it → server connections of its pool, reserve included. */
  pools: { role: string; connections: number }[];
  /** max_db_connections of its own. */
  maxConnections?: number;
  /** Its sizes stand in the config, so they have to fit as they are. */
  given: boolean;
  /** Some of them are its own, or a role's. */
  own: boolean;
}

/** PgBouncer processes of the fleet. */
export const poolerProcesses = ({ pooler }: FleetSpec): number =>
  pooler ? pooler.hosts.length * (pooler.processes ?? 1) : 0;

/** Aliases in one PgBouncer: each database twice, for reads and writes and for reads only. */
export const aliasesPerPooler = (spec: FleetSpec): number => spec.databases.length * 2;

export function poolEntries(spec: FleetSpec): PoolEntry[] {
  const pooler = spec.pooler!;
  return spec.databases.flatMap(({ name }) =>
    [name, readOnlyAlias(name)].map((alias): PoolEntry => {
      const own = { ...pooler.databases?.[name], ...pooler.databases?.[alias] };
      const poolSize = own.poolSize ?? pooler.poolSize;
      const reservePoolSize = own.reservePoolSize ?? pooler.reservePoolSize;
      const roles = spec.roles.filter((role) => logsInto(role, name));
      const pools = roles.map(({ name: role }) => {
        const user = pooler.users?.[role];
        const connections = (user?.poolSize ?? poolSize) + reservePoolSize;
        return { role, connections: Math.min(connections, user?.maxConnections ?? connections) };
      });
      const sized =
        own.poolSize !== undefined ||
        own.reservePoolSize !== undefined ||
        own.maxConnections !== undefined ||
        roles.some((role) => pooler.users?.[role.name]?.poolSize !== undefined);
      return {
        alias,
        database: name,
        readOnly: alias !== name,
        poolSize,
        reservePoolSize,
        pools,
        ...(own.maxConnections === undefined ? {} : { maxConnections: own.maxConnections }),
        own: sized,
        given: pooler.sizesGiven === true || sized,
      };
    }),
  );
}

/** What one process can ask for through an entry. */
export function entryDemand({ pools, maxConnections }: PoolEntry): number {
  const sum = Math.max(
    1,
    pools.reduce((total, pool) => total + pool.connections, 0),
  );
  return Math.min(sum, maxConnections ?? sum);
}

/** max_db_connections of an entry: its own, or as much as its sizes from the config need, or that of all others. */
export function entryLimit(entry: PoolEntry, common: number): number {
  if (entry.maxConnections !== undefined) return entry.maxConnections;
  if (entry.own) return entryDemand(entry);
  return entry.given ? Math.max(entryDemand(entry), common) : common;
}

/** Entries that lead to one server at the same time: with replicas, those for writes and those for reads part. */
export function entriesPerServer(spec: FleetSpec, entries: PoolEntry[]): PoolEntry[][] {
  if (members(spec).length === 1) return [entries];
  return [entries.filter((entry) => !entry.readOnly), entries.filter((entry) => entry.readOnly)];
}

/** Connections of one server that all pools together may have: a tenth of what is there is left for surprises. */
export const roomForPools = (maxConnections: number, reserved: number): number =>
  Math.floor((maxConnections - reserved - DIRECT_CONNECTIONS) * 0.9);

/**
 * max_db_connections of entries that have none of their own: 90 % of what max_connections leaves ÷ PgBouncers ÷ entries
 * that can meet on one server. Never above what the pools of all users can ask for, never below 1.
 */
export function poolLimits(spec: FleetSpec, maxConnections: number, reserved = SUPERUSER_RESERVED): PoolLimits {
  const pooler = spec.pooler!;
  const processes = poolerProcesses(spec);
  const entries = poolEntries(spec);
  const usable = roomForPools(maxConnections, reserved);
  const shares = entriesPerServer(spec, entries).map((all) => {
    const own = all.filter((entry) => entry.own);
    const left = usable - processes * own.reduce((sum, entry) => sum + entryDemand(entry), 0);
    return Math.floor(left / processes / Math.max(1, all.length - own.length));
  });
  const users = Math.max(1, spec.roles.filter((role) => role.login).length);
  const demand = users * (pooler.poolSize + pooler.reservePoolSize);
  const share = Math.min(...shares);
  const perServer = Math.max(1, spec.databases.length * (members(spec).length > 1 ? 1 : 2));
  const less = entries.some((entry) => entry.own) ? ", less those with sizes of their own" : "";
  const detail =
    `the smaller of ${demand} = ${users} login roles × (${pooler.poolSize} + ${pooler.reservePoolSize}) and ` +
    `${share} = 90 % × (${maxConnections} max_connections − ${reserved} reserved − ${DIRECT_CONNECTIONS} direct) ` +
    `÷ ${processes} PgBouncer ÷ ${perServer} entries per server${less}`;
  return { maxDbConnections: Math.max(1, Math.min(share, demand)), detail };
}

/** The same from the tuned (and overridden) settings of the smallest member. */
export function fleetPoolLimits(input: RenderInput): PoolLimits {
  const { maxConnections, reserved } = serverLimits(input);
  return poolLimits(input.spec, maxConnections, reserved);
}

/** max_connections of the smallest member, and how many of them are the superuser's or reserved, the most of any. */
export function serverLimits({ spec, tunings }: Pick<RenderInput, "spec" | "tunings">): {
  maxConnections: number;
  reserved: number;
} {
  const of = (name: string, fallback: number): number[] =>
    members(spec).map((host) => Number(tunings.get(host.name)?.settings.get(name)?.value ?? fallback));
  return {
    maxConnections: Math.min(...of("max_connections", 100)),
    reserved:
      Math.max(...of("superuser_reserved_connections", SUPERUSER_RESERVED)) +
      Math.max(...of("reserved_connections", 0)),
  };
}

/** Server connections that one PgBouncer process may hold at most. */
export function pooledConnections(input: RenderInput): number {
  const { maxDbConnections } = fleetPoolLimits(input);
  return poolEntries(input.spec).reduce((sum, entry) => sum + entryLimit(entry, maxDbConnections), 0);
}
