/** Making and reading a data directory with the server's own programs. */

import * as path from "node:path";
import type { Bootstrap } from "../../infra/resources.ts";
import type { Host } from "../host.ts";
import { run } from "../transports/transport.ts";
import { lastTimeline } from "./wal.ts";

/** PostgreSQL programs this needs, all in one directory of the distribution's package. */
export async function requirePrograms(host: Host, binDirectory: string, version: number): Promise<void> {
  for (const program of ["initdb", "postgres", "pg_basebackup", "pg_controldata", "psql"]) {
    if (await host.transport.exists(path.join(binDirectory, program))) continue;
    const installed = ((await host.transport.list("/usr/lib/postgresql")) ?? []).sort();
    throw new Error(
      `PostgreSQL ${version} is not installed on ${host.name}: no ${path.join(binDirectory, program)}. ` +
        `Installed majors: ${installed.join(", ") || "none"}. Install postgresql-${version} (\`make tools\` does on this machine), or set \`version\` to one that is.`,
    );
  }
}

/** Folder that a data directory is made in before it gets its name; left-overs of a killed run have the same name. */
export const partDirectory = (dataDirectory: string): string => `${dataDirectory}.part`;

/** initdb into a part folder, renamed when complete: a data directory is whole or not there. */
export async function initData(
  host: Host,
  dataDirectory: string,
  binDirectory: string,
  bootstrap: Bootstrap,
  signal: AbortSignal,
): Promise<void> {
  const { transport, connection } = host;
  const part = partDirectory(dataDirectory);
  await transport.remove(part);
  await transport.makeDirectory(part, { mode: "0700", user: connection.user });
  const locale =
    bootstrap.localeProvider === "icu"
      ? ["--locale-provider=icu", `--icu-locale=${bootstrap.locale}`, "--locale=C.UTF-8"]
      : [`--locale=${bootstrap.locale}`];
  await run(
    transport,
    [
      path.join(binDirectory, "initdb"),
      "-D",
      part,
      "-U",
      "postgres",
      "--auth-local=peer",
      "--auth-host=scram-sha-256",
      `--encoding=${bootstrap.encoding}`,
      ...locale,
      `--wal-segsize=${bootstrap.walSegmentSizeMb}`,
      ...(bootstrap.dataChecksums ? ["--data-checksums"] : []),
    ],
    { user: connection.user, signal, timeoutMs: 300_000 },
  );
  await transport.rename(part, dataDirectory);
}

export interface ControlData {
  systemIdentifier: string;
  /** e.g. "in production", "shut down", "in archive recovery". */
  state: string;
  /** That its WAL ends on. */
  timeline: number;
  /** Of its last checkpoint: an earlier one for a while after a promotion. */
  checkpointTimeline: number;
  /** Where its last checkpoint record begins, e.g. "0/3000028". After a clean stop it is the last of its WAL. */
  checkpointLsn: string;
  dataChecksums: boolean;
  walSegmentSizeMb: number;
  /** The hot-standby five as the primary had them where this data is: a standby does not start with less. */
  primary5: Record<string, number>;
}

/** Parameter → what pg_controldata calls it. */
const PRIMARY5 = {
  max_connections: "max_connections setting",
  max_worker_processes: "max_worker_processes setting",
  max_wal_senders: "max_wal_senders setting",
  max_prepared_transactions: "max_prepared_xacts setting",
  max_locks_per_transaction: "max_locks_per_xact setting",
};

/** pg_controldata; undefined when there is no cluster at this place. */
export async function readControlData(
  host: Host,
  dataDirectory: string,
  binDirectory: string,
  signal: AbortSignal,
): Promise<ControlData | undefined> {
  if (!(await host.transport.exists(path.join(dataDirectory, "global", "pg_control")))) return undefined;
  const text = await run(host.transport, [path.join(binDirectory, "pg_controldata"), "-D", dataDirectory], {
    user: host.connection.user,
    signal,
  });
  const field = (label: string): string => text.match(new RegExp(`^${label}:\\s*(.*)$`, "m"))?.[1]?.trim() ?? "";
  const checkpointTimeline = Number(field("Latest checkpoint's TimeLineID"));
  return {
    systemIdentifier: field("Database system identifier"),
    state: field("Database cluster state"),
    timeline: await lastTimeline(host, dataDirectory, checkpointTimeline),
    checkpointTimeline,
    checkpointLsn: field("Latest checkpoint location"),
    dataChecksums: field("Data page checksum version") !== "0",
    walSegmentSizeMb: Number(field("Bytes per WAL segment")) / 1048576,
    primary5: Object.fromEntries(Object.entries(PRIMARY5).map(([name, label]) => [name, Number(field(label))])),
  };
}

/** Major version of a data directory; undefined when there is none. */
export async function dataVersion(host: Host, dataDirectory: string): Promise<number | undefined> {
  const facts = await host.transport.readFile(path.join(dataDirectory, "PG_VERSION"));
  return facts ? Number.parseInt(facts.text, 10) : undefined;
}
