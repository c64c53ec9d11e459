/** How many server connections the poolers may open, so that they fit into the servers' max_connections. */

import type { FleetSpec } from "../config/spec.ts";
import { members } from "../config/spec.ts";
import { DIRECT_CONNECTIONS } from "../tuning/input.ts";
import type { RenderInput } from "./host-input.ts";

export { DIRECT_CONNECTIONS };

/** PostgreSQL's default of superuser_reserved_connections. */
const SUPERUSER_RESERVED = 3;

export interface PoolLimits {
  /** PgBouncer max_db_connections: per alias, per PgBouncer process. */
  maxDbConnections: number;
  /** The arithmetic, for the rendered file. */
  detail: string;
}

/** Aliases in one PgBouncer: each database twice, for reads and writes and for reads only. */
export const aliasesPerPooler = (spec: FleetSpec): number => spec.databases.length * 2;

/**
 * max_db_connections = 90 % of what max_connections leaves ÷ PgBouncers ÷ aliases that can meet on one server.
 * With replicas the two aliases of a database go to different servers; without, both go to the primary.
 * Never above what the pools of all users can ask for, never below 1.
 */
export function poolLimits(spec: FleetSpec, maxConnections: number, reserved = SUPERUSER_RESERVED): PoolLimits {
  const pooler = spec.pooler!;
  const usable = Math.floor((maxConnections - reserved - DIRECT_CONNECTIONS) * 0.9);
  const replicas = members(spec).length - 1;
  const aliases = Math.max(1, spec.databases.length * (replicas > 0 ? 1 : 2));
  const share = Math.floor(usable / pooler.hosts.length / aliases);
  const users = Math.max(1, spec.roles.filter((role) => role.login).length);
  const demand = users * (pooler.poolSize + pooler.reservePoolSize);
  const maxDbConnections = Math.max(1, Math.min(share, demand));
  const detail =
    `the smaller of ${demand} = ${users} login roles × (${pooler.poolSize} + ${pooler.reservePoolSize}) and ` +
    `${share} = 90 % × (${maxConnections} max_connections − ${reserved} reserved − ${DIRECT_CONNECTIONS} direct) ` +
    `÷ ${pooler.hosts.length} PgBouncer ÷ ${aliases} entries per server`;
  return { maxDbConnections, detail };
}

/** The same from the tuned (and overridden) settings of the smallest member. */
export function fleetPoolLimits(input: RenderInput): PoolLimits {
  const of = (name: string, fallback: number): number[] =>
    members(input.spec).map((host) => Number(input.tunings.get(host.name)?.settings.get(name)?.value ?? fallback));
  const reserved =
    Math.max(...of("superuser_reserved_connections", SUPERUSER_RESERVED)) + Math.max(...of("reserved_connections", 0));
  return poolLimits(input.spec, Math.min(...of("max_connections", 100)), reserved);
}

/** Server connections that one PgBouncer may hold at most. */
export const pooledConnections = (input: RenderInput): number =>
  aliasesPerPooler(input.spec) * fleetPoolLimits(input).maxDbConnections;
