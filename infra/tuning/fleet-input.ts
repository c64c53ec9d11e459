/** A member of a fleet as tuning sees it. */
import { type FleetSpec, type HostSpec, members } from "../config/spec.ts";
import type { TuneInput } from "./input.ts";
import type { BuildFeatures } from "./values.ts";

/** Resident memory of what may run beside a server, MB; rounded up from what such processes use. */
const SUPERVISOR_MB = 32;
const EXPORTER_MB = 40;
const PGBOUNCER_MB = 24;
const PGBOUNCER_MB_PER_CLIENT = 0.01;
const PROMETHEUS_MB = 256;
const PROMETHEUS_MB_PER_HOST = 16;

/** Servers of every platform are Debian's or PGDG's packages; both are built with lz4. The rest differs by release. */
const DEBIAN_BUILD: BuildFeatures = { lz4: true };

/** Memory of the other services the project runs on this host, MB. */
export function otherServicesMb(spec: FleetSpec, host: HostSpec): number {
  let mb = SUPERVISOR_MB;
  if (spec.monitoring) mb += EXPORTER_MB;
  if (spec.pooler?.hosts.includes(host.name)) {
    const { processes = 1, maxClientConnections } = spec.pooler;
    mb += processes * (PGBOUNCER_MB + Math.ceil(PGBOUNCER_MB_PER_CLIENT * maxClientConnections));
    if (spec.monitoring) mb += EXPORTER_MB;
  }
  if (spec.monitoring?.hosts.includes(host.name)) mb += PROMETHEUS_MB + PROMETHEUS_MB_PER_HOST * spec.hosts.length;
  return mb;
}

/**
 * Server connections all PgBouncers together can ask one server for: each has a pool for every database and login
 * role. Counted twice for each database: its pool for writes and its pool for reads can meet on one server.
 */
export function pooledConnections(spec: FleetSpec): number | undefined {
  const { pooler } = spec;
  if (!pooler) return undefined;
  const users = Math.max(1, spec.roles.filter((role) => role.login).length);
  const pools = Math.max(1, spec.databases.length) * 2 * users;
  return pooler.hosts.length * (pooler.processes ?? 1) * pools * (pooler.poolSize + pooler.reservePoolSize);
}

/** @param replicas of the spec; given where many members are asked for */
export function memberInput(spec: FleetSpec, host: HostSpec, replicas: number = members(spec).length - 1): TuneInput {
  const { cluster } = spec;
  const pooled = pooledConnections(spec);
  // Containers and loopback hosts share the machine's kernel: huge pages are not theirs to reserve.
  const ownsKernel = spec.platform === "existing" || spec.platform === "aws";
  return {
    version: cluster.version,
    workload: cluster.workload,
    memoryMb: host.memoryMb,
    cpus: host.cpus,
    diskMb: host.diskMb,
    storage: host.storage,
    ...(cluster.connections === undefined ? {} : { connections: cluster.connections }),
    ...(pooled === undefined ? {} : { pooledConnections: pooled }),
    otherServicesMb: otherServicesMb(spec, host),
    replicas,
    walSegmentSizeMb: cluster.initdb.walSegmentSizeMb,
    dataChecksums: cluster.initdb.dataChecksums,
    build: DEBIAN_BUILD,
    ...(ownsKernel ? {} : { hugePages: "off" as const }),
    overrides: { cluster: cluster.parameters, host: host.parameters },
  };
}
