/** Platform `local`: this machine is the fleet; each host is a loopback address and a folder. */

import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { userInfo } from "node:os";
import * as path from "node:path";
import type { FleetSpec } from "../config/spec.ts";
import type { HostLayout } from "../rendering/types.ts";
import { localLayout } from "./layout.ts";
import { programVersion } from "./program-version.ts";

/** A unix socket's path may have 107 bytes; PostgreSQL adds "/.s.PGSQL.5432". */
const LONGEST_RUN_ROOT = 50;
const PGBOUNCER = "/usr/sbin/pgbouncer";

/**
 * Folder of a local stack: `stateDir` of the config, else $PGFLEET_STATE_DIR, else `/var/lib/pgfleet/<stack>` as
 * root and `<project>/.state/<stack>` otherwise.
 */
export function localStateDir(spec: Pick<FleetSpec, "stack" | "stateDir">, projectRoot: string): string {
  if (spec.stateDir) return spec.stateDir;
  if (process.env.PGFLEET_STATE_DIR) return path.resolve(process.env.PGFLEET_STATE_DIR);
  return runsAsRoot() ? path.join("/var/lib/pgfleet", spec.stack) : path.join(projectRoot, ".state", spec.stack);
}

export const runsAsRoot = (): boolean => process.getuid?.() === 0;

export function localLayouts(spec: FleetSpec, projectRoot: string): Map<string, HostLayout> {
  const stateDir = localStateDir(spec, projectRoot);
  const user = runsAsRoot() ? "postgres" : userInfo().username;
  const supervisorUser = runsAsRoot() ? "root" : user;
  const exporter = pgbouncerExporterKind("/usr/bin/prometheus-pgbouncer-exporter");
  const pgbouncer = programVersion(PGBOUNCER);
  const short =
    stateDir.length > LONGEST_RUN_ROOT
      ? { runRoot: `/tmp/pgfleet-${createHash("sha256").update(stateDir).digest("hex").slice(0, 12)}` }
      : {};
  return new Map(
    spec.hosts.map((host) => [
      host.name,
      localLayout(stateDir, host, {
        version: spec.cluster.version,
        user,
        supervisorUser,
        pgbouncerExporterKind: exporter,
        ...(pgbouncer ? { versions: { pgbouncer } } : {}),
        ...short,
      }),
    ]),
  );
}

/** Debian 13 has the Go exporter, earlier releases a Python script, under the same name. */
function pgbouncerExporterKind(program: string): "python" | "go" {
  try {
    const file = openSync(program, "r");
    const start = Buffer.alloc(2);
    readSync(file, start, 0, 2, 0);
    closeSync(file);
    return start.toString() === "#!" ? "python" : "go";
  } catch {
    return "python";
  }
}
