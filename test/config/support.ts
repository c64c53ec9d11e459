import { type LoadContext, loadFleet, type Problem, type RawConfig } from "../../infra/config/load.ts";
import type { FleetSpec } from "../../infra/config/spec.ts";

/** The smallest valid config on platform local, with changes laid over it; undefined removes a key. */
export function config(changes: RawConfig = {}): RawConfig {
  const raw: RawConfig = {
    cluster: "broxiva",
    version: 17,
    initdb: {
      dataChecksums: true,
      encoding: "UTF8",
      localeProvider: "libc",
      locale: "C.UTF-8",
      walSegmentSize: "16MB",
    },
    memory: "512MB",
    cpus: 1,
    disk: "10GB",
    hosts: { db1: { role: "primary", address: "127.0.10.1" } },
    ...changes,
  };
  for (const [key, value] of Object.entries(changes)) if (value === undefined) delete raw[key];
  return raw;
}

export const initdb = (changes: Record<string, unknown>): RawConfig => {
  const all: Record<string, unknown> = { ...(config().initdb as object), ...changes };
  for (const [key, value] of Object.entries(changes)) if (value === undefined) delete all[key];
  return { initdb: all };
};

/** Hosts of a small fleet, with more laid over them. */
export const fleet = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  db1: { role: "primary", address: "127.0.10.1" },
  db2: { role: "replica", address: "127.0.10.2" },
  pool1: { role: "pooler", address: "127.0.10.10" },
  mon1: { role: "monitoring", address: "127.0.10.20" },
  ...more,
});

export function problemsOf(raw: RawConfig, context: Partial<LoadContext> = {}): Problem[] {
  const result = loadFleet(raw, { stack: "test", ...context });
  return result.ok ? [] : result.problems;
}

export function specOf(raw: RawConfig, context: Partial<LoadContext> = {}): { spec: FleetSpec; warnings: string[] } {
  const result = loadFleet(raw, { stack: "test", ...context });
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  return result;
}

/** [what, config, path, gist…]: exactly this one problem, and its message says all of the gist. */
export type Case = [string, RawConfig, string, ...(string | RegExp)[]];

export const host = (changes: object): RawConfig => ({
  hosts: { db1: { role: "primary", address: "127.0.10.1", ...changes } },
});
export const existing = (address: string): RawConfig => ({ platform: "existing", ...host({ address }) });
export const roles = { app: { access: "readwrite" }, own: { access: "owner", login: false } };
/** One byte more than PostgreSQL keeps of a name. */
export const long = "a".repeat(64);
