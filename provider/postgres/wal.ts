/** A server's WAL: positions in it, and what is of it on disk while the server does not run. */

import * as path from "node:path";
import { type Host, hostAt } from "../host.ts";
import { run } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import type { ControlData } from "./data-directory.ts";
import type { MemberAddress } from "./members.ts";

/**
 * The timeline that a primary writes: an SQL expression. pg_control_checkpoint() says that of the last checkpoint,
 * which is an old one until the first checkpoint after a promotion has ended, minutes later on a busy server.
 */
export const CURRENT_TIMELINE = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";

/** "1/A0" → 4294967456n */
export function lsnBytes(lsn: string): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** Names of the segments in pg_wal, oldest first on each timeline. */
async function segments(host: Host, dataDirectory: string): Promise<string[]> {
  const names = (await host.transport.list(path.join(dataDirectory, "pg_wal"))) ?? [];
  return names.filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
}

/** The timeline that its WAL ends on: the last checkpoint may have been on the one before. */
export async function lastTimeline(host: Host, dataDirectory: string, checkpointTimeline: number): Promise<number> {
  const newest = (await segments(host, dataDirectory)).at(-1);
  return Math.max(checkpointTimeline, newest ? Number.parseInt(newest.slice(0, 8), 16) : 0);
}

/** Where the last record begins: the checkpoint of a clean stop, else the last one that pg_waldump can read. */
export async function endOfWal(
  member: Omit<MemberAddress, "port"> & { dataDirectory: string },
  control: ControlData,
  context: Context,
): Promise<string | undefined> {
  if (control.state === "shut down") return control.checkpointLsn;
  const host = hostAt(member.connection);
  const own = (await segments(host, member.dataDirectory)).find(
    (name) => Number.parseInt(name.slice(0, 8), 16) === control.timeline,
  );
  // A new timeline begins with a copy of the segment that the old one was left in.
  const from =
    control.timeline === control.checkpointTimeline
      ? [`--timeline=${control.timeline}`, `--start=${control.checkpointLsn}`]
      : own === undefined
        ? undefined
        : [own];
  if (!from) return undefined;
  const waldump = [
    path.join(member.binDirectory, "pg_waldump"),
    `--path=${path.join(member.dataDirectory, "pg_wal")}`,
    ...from,
  ];
  // It ends with an error where WAL ends; only its last line matters.
  const last = await run(host.transport, ["sh", "-c", '"$@" 2>/dev/null | tail -n 1', "sh", ...waldump], {
    user: host.connection.user,
    signal: context.signal,
    timeoutMs: 600_000,
  });
  return /\blsn: ([0-9A-F]+\/[0-9A-F]+)/i.exec(last)?.[1];
}
