/** What a reviewer should not miss: what is taken away, and warnings. */

import { formatMb } from "../config/units.ts";
import { isHotStandbyParameter } from "../tuning/facts.ts";
import { lostAccess } from "./access.ts";
import { component } from "./generations.ts";
import type { ComparedHost } from "./host.ts";
import { HostLines } from "./host-lines.ts";
import { machineWarnings } from "./machines.ts";
import type { PlanFile } from "./plan-file.ts";
import { secretWarnings } from "./secrets.ts";
import type { Comparison, SecretValues } from "./types.ts";

/** Components that nothing runs from. */
const NO_SERVICE: Record<string, string> = {
  client: "files for clients",
  os: "settings of the operating system are no longer kept",
};

export function removedLines(before: PlanFile, after: PlanFile, hosts: ComparedHost[]): string[] {
  const lines = new HostLines();
  for (const { pair, host, hba } of hosts) {
    const { before: was, after: is } = pair;
    if (was && !is) {
      const member = component(was, "postgresql") !== undefined;
      lines.add(
        member ? "drained, stopped, slot and HBA lines dropped; its data stays" : `${was.role} stopped`,
        was.name,
      );
    }
    if (!was || !is) continue;
    for (const { name } of was.components)
      if (!component(is, name)) lines.add(NO_SERVICE[name] ?? `${name} is stopped`, is.name);
    for (const parameter of host?.parameters ?? [])
      if (parameter.after === null && was.settings[parameter.name]?.source)
        lines.add(`${parameter.name} is no longer set (was ${parameter.before})`, is.name);
    if (hba) for (const line of lostAccess(...hba)) lines.add(line, is.name);
  }
  return [
    ...lines.lines(),
    ...undeclared("database", before.databases, after.databases),
    ...undeclared("role", before.roles, after.roles),
  ];
}

function undeclared(
  noun: string,
  before: { name: string }[] | undefined,
  after: { name: string }[] | undefined,
): string[] {
  const names = (before ?? []).map(({ name }) => name).filter((name) => after?.every((other) => other.name !== name));
  return names.map((name) => `${noun} ${name} is no longer declared; what exists stays in the cluster`);
}

export function warningLines(
  before: PlanFile,
  after: PlanFile,
  hosts: ComparedHost[],
  secrets: [SecretValues, SecretValues],
  pools: Comparison["pools"],
): string[] {
  const lines = new HostLines();
  const general: string[] = [];
  if (before.primary !== after.primary)
    general.push(`the primary moves from ${before.primary} to ${after.primary}: clients wait while it does`);
  for (const { pair, host } of hosts) {
    const { before: was, after: is } = pair;
    const name = (is ?? was)!.name;
    const member = component(is ?? was, "postgresql") !== undefined;
    if (!was && member) lines.add("new member, cloned from the primary", name);
    if (!is && member) lines.add("member removed", name);
    if (was && is?.reclone && was.reclone !== undefined && was.reclone !== is.reclone)
      lines.add("new data is asked for: what it has is moved aside, and cloned anew", name);
    if (was && is) for (const line of machineWarnings(was, is)) lines.add(line, name);
    if (was && is && is.memoryMb < was.memoryMb)
      lines.add(`memory decreases, ${formatMb(was.memoryMb)} → ${formatMb(is.memoryMb)}`, name);
    const server = (host?.parameters ?? []).filter(({ component: of }) => of === "postgresql");
    const five = server.filter(({ name: parameter }) => isHotStandbyParameter(parameter));
    for (const { name: parameter, before: a, after: b } of five)
      lines.add(
        `${parameter} ${a ?? "unset"} → ${b ?? "unset"}, never smaller on a standby than on its primary: members restart in order`,
        name,
      );
    const waiting = server.filter(({ class: needs }) => needs === "restart" || needs === "ordered-restart");
    if (after.restart === "manual" && waiting.length > 0)
      lines.add(
        `under restart: manual, ${waiting.map(({ name: parameter }) => parameter).join(", ")} ${waiting.length === 1 ? "waits" : "wait"} for a restart by hand`,
        name,
      );
  }
  const old = new Set(before.warnings);
  for (const text of after.warnings.filter((warning) => !old.has(warning))) {
    const [, name = "", own = ""] = /^([^:\s]+): (.*)$/s.exec(text) ?? [];
    if (after.hosts.some((host) => host.name === name)) lines.add(own, name);
    else general.push(text);
  }
  const warnings = lines.lines();
  const sum = pools?.after;
  if (sum && sum.pooled + sum.direct > sum.maxConnections)
    warnings.push(
      `poolers may open ${sum.pooled} connections to one server, ${sum.direct} are kept for others, and max_connections is ${sum.maxConnections}`,
    );
  return [...warnings, ...secretWarnings(...secrets), ...general];
}
