/** What was declared otherwise, in the words of the stack file. */

import { formatMb } from "../config/units.ts";
import { HostLines } from "./host-lines.ts";
import type { HostPair } from "./pairs.ts";
import type { PlanFile, PlanHost, PlanPools } from "./plan-file.ts";

/** One line each; hosts with the same change share a line. Fields that one side does not know are left out. */
export function declaredFacts(before: PlanFile, after: PlanFile, pairs: HostPair[]): string[] {
  return [...stackFacts(before, after), ...hostFacts(before, after, pairs), ...catalogFacts(before, after)];
}

function stackFacts(a: PlanFile, b: PlanFile): string[] {
  const pool = (key: keyof PlanPools): [string, unknown, unknown] => [`pooler.${key}`, a.pools?.[key], b.pools?.[key]];
  const rows: [string, unknown, unknown][] = [
    ["platform", a.platform, b.platform],
    ["cluster", a.cluster, b.cluster],
    ["version", a.postgresql, b.postgresql],
    ["packageSource", a.packageSource, b.packageSource],
    ["workload", a.workload, b.workload],
    ["connections", a.connections, b.connections],
    ["restart", a.restart, b.restart],
    ["synchronous", a.synchronous, b.synchronous],
    ["primary", a.primary, b.primary],
    ...keysOf(a.initdb, b.initdb).map((key): [string, unknown, unknown] => [
      `initdb.${key}`,
      a.initdb?.[key],
      b.initdb?.[key],
    ]),
    ...keysOf(a.rollout, b.rollout).map((key): [string, unknown, unknown] => [
      `rollout.${key}`,
      a.rollout?.[key],
      b.rollout?.[key],
    ]),
    pool("poolMode"),
    pool("poolSize"),
    pool("reservePoolSize"),
    pool("maxClientConnections"),
  ];
  return rows
    .filter(([, x, y]) => differ(x, y))
    .map(([name, x, y]) => `${name}: ${x ?? "not set"} → ${y ?? "not set"}`);
}

function hostFacts(a: PlanFile, b: PlanFile, pairs: HostPair[]): string[] {
  const lines = new HostLines();
  const shown: [string, (host: PlanHost, plan: PlanFile) => unknown][] = [
    ["role", (host) => host.role],
    ["address", (host) => host.address],
    ["size", ({ machine }) => machine?.size],
    ["memory", (host) => host.memoryMb && formatMb(host.memoryMb)],
    ["cpus", (host) => host.cpus],
    ["disk", (host) => host.diskMb && formatMb(host.diskMb)],
    ["storage", (host) => host.storage],
    ["upstream", ({ upstream }, { primary }) => (upstream === "" || upstream === primary ? "the primary" : upstream)],
    ["replace", ({ machine }) => machine && (machine.replace === "" ? "not set" : machine.replace)],
    ["reclone", ({ reclone }) => (reclone === "" ? "not set" : reclone)],
  ];
  for (const { before, after } of pairs) {
    if (before && after) {
      if (before.name !== after.name) lines.add(`renamed from ${before.name}`, after.name);
      for (const [name, of] of shown)
        if (differ(of(before, a), of(after, b))) lines.add(`${name} ${of(before, a)} → ${of(after, b)}`, after.name);
    } else if (after) lines.add(`new ${after.role}`, after.name);
    else if (before) lines.add(`${before.role} removed`, before.name);
  }
  return lines.lines();
}

function catalogFacts(a: PlanFile, b: PlanFile): string[] {
  return [...named("role", a.roles, b.roles), ...named("database", a.databases, b.databases)];
}

function named<T extends { name: string }>(noun: string, before: T[] | undefined, after: T[] | undefined): string[] {
  if (!before || !after) return [];
  const lines: string[] = [];
  for (const item of after) {
    const old = before.find(({ name }) => name === item.name);
    if (!old) lines.push(`${noun} ${item.name}: new`);
    else
      for (const key of keysOf(old, item))
        if (differ(old[key], item[key]))
          lines.push(`${noun} ${item.name}: ${String(key)} ${text(old[key])} → ${text(item[key])}`);
  }
  for (const old of before)
    if (!after.some(({ name }) => name === old.name)) lines.push(`${noun} ${old.name}: no longer declared`);
  return lines;
}

const keysOf = <T extends object>(a: T | undefined, b: T | undefined): (keyof T & string)[] =>
  [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])] as (keyof T & string)[];
const text = (value: unknown): string => (Array.isArray(value) ? value.join(", ") || "none" : String(value));
const differ = (a: unknown, b: unknown): boolean =>
  a !== undefined && b !== undefined && JSON.stringify(a) !== JSON.stringify(b);
