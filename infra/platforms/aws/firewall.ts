/**
 * Who may open a connection to which port: security groups by what a host does, with rules between them, and the
 * networks that pg_hba.conf lets in. Nothing else is open; nobody needs port 22. Pure.
 */

import { type FleetSpec, type HostSpec, hostNamed, isMember } from "../../config/spec.ts";
import { hbaLines } from "../../rendering/hba-lines.ts";
import { PORTS } from "../../rendering/ports.ts";

export const GROUPS = ["members", "poolers", "monitoring"] as const;
export type Group = (typeof GROUPS)[number];

export interface IngressRule {
  to: Group;
  /** A group, or a CIDR network. */
  from: Group | (string & {});
  port: number;
  /** What comes that way, as shown in the console. */
  purpose: string;
}

/** Groups that a host is in: a host may be of several kinds. */
export function groupsOf(spec: FleetSpec, host: HostSpec): Group[] {
  return [
    ...(isMember(host) ? (["members"] as const) : []),
    ...(spec.pooler?.hosts.includes(host.name) ? (["poolers"] as const) : []),
    ...(spec.monitoring?.hosts.includes(host.name) ? (["monitoring"] as const) : []),
  ];
}

/** Hosts whose data outlives their machine. */
export const hasDataVolume = (spec: FleetSpec, host: HostSpec): boolean =>
  groupsOf(spec, host).some((group) => group !== "poolers");

export const isGroup = (from: string): from is Group => (GROUPS as readonly string[]).includes(from);

export function ingressRules(spec: FleetSpec): IngressRule[] {
  const members: IngressRule = { to: "members", from: "members", port: PORTS.postgresql, purpose: "replication" };
  const rules = [members];
  if (spec.pooler) {
    rules.push({ to: "members", from: "poolers", port: PORTS.postgresql, purpose: "PgBouncer" });
    for (const network of spec.allowedNetworks)
      rules.push({ to: "poolers", from: network, port: spec.pooler.port, purpose: "applications" });
  }
  for (const network of networksLetIn(spec))
    rules.push({ to: "members", from: network, port: PORTS.postgresql, purpose: "networks in pg_hba.conf" });
  if (spec.monitoring) {
    rules.push({ to: "members", from: "monitoring", port: PORTS.postgresExporter, purpose: "Prometheus" });
    if (spec.pooler)
      rules.push({ to: "poolers", from: "monitoring", port: PORTS.pgbouncerExporter, purpose: "Prometheus" });
  }
  return rules;
}

/** Networks that some member's pg_hba.conf lets in, beside the fleet's own hosts. */
function networksLetIn(spec: FleetSpec): string[] {
  const own = new Set(spec.hosts.map(({ name }) => `${hostNamed(spec, name).address}/32`));
  const found = hbaLines(spec, true)
    .flatMap(({ lines }) => lines)
    .filter(({ type, method }) => type !== "local" && method !== "reject")
    .map(({ address }) => address)
    .filter((address) => address.includes("/") && !own.has(address) && !isLoopback(address));
  return [...new Set(found)].sort();
}

const isLoopback = (network: string): boolean => network.startsWith("127.") || network.startsWith("::1/");
