/** A fleet made by hand for rendering tests: tuning is tested elsewhere. */

import { join } from "node:path";
import type { FleetSpec, HostSpec } from "../../infra/config/spec.ts";
import { isMember } from "../../infra/config/spec.ts";
import { type LocalLayoutOptions, localLayout } from "../../infra/platforms/layout.ts";
import type { RenderInput } from "../../infra/rendering/render.ts";
import { loadTemplates } from "../../infra/rendering/templates.ts";
import type { HostPlan } from "../../infra/rendering/types.ts";
import type { Setting, Tuning } from "../../infra/tuning/types.ts";

export const TEMPLATES = join(import.meta.dirname, "../../templates");

export function host(name: string, role: HostSpec["role"], address: string): HostSpec {
  return {
    name,
    role,
    address,
    memoryMb: 1024,
    cpus: 2,
    diskMb: 20480,
    storage: "ssd",
    parameters: {},
    protect: false,
  };
}

export function fleet(changes: Partial<FleetSpec> = {}): FleetSpec {
  return {
    stack: "local",
    platform: "local",
    cluster: {
      name: "main",
      version: 15,
      workload: "web",
      restart: "rolling",
      synchronous: "off",
      initdb: {
        dataChecksums: true,
        encoding: "UTF8",
        localeProvider: "libc",
        locale: "C.UTF-8",
        walSegmentSizeMb: 16,
      },
      parameters: {},
    },
    hosts: [
      host("db1", "primary", "127.0.10.1"),
      host("db2", "replica", "127.0.10.2"),
      host("db-3", "replica", "127.0.10.3"),
      host("pool1", "pooler", "127.0.10.11"),
      host("mon1", "monitoring", "127.0.10.21"),
    ],
    primary: "db1",
    gone: [],
    state: "shared",
    protect: false,
    rollout: { limitSeconds: 5, tries: 3, terminate: false },
    pooler: {
      hosts: ["pool1"],
      poolMode: "transaction",
      maxClientConnections: 500,
      poolSize: 20,
      reservePoolSize: 5,
      port: 6432,
      parameters: {},
    },
    monitoring: { hosts: ["mon1"], scrapeIntervalSeconds: 15, retentionDays: 15, prometheusPort: 9090 },
    databases: [{ name: "app", owner: "app", extensions: [] }],
    roles: [
      { name: "app", login: true, connectionLimit: -1, access: "owner", password: { kind: "generated" } },
      { name: "reporter", login: true, connectionLimit: 5, access: "readonly", password: { kind: "generated" } },
      { name: "staff", login: false, connectionLimit: -1, access: "readonly", password: { kind: "generated" } },
    ],
    allowedNetworks: ["10.1.0.0/16"],
    ...changes,
  };
}

/** TLS as a config has it that says nothing of it. */
export const tls: NonNullable<FleetSpec["tls"]> = {
  required: true,
  clients: "require",
  validDays: 365,
  renew: 1,
  caVersion: 1,
  caTrusted: [1],
};

const setting = (
  value: string,
  reason: string,
  change: Setting["class"],
  source: Setting["source"] = "tuned",
): Setting => ({
  value,
  reason,
  class: change,
  source,
});

export function tuning(extra: Record<string, Setting> = {}): Tuning {
  return {
    settings: new Map(
      Object.entries({
        max_connections: setting("100", "workload web", "ordered-restart"),
        shared_buffers: setting("128MB", "12.5 % of 1 GB", "restart"),
        wal_level: setting("replica", "streaming replication", "restart", "project"),
        archive_mode: setting("on", "backups later need no restart", "restart", "project"),
        work_mem: setting("4MB", "what is left ÷ connections", "new-sessions"),
        effective_cache_size: setting("768MB", "75 % of 1 GB", "reload"),
        archive_command: setting("/bin/true", "harmless until backups are set up", "reload", "project"),
        log_line_prefix: setting("%m [%p] %q%u@%d ", "time, process, who", "reload", "project"),
        password_encryption: setting("scram-sha-256", "nothing weaker", "reload", "project"),
        ...extra,
      }),
    ),
    budget: {
      limitMb: 820,
      totalMb: 640,
      terms: [
        { name: "shared memory", mb: 140, detail: "128 MB shared_buffers + 12 MB fixed" },
        { name: "backends", mb: 500, detail: "100 × 5 MB" },
      ],
    },
    warnings: [],
  };
}

export const override = (value: string, change: Setting["class"] = "reload"): Setting =>
  setting(value, "parameters of the stack", change, "override");

export interface InputOptions {
  layout?: Partial<LocalLayoutOptions>;
  stateRoot?: string;
  tuning?: (host: HostSpec) => Tuning;
}

export function input(spec: FleetSpec = fleet(), options: InputOptions = {}): RenderInput {
  const layout: LocalLayoutOptions = { version: spec.cluster.version, user: "postgres", ...options.layout };
  return {
    spec,
    tunings: new Map(spec.hosts.filter(isMember).map((h) => [h.name, (options.tuning ?? (() => tuning()))(h)])),
    layouts: new Map(
      spec.hosts.map((h) => [h.name, localLayout(options.stateRoot ?? "/var/lib/pgfleet/local", h, layout)]),
    ),
    templates: loadTemplates(TEMPLATES),
  };
}

/** Body of a rendered file; fails with what there is. */
export function body(plans: HostPlan[], hostName: string, file: string): string {
  const all = plans.flatMap((plan) =>
    plan.components.flatMap((c) => c.files.map((f) => ({ key: `${plan.host}/${c.name}/${f.path}`, body: f.body }))),
  );
  const found = all.find(({ key }) => key === `${hostName}/${file}`);
  if (!found) throw new Error(`no ${hostName}/${file} among ${all.map(({ key }) => key).join(", ")}`);
  return found.body;
}
