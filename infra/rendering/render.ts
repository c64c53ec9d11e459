/** FleetSpec → every file of every host. Pure: the same input gives the same text, byte by byte. */

import { type HostSpec, isMember } from "../config/spec.ts";
import { clientComponent, hasClient } from "./client.ts";
import { pgbouncerExporterComponent, postgresExporterComponent } from "./exporters.ts";
import type { HostInput, RenderInput } from "./host-input.ts";
import { layoutProblems } from "./layout-check.ts";
import { EXPORTER_ROLE, POOLER_ADMIN, REPLICATION_ROLE, readOnlyAlias, STATS_USER, SUPERUSER } from "./names.ts";
import { hasOs, osComponent } from "./os.ts";
import { pgbouncerComponent, pgbouncerProblems } from "./pgbouncer.ts";
import { poolGateProblems } from "./pool-gate.ts";
import { postgresqlComponent, tuningProblems } from "./postgresql.ts";
import { prometheusComponent } from "./prometheus.ts";
import { supervisorComponent } from "./supervisor.ts";
import { hasSystemd } from "./systemd.ts";
import type { Component, HostPlan } from "./types.ts";

export type { RenderInput } from "./host-input.ts";

/**
 * Renders the fleet, hosts in the order of the spec.
 *
 * @throws Error with every problem at once, one per line: a host without layout or tuning, a layout that a file
 *   format cannot carry, a parameter the project owns, names that collide; then template errors with file and line.
 */
export function renderFleet(input: RenderInput): HostPlan[] {
  const problems = [...fleetProblems(input), ...input.spec.hosts.flatMap((host) => hostProblems(input, host))];
  // The sum is about tunings and hosts that are there.
  if (problems.length === 0) problems.push(...poolGateProblems(input));
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const plans: HostPlan[] = [];
  const failures = new Set<string>();
  for (const host of input.spec.hosts) {
    try {
      plans.push(renderHost({ ...input, host, layout: input.layouts.get(host.name)! }));
    } catch (error) {
      // The same line of a template fails on every host: say it once.
      for (const line of (error as Error).message.split("\n")) failures.add(line);
    }
  }
  if (failures.size > 0) throw new Error([...failures].join("\n"));
  return plans;
}

function renderHost(input: HostInput): HostPlan {
  const { host, spec } = input;
  const components: Component[] = hasSystemd(input) ? [] : [supervisorComponent(input)];
  let settings: Record<string, string> = {};
  const pooler = spec.pooler?.hosts.includes(host.name) ?? false;
  if (isMember(host)) {
    const server = postgresqlComponent(input);
    components.push(server.component);
    settings = server.settings;
  }
  if (pooler) components.push(pgbouncerComponent(input));
  if (spec.monitoring && isMember(host)) components.push(postgresExporterComponent(input));
  if (spec.monitoring && pooler) components.push(pgbouncerExporterComponent(input));
  if (spec.monitoring?.hosts.includes(host.name)) components.push(prometheusComponent(input));
  if (hasClient(input)) components.push(clientComponent(input));
  if (hasOs(input)) components.push(osComponent(input));
  return { host: host.name, components, settings };
}

function hostProblems({ layouts, spec, tunings }: RenderInput, host: HostSpec): string[] {
  const problems: string[] = [];
  const layout = layouts.get(host.name);
  if (layout) problems.push(...layoutProblems(host, layout));
  else problems.push(`host "${host.name}" has no layout`);
  if (layout && spec.pooler?.hosts.includes(host.name)) problems.push(...pgbouncerProblems(spec, host, layout));
  if (isMember(host)) {
    const tuning = tunings.get(host.name);
    if (tuning) problems.push(...tuningProblems(host.name, tuning, spec.cluster.synchronous === "quorum"));
    else problems.push(`host "${host.name}" is a member and has no tuning`);
  }
  return problems;
}

function fleetProblems({ spec }: RenderInput): string[] {
  const problems: string[] = [];
  const reserved = new Set([SUPERUSER, REPLICATION_ROLE, EXPORTER_ROLE, STATS_USER, POOLER_ADMIN]);
  const databases = new Set(spec.databases.map((database) => database.name));
  for (const role of spec.roles) {
    if (reserved.has(role.name)) problems.push(`roles: "${role.name}" is the project's own; choose another name`);
    if (role.login && !/^[A-Za-z0-9_.-]+$/.test(role.name)) {
      problems.push(`roles: "${role.name}" may log in, so its name may only hold letters, digits and _ . -`);
    }
  }
  for (const name of databases) {
    if (spec.pooler && name === "pgbouncer")
      problems.push(`databases: "pgbouncer" is PgBouncer's console; choose another name`);
    if (spec.pooler && databases.has(readOnlyAlias(name))) {
      problems.push(
        `databases: "${readOnlyAlias(name)}" is PgBouncer's name for the replicas of "${name}"; choose another name`,
      );
    }
  }
  const hosts = new Set(spec.hosts.map((host) => host.name));
  const named: [string, readonly string[]][] = [
    ["primary", [spec.primary]],
    ["pooler.hosts", spec.pooler?.hosts ?? []],
    ["monitoring.hosts", spec.monitoring?.hosts ?? []],
  ];
  for (const [key, list] of named)
    for (const name of list) if (!hosts.has(name)) problems.push(`${key}: there is no host "${name}"`);
  return problems;
}
