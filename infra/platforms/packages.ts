/** Debian packages of a host that is a machine of its own: what its parts of the fleet are made of. */

import { type FleetSpec, type HostSpec, isMember } from "../config/spec.ts";

/** Names of all packages a host needs, sorted. */
export function packagesOf(spec: FleetSpec, host: HostSpec): string[] {
  const { version } = spec.cluster;
  const member = isMember(host);
  const pooler = spec.pooler?.hosts.includes(host.name) ?? false;
  return [
    ...(member ? [`postgresql-${version}`] : []),
    // psql speaks to PgBouncer's console.
    ...(pooler ? ["pgbouncer", `postgresql-client-${version}`] : []),
    ...(spec.monitoring && member ? ["prometheus-postgres-exporter"] : []),
    // The project's own exporter is in Python; see HostLayout.pgbouncerExporterKind.
    ...(spec.monitoring && pooler ? ["prometheus-pgbouncer-exporter", "python3-psycopg2"] : []),
    ...(spec.monitoring?.hosts.includes(host.name) ? ["prometheus"] : []),
  ].sort();
}

/** Package → version that the stack file asks for, or "": the newest that the host knows when it first installs it. */
export const packageVersions = (spec: FleetSpec, host: HostSpec): Record<string, string> =>
  Object.fromEntries(packagesOf(spec, host).map((name) => [name, spec.packages?.[name] ?? ""]));
