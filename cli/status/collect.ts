/** A live look at every host at once, each within its own limit: one that hangs delays nobody and hides nothing. */

import { type HostSpec, isMember } from "../../infra/config/spec.ts";
import type { Fleet } from "../../infra/fleet.ts";
import { connections } from "../../infra/platforms/platform.ts";
import type { Connection } from "../../infra/resources.ts";
import { hostAt } from "../../provider/host.ts";
import { UnreachableError } from "../../provider/transports/transport.ts";
import { probeCertificates } from "./certificates.ts";
import { checkFiles } from "./files.ts";
import { probeExporter, probePrometheus } from "./monitoring.ts";
import { probePooler } from "./pooler.ts";
import { firstLine, type Probe } from "./probe.ts";
import { psqlLine } from "./psql-line.ts";
import { replicationOf } from "./replication.ts";
import { probeServer, type ServerFacts } from "./server.ts";
import {
  type ExporterStatus,
  type FleetStatus,
  type HostStatus,
  Problems,
  STATUS_VERSION,
  type State,
} from "./types.ts";

/** What one host may take. */
export const HOST_LIMIT_MS = 5000;

interface Found {
  status: HostStatus;
  server?: ServerFacts;
}

/** Reads only. Never throws for a host: what goes wrong there is a problem of that host. */
export async function collectFleet(fleet: Fleet, limitMs = HOST_LIMIT_MS): Promise<FleetStatus> {
  const { spec } = fleet;
  const reach = connections(spec, fleet.layouts);
  const found = await Promise.all(spec.hosts.map((host) => collectHost(fleet, host, reach.get(host.name)!, limitMs)));
  const servers = new Map(found.flatMap(({ status, server }) => (server ? [[status.name, server] as const] : [])));
  const replication = replicationOf(spec, servers);
  const hosts = found.map(({ status }) => {
    const server = status.server && { ...status.server };
    if (server) {
      const followed = replication.byReplica.get(status.name);
      if (followed) server.replication = followed;
      server.replicas = [...replication.byReplica].filter(([, r]) => r.from === status.name).map(([name]) => name);
    }
    const problems = [...status.problems, ...replication.problems.filter((p) => p.host === status.name)];
    return { ...status, ...(server ? { server } : {}), problems };
  });
  const problems = [...hosts.flatMap((host) => host.problems), ...replication.problems.filter((p) => p.host === null)];
  return {
    version: STATUS_VERSION,
    stack: spec.stack,
    cluster: spec.cluster.name,
    ok: problems.length === 0,
    hosts,
    problems,
    psql: psqlLine(fleet),
  };
}

async function collectHost(fleet: Fleet, declared: HostSpec, connection: Connection, limitMs: number): Promise<Found> {
  const { spec } = fleet;
  const problems = new Problems(declared.name);
  const host = hostAt(connection);
  const signal = AbortSignal.timeout(limitMs);
  const status: HostStatus = {
    name: declared.name,
    role: declared.role,
    address: declared.address,
    state: "absent",
    exporters: [],
    problems: problems.list,
  };
  const probe: Probe = {
    spec,
    declared,
    host,
    layout: fleet.layouts.get(declared.name)!,
    plan: fleet.plans.get(declared.name)!,
    signal,
    problems,
  };
  try {
    if (!(await host.transport.exists(host.paths.owner))) {
      problems.add("nothing of this stack is on it; `pulumi up` makes it");
      return { status };
    }
    return await collectServices(probe, status);
  } catch (error) {
    const unreachable = error instanceof UnreachableError;
    problems.add(unreachable ? firstLine(error) : `could not be looked at: ${firstLine(error)}`);
    return { status: { ...status, state: unreachable || signal.aborted ? "unreachable" : "no answer" } };
  }
}

async function collectServices(probe: Probe, status: HostStatus): Promise<Found> {
  const { spec, declared, host, signal, problems } = probe;
  const [pools, watches] = [spec.pooler?.hosts.includes(declared.name), spec.monitoring?.hosts.includes(declared.name)];
  const exporters: ExporterStatus["name"][] = [];
  if (spec.monitoring && isMember(declared)) exporters.push("postgres_exporter");
  if (spec.monitoring && pools) exporters.push("pgbouncer_exporter");
  const [server, pooler, prometheus, exporterStates, certificates] = await Promise.all([
    isMember(declared) ? probeServer(probe) : undefined,
    pools ? probePooler(probe) : undefined,
    watches ? probePrometheus(probe) : undefined,
    Promise.all(exporters.map((name) => probeExporter(probe, name))),
    probeCertificates(probe),
    checkFiles(probe),
    supervised(probe),
  ]);
  const state: State =
    server?.status.state ??
    pooler?.state ??
    prometheus?.state ??
    ((await host.services.alive(signal)) ? "running" : "stopped");
  const found = { ...status, state, exporters: exporterStates, problems: problems.list };
  const parts = {
    ...(server ? { server: server.status } : {}),
    ...(pooler ? { pooler } : {}),
    ...(prometheus ? { prometheus } : {}),
    ...(certificates.length > 0 ? { certificates } : {}),
  };
  return { status: { ...found, ...parts }, ...(server ? { server } : {}) };
}

async function supervised({ host, signal, problems }: Probe): Promise<void> {
  const alive = await host.services.alive(signal).catch(() => false);
  if (!alive) problems.add("supervisord does not run or does not answer: nothing restarts what ends");
}
