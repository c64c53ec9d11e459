/** plan.json: what a render says about a fleet beside its files. The contract between two revisions of the project. */

import { hash } from "node:crypto";
import { type FleetSpec, type HostSpec, isMember, members, tlsVerified, upstreamOf } from "../config/spec.ts";
import type { Fleet } from "../fleet.ts";
import { generationHash } from "../rendering/generation.ts";
import { filesByPath } from "../rendering/hash.ts";
import { aliasesPerPooler, fleetPoolLimits, poolerProcesses } from "../rendering/pools.ts";
import type { Component, HostPlan } from "../rendering/types.ts";
import { DIRECT_CONNECTIONS } from "../tuning/input.ts";
import type { Budget, Setting } from "../tuning/types.ts";

/** Raised when a field changes its meaning or goes away; new fields do not count. */
export const PLAN_VERSION = 1;

export interface PlanFile {
  version: typeof PLAN_VERSION;
  stack: string;
  platform: FleetSpec["platform"];
  cluster: string;
  /** PostgreSQL major. */
  postgresql: number;
  /** Where hosts have PostgreSQL from; only of hosts that are machines of their own. */
  packageSource?: "distribution" | "pgdg";
  workload: FleetSpec["cluster"]["workload"];
  /** As declared; null: chosen by workload and memory. */
  connections: number | null;
  primary: string;
  restart: FleetSpec["cluster"]["restart"];
  synchronous: FleetSpec["cluster"]["synchronous"];
  rollout: FleetSpec["rollout"];
  /** Former members that cannot be reached and will not come back. */
  gone: string[];
  initdb: FleetSpec["cluster"]["initdb"];
  hosts: PlanHost[];
  /** Whether connections have to be TLS; null: none is. A revision that did not write it down had none. */
  tls?: "required" | "offered" | null;
  /** null without a pooler. */
  pools: PlanPools | null;
  roles: PlanRole[];
  databases: FleetSpec["databases"];
  warnings: string[];
}

export interface PlanHost {
  name: string;
  role: HostSpec["role"];
  address: string;
  memoryMb: number;
  cpus: number;
  diskMb: number;
  storage: HostSpec["storage"];
  /** Member that a replica streams from; "" for others. */
  upstream: string;
  /** A new value asks for new data; "" never asked. */
  reclone: string;
  /** Of machines that the stack makes: the cloud's name for the size, and what asks for another machine. */
  machine?: { size: string; replace: string };
  components: PlanComponent[];
  /** Members: parameter → value in force, sorted by name; the rest where tuning or an override decided it. */
  settings: Record<string, PlanSetting>;
  /** null unless the host runs a server. */
  budget: Budget | null;
}

export type PlanSetting = { value: string } & Partial<Pick<Setting, "reason" | "class" | "source">>;

export interface PlanComponent {
  name: string;
  /** Name of its generation when every secret is at version 1. */
  generation: string;
  files: PlanFileEntry[];
  /** Names of the secrets that `up` fills in. */
  secrets: string[];
}

export interface PlanFileEntry {
  /** Relative to plan.json. */
  path: string;
  /** Octal, e.g. "0640". */
  mode: string;
  /** What a change of this file needs. */
  change: "reload" | "restart";
  /** Of the file as rendered: placeholders where secrets go. */
  sha256: string;
}

export interface PlanPools {
  poolers: string[];
  poolMode: string;
  poolSize: number;
  reservePoolSize: number;
  maxClientConnections: number;
  /** Per entry of [databases], per PgBouncer. */
  maxDbConnections: number;
  /** How that follows from max_connections. */
  detail: string;
  /** Server connections that all PgBouncers together may open, to all members. */
  serverConnections: number;
  /** The most of them that can meet on one server. */
  perServer: number;
  /** Connections that one server keeps for its superuser and for who does not come through a pooler. */
  direct: number;
  /** The smallest max_connections of the members. */
  maxConnections: number;
}

export interface PlanRole {
  name: string;
  login: boolean;
  access: string;
  connectionLimit: number;
}

/** Pure. @param names hosts to describe, in the order of the spec; default: all */
export function planFile(fleet: Fleet, warnings: readonly string[] = [], names?: readonly string[]): PlanFile {
  const { spec } = fleet;
  const { cluster } = spec;
  const wanted = names && new Set(names);
  return {
    version: PLAN_VERSION,
    stack: spec.stack,
    platform: spec.platform,
    cluster: cluster.name,
    postgresql: cluster.version,
    ...(spec.hosts.some(({ ssh }) => ssh) ? { packageSource: spec.packageSource ?? "distribution" } : {}),
    workload: cluster.workload,
    connections: cluster.connections ?? null,
    primary: spec.primary,
    restart: cluster.restart,
    synchronous: cluster.synchronous,
    rollout: spec.rollout,
    gone: spec.gone,
    initdb: cluster.initdb,
    hosts: spec.hosts.filter((host) => wanted?.has(host.name) ?? true).map((host) => planHost(fleet, host)),
    tls: spec.tls ? (tlsVerified(spec) ? "required" : "offered") : null,
    pools: planPools(fleet),
    roles: spec.roles.map(({ name, login, access, connectionLimit }) => ({ name, login, access, connectionLimit })),
    databases: spec.databases,
    warnings: [
      ...warnings,
      ...[...fleet.tunings].flatMap(([name, { warnings: own }]) => own.map((text) => `${name}: ${text}`)),
    ],
  };
}

function planHost(fleet: Fleet, host: HostSpec): PlanHost {
  const plan = fleet.plans.get(host.name)!;
  const { name, role, address, memoryMb, cpus, diskMb, storage } = host;
  return {
    name,
    role,
    address,
    memoryMb,
    cpus,
    diskMb,
    storage,
    upstream: isMember(host) ? upstreamOf(fleet.spec, host) : "",
    reclone: host.reclone ?? "",
    ...(host.aws ? { machine: { size: host.aws.instanceType, replace: host.aws.replace } } : {}),
    components: plan.components.map((component) => planComponent(name, component)),
    settings: isMember(host) ? planSettings(fleet, plan) : {},
    budget: fleet.tunings.get(name)?.budget ?? null,
  };
}

function planComponent(host: string, component: Component): PlanComponent {
  let generation: string | undefined;
  return {
    name: component.name,
    // Only when it is asked for: it takes as long as everything else about a file.
    get generation() {
      generation ??= generationHash(
        filesByPath(component.files),
        Object.fromEntries(component.secrets.map((name) => [name, 1])),
      );
      return generation;
    },
    files: component.files.map(({ path, mode, change, body }) => ({
      path: filePath(host, component.name, path),
      mode,
      change,
      sha256: hash("sha256", body),
    })),
    secrets: component.secrets,
  };
}

function planSettings(fleet: Fleet, plan: HostPlan): PlanHost["settings"] {
  const tuned = fleet.tunings.get(plan.host)!.settings;
  const settings: PlanHost["settings"] = {};
  for (const name of Object.keys(plan.settings).sort())
    settings[name] = planSetting(plan.settings[name]!, tuned.get(name));
  return settings;
}

/** Members that are tuned alike share their settings, and so do their plans. */
const planned = new WeakMap<Setting, PlanSetting>();

function planSetting(value: string, why: Setting | undefined): PlanSetting {
  if (!why) return { value };
  let setting = planned.get(why);
  if (setting?.value !== value) {
    setting = { value, class: why.class, source: why.source, reason: why.reason };
    planned.set(why, setting);
  }
  return setting;
}

function planPools({ spec, tunings, layouts }: Fleet): PlanPools | null {
  const { pooler } = spec;
  if (!pooler) return null;
  const { maxDbConnections, detail } = fleetPoolLimits({ spec, tunings, layouts, templates: new Map() });
  const smallest = (name: string, fallback: number): number[] =>
    members(spec).map((host) => Number(tunings.get(host.name)?.settings.get(name)?.value ?? fallback));
  // With replicas the two entries of a database lead to different servers.
  const entriesPerServer = spec.databases.length * (members(spec).length > 1 ? 1 : 2);
  const reserved =
    Math.max(...smallest("superuser_reserved_connections", 3)) + Math.max(...smallest("reserved_connections", 0));
  return {
    poolers: pooler.hosts,
    poolMode: pooler.poolMode,
    poolSize: pooler.poolSize,
    reservePoolSize: pooler.reservePoolSize,
    maxClientConnections: pooler.maxClientConnections,
    maxDbConnections,
    detail,
    serverConnections: poolerProcesses(spec) * aliasesPerPooler(spec) * maxDbConnections,
    perServer: poolerProcesses(spec) * entriesPerServer * maxDbConnections,
    direct: reserved + DIRECT_CONNECTIONS,
    maxConnections: Math.min(...smallest("max_connections", 100)),
  };
}

/** Where `render` puts a file, relative to its folder. */
export const filePath = (host: string, component: string, file: string): string => `${host}/${component}/${file}`;
