/** pgfleet as a person starts it, and fleets to point it at. */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach } from "vitest";
import { stringify } from "yaml";

export const ROOT = path.resolve(import.meta.dirname, "../..");

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgfleet-cli-"));
  folders.push(folder);
  return folder;
}

/** A valid config on platform local; `changes` laid over it, undefined removes a key. */
export function config(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    cluster: "shop",
    version: 15,
    initdb: {
      dataChecksums: true,
      encoding: "UTF8",
      localeProvider: "libc",
      locale: "C.UTF-8",
      walSegmentSize: "16MB",
    },
    memory: "2GB",
    cpus: 1,
    disk: "10GB",
    connections: 40,
    stateDir: "/nonexistent/pgfleet-cli",
    hosts: {
      db1: { role: "primary", address: "127.0.99.1" },
      db2: { role: "replica", address: "127.0.99.2" },
      pool1: { role: "pooler", address: "127.0.99.10" },
      mon1: { role: "monitoring", address: "127.0.99.20" },
    },
    databases: { shop: { owner: "shop_owner" } },
    roles: { shop_owner: { access: "owner", login: false }, shop_app: { access: "readwrite" } },
    ...changes,
  };
}

/** Writes a stack file and gives its path. */
export function stackFile(changes: Record<string, unknown> = {}, folder: string = temporaryFolder()): string {
  const file = path.join(folder, "Pulumi.test.yaml");
  const keys = Object.entries(config(changes)).filter(([, value]) => value !== undefined);
  fs.writeFileSync(
    file,
    stringify({ config: Object.fromEntries(keys.map(([key, value]) => [`postgres-fleet:${key}`, value])) }),
  );
  return file;
}

/** Runs cli/pgfleet.js with this Node. */
export function pgfleet(
  words: string[],
  env: Record<string, string> = {},
): { code: number | null; stdout: string; stderr: string } {
  const { PULUMI_STACK: _, PGFLEET_DEBUG: __, ...clean } = process.env;
  const result = spawnSync(process.execPath, [path.join(ROOT, "cli/pgfleet.js"), ...words], {
    encoding: "utf8",
    cwd: os.tmpdir(),
    env: { ...clean, NO_COLOR: "1", ...env },
    timeout: 60_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}
