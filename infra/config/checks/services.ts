/** The pooler and monitoring: which hosts they run on, ports, ranges. */

import { PORTS } from "../../rendering/ports.ts";
import type { Report } from "../problems.ts";
import { definedOnly } from "../resolve-hosts.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec, MonitoringSpec, PoolerSpec } from "../spec.ts";
import { didYouMean } from "../suggest.ts";
import { formatSeconds } from "../units.ts";
import { resolvePools } from "./pools.ts";

const daySeconds = 86_400;

export function resolvePooler(draft: Draft, hosts: HostSpec[], report: Report): PoolerSpec | undefined {
  const given = draft.pooler;
  const names = serviceHosts("pooler", given?.hosts, given !== undefined, draft, hosts, report);
  if (names.length === 0) return undefined;
  const parameters = definedOnly(given?.parameters ?? {});
  checkPoolerParameters(parameters, report);
  const pools = resolvePools(draft, report);
  return {
    hosts: names,
    poolMode: given?.poolMode ?? "transaction",
    maxClientConnections: given?.maxClientConnections ?? 1000,
    poolSize: given?.poolSize ?? 20,
    reservePoolSize: given?.reservePoolSize ?? 5,
    port: given?.port ?? 6432,
    parameters,
    ...pools,
  };
}

/** PgBouncer settings that other keys of the config, or the project itself, decide: name → where instead. */
const POOLER_OWNED: Record<string, string> = {
  pool_mode: "pooler.poolMode",
  default_pool_size: "pooler.poolSize",
  reserve_pool_size: "pooler.reservePoolSize",
  max_client_conn: "pooler.maxClientConnections",
  max_prepared_statements: "pooler.maxPreparedStatements",
  max_db_connections: "pooler.databases.<name>.maxConnections",
  so_reuseport: "pooler.processes",
  peer_id: "pooler.processes",
  listen_port: "pooler.port",
  listen_addr: "the host's address",
  admin_users: "pooler.adminUsers",
  stats_users: "pooler.statsUsers",
  client_tls_sslmode: "tls.clients",
  client_tls_ca_file: "tls",
  client_tls_cert_file: "tls",
  client_tls_key_file: "tls",
  server_tls_sslmode: "tls.required",
  server_tls_ca_file: "tls",
  auth_type: "",
  auth_file: "",
  unix_socket_dir: "",
  pidfile: "",
  logfile: "",
  user: "",
};

function checkPoolerParameters(parameters: Record<string, string>, report: Report): void {
  for (const name of Object.keys(parameters)) {
    const instead = POOLER_OWNED[name];
    if (!/^[a-z][a-z0-9_]*$/.test(name))
      report.add(
        ["pooler", "parameters", name],
        "is not the name of a PgBouncer setting: small letters, digits and _.",
      );
    else if (instead !== undefined)
      report.add(
        ["pooler", "parameters", name],
        instead ? `is decided by ${instead}: set that instead.` : "is the project's own and cannot be set.",
      );
  }
}

export function resolveMonitoring(draft: Draft, hosts: HostSpec[], report: Report): MonitoringSpec | undefined {
  const given = draft.monitoring;
  const scrape = given?.scrapeInterval ?? 15;
  const retention = given?.retention ?? 15 * daySeconds;
  if (scrape < 1 || scrape > 3600)
    report.add(["monitoring", "scrapeInterval"], `is ${formatSeconds(scrape)}. It must be a duration from 1s to 1h.`);
  if (retention < daySeconds || retention > 3650 * daySeconds || retention % daySeconds !== 0) {
    report.add(
      ["monitoring", "retention"],
      `is ${formatSeconds(retention)}. It must be whole days, from 1d to 3650d, e.g. "15d".`,
    );
  }
  if (given?.enabled === false) {
    const idle = hosts.filter((h) => h.role === "monitoring").map((h) => h.name);
    if (idle.length > 0) report.warn(`monitoring.enabled is false: nothing runs on ${idle.join(", ")}.`);
    return undefined;
  }
  const names = serviceHosts("monitoring", given?.hosts, given !== undefined, draft, hosts, report);
  if (names.length === 0) return undefined;
  return {
    hosts: names,
    scrapeIntervalSeconds: scrape,
    retentionDays: retention / daySeconds,
    prometheusPort: given?.prometheusPort ?? 9090,
  };
}

function serviceHosts(
  role: "pooler" | "monitoring",
  listed: string[] | undefined,
  declared: boolean,
  draft: Draft,
  hosts: HostSpec[],
  report: Report,
): string[] {
  const withRole = hosts.filter((h) => h.role === role).map((h) => h.name);
  if (listed === undefined) {
    if (declared && withRole.length === 0 && !report.has([role, "hosts"])) {
      report.add(
        [role],
        `is set, but no host has role ${role}. Add one under hosts, name hosts with ${role}.hosts, or remove the key ${role}.`,
      );
    }
    return withRole;
  }
  const known = Object.keys(draft.hosts ?? {});
  listed.forEach((name, index) => {
    if (!known.includes(name))
      report.add(
        [role, "hosts", index],
        `names "${name}", which is no host.${didYouMean(name, known)} Hosts are: ${known.join(", ") || "none"}.`,
      );
  });
  const idle = withRole.filter((name) => !listed.includes(name));
  if (idle.length > 0)
    report.add(
      [role, "hosts"],
      `leaves out ${idle.join(", ")}, which ${idle.length === 1 ? "has" : "have"} role ${role}. Add ${idle.length === 1 ? "it" : "them"} to the list, or remove the host.`,
    );
  return listed;
}

export interface Listener {
  host: string;
  address: string;
  port: number;
  /** The service, and the key that sets its port. */
  what: string;
}

/** Every port the fleet will listen on. */
export function listeners(
  hosts: HostSpec[],
  pooler: PoolerSpec | undefined,
  monitoring: MonitoringSpec | undefined,
): Listener[] {
  const found: Listener[] = [];
  for (const { name: host, address, role } of hosts) {
    const add = (port: number, what: string): number => found.push({ host, address, port, what });
    const isMember = role === "primary" || role === "replica";
    if (isMember) add(PORTS.postgresql, "PostgreSQL");
    if (isMember && monitoring) add(PORTS.postgresExporter, "postgres_exporter");
    if (pooler?.hosts.includes(host)) add(pooler.port, "PgBouncer (pooler.port)");
    if (pooler?.hosts.includes(host) && monitoring) add(PORTS.pgbouncerExporter, "pgbouncer_exporter");
    if (monitoring?.hosts.includes(host)) add(monitoring.prometheusPort, "Prometheus (monitoring.prometheusPort)");
  }
  return found;
}

/** Two services of the fleet on one port of one host. */
export function checkPortClashes(all: Listener[], report: Report): void {
  const reported = new Set<string>();
  const first = new Map<string, Listener>();
  for (const listener of all) {
    const place = `${listener.host}:${listener.port}`;
    const other = first.get(place);
    if (other === undefined) {
      first.set(place, listener);
      continue;
    }
    const path = listener.what.startsWith("Prometheus") ? ["monitoring", "prometheusPort"] : ["pooler", "port"];
    const key = path.join(".");
    if (reported.has(key)) continue;
    reported.add(key);
    report.add(
      path,
      `${listener.what} and ${other.what} would both listen on port ${listener.port} of host ${listener.host}. Choose another port, or another host for one of them.`,
    );
  }
}
