/** How applications reach the fleet: addresses, entries, and what the pooler lets them do. Pure; never a password. */

import { type FleetSpec, hostNamed, members, tlsForClients } from "./config/spec.ts";
import { logsInto } from "./rendering/hba-lines.ts";
import { readOnlyAlias } from "./rendering/names.ts";
import { DEFAULT_PGBOUNCER_VERSION, maxPreparedStatements } from "./rendering/pgbouncer.ts";
import { poolEntries } from "./rendering/pools.ts";
import { PORTS } from "./rendering/ports.ts";

/** Stands where a password goes. */
export const PASSWORD = "<password>";
/** Stands for the file that has the stack output `rootCertificates`. */
export const ROOT_CERTIFICATE = "root.crt";
/** PgBouncer's query_wait_timeout in the rendered file. */
const QUERY_WAIT_SECONDS = 120;

export interface ClientEndpoint {
  role: string;
  /** Reads and writes: the primary. Reads only: the replicas, or the primary where there are none. */
  readWrite: Target;
  readOnly: Target;
  /** The primary without a pooler, for migrations; null when nothing lets this role in there. */
  direct: Target | null;
  /** `verify-full`: TLS, to the host that is meant. `prefer`: TLS may be used. null: there is none. */
  tls: "verify-full" | "prefer" | null;
  /** null: without a pooler. */
  poolMode: "transaction" | "session" | null;
  /** Protocol-level prepared statements may be kept across transactions. */
  preparedStatements: boolean;
  pool: {
    /** Connections of one instance of the application, for each of the two pools. */
    max: number;
    /** How long an application should wait for one: longer than a restart of the primary holds it back, seconds. */
    waitSeconds: number;
    connectSeconds: number;
    idleSeconds: number;
  };
}

export interface Target {
  hosts: { address: string; port: number }[];
  database: string;
}

/**
 * @param instances of the application that share the pools; from 1
 * @param pgbouncer version on the pooler's hosts. Default: Debian 12's.
 * @throws Error when the role may not log into the database, naming those that may.
 */
export function clientEndpoint(
  spec: FleetSpec,
  role: string,
  database: string,
  instances: number,
  pgbouncer = DEFAULT_PGBOUNCER_VERSION,
): ClientEndpoint {
  if (!spec.databases.some(({ name }) => name === database))
    throw new Error(`there is no database "${database}"; databases are: ${names(spec.databases)}`);
  const able = spec.roles.filter((one) => logsInto(one, database));
  if (!able.some(({ name }) => name === role))
    throw new Error(`role "${role}" does not log into ${database}; these do: ${names(able)}`);
  const { pooler } = spec;
  const primary = { hosts: [{ address: hostNamed(spec, spec.primary).address, port: PORTS.postgresql }], database };
  const replicas = members(spec).filter((member) => member.name !== spec.primary);
  const times = {
    waitSeconds: Math.min(QUERY_WAIT_SECONDS, spec.rollout.limitSeconds + 10),
    connectSeconds: 10,
    idleSeconds: 30,
  };
  const open =
    spec.allowedNetworks.length > 0 ||
    (spec.hba ?? []).some(
      (rule) => rule.method !== "reject" && rule.users.some((user) => user === role || user === "all"),
    );
  const direct = open ? primary : null;
  const tls = spec.tls ? (tlsForClients(spec) ? "verify-full" : "prefer") : null;
  if (!pooler) {
    const readers = replicas.map((member) => ({ address: member.address, port: PORTS.postgresql }));
    return {
      role,
      readWrite: primary,
      readOnly: readers.length > 0 ? { hosts: readers, database } : primary,
      direct,
      tls,
      poolMode: null,
      preparedStatements: true,
      pool: { max: 10, ...times },
    };
  }
  const hosts = pooler.hosts.map((name) => ({ address: hostNamed(spec, name).address, port: pooler.port }));
  const entry = poolEntries(spec).find(({ alias }) => alias === database)!;
  const perProcess = entry.pools.find((pool) => pool.role === role)!.connections - entry.reservePoolSize;
  const servers = Math.max(1, perProcess) * pooler.hosts.length * (pooler.processes ?? 1);
  const clients = Math.floor((pooler.maxClientConnections * pooler.hosts.length) / instances / 2);
  return {
    role,
    readWrite: { hosts, database },
    readOnly: { hosts, database: readOnlyAlias(database) },
    direct,
    tls,
    poolMode: pooler.poolMode,
    preparedStatements: pooler.poolMode === "session" || maxPreparedStatements(pooler, pgbouncer) > 0,
    pool: { max: Math.max(1, Math.min(clients, Math.max(2, Math.floor(servers / instances)))), ...times },
  };
}

/** What libpq's connection strings say of TLS. */
export function tlsParameters({ tls }: Pick<ClientEndpoint, "tls">): Record<string, string> {
  return tls === "verify-full" ? { sslmode: tls, sslrootcert: ROOT_CERTIFICATE } : tls ? { sslmode: tls } : {};
}

/** `postgresql://role:<password>@host:port/database?…`; `hosts` one or several, as libpq takes them. */
export function url(
  role: string,
  { hosts, database }: Target,
  parameters: Record<string, string | number> = {},
): string {
  const places = hosts.map(({ address, port }) => `${address}:${port}`).join(",");
  const query = Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
  return `postgresql://${encodeURIComponent(role)}:${PASSWORD}@${places}/${encodeURIComponent(database)}${query ? `?${query}` : ""}`;
}

/** For the stack's outputs: role → database → URLs. */
export function clientUrls(spec: FleetSpec): Record<string, Record<string, { readWrite: string; readOnly: string }>> {
  const urlsOf = (role: string, database: string) => {
    const endpoint = clientEndpoint(spec, role, database, 1);
    const of = (target: Target): string => url(role, target, tlsParameters(endpoint));
    return { readWrite: of(endpoint.readWrite), readOnly: of(endpoint.readOnly) };
  };
  return Object.fromEntries(
    spec.roles
      .map(({ name }) => name)
      .map((role) => {
        const databases = spec.databases.filter(({ name }) => logsInto(spec.roles.find((r) => r.name === role)!, name));
        return [role, Object.fromEntries(databases.map(({ name }) => [name, urlsOf(role, name)]))] as const;
      })
      .filter(([, urls]) => Object.keys(urls).length > 0),
  );
}

const names = (list: readonly { name: string }[]): string => list.map(({ name }) => name).join(", ") || "none";
