/** A server's WAL: positions in it, and what is of it on disk while the server does not run. */

import * as path from "node:path";
import { hostAt } from "../host.ts";
import { run } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import type { ControlData } from "./data-directory.ts";
import type { MemberAddress } from "./members.ts";

/** The timeline that a primary writes: an SQL expression. */
export const CURRENT_TIMELINE = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";

/** "1/A0" → 4294967456n */
export function lsnBytes(lsn: string): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** Where the last record begins: the checkpoint of a clean stop, else the last one that pg_waldump can read. */
export async function endOfWal(
  member: Omit<MemberAddress, "port"> & { dataDirectory: string },
  control: ControlData,
  context: Context,
): Promise<string | undefined> {
  if (control.state === "shut down") return control.checkpointLsn;
  const host = hostAt(member.connection);
  const waldump = [
    path.join(member.binDirectory, "pg_waldump"),
    `--path=${path.join(member.dataDirectory, "pg_wal")}`,
    `--timeline=${control.timeline}`,
    `--start=${control.checkpointLsn}`,
  ];
  // It ends with an error where WAL ends; only its last line matters.
  const last = await run(host.transport, ["sh", "-c", '"$@" 2>/dev/null | tail -n 1', "sh", ...waldump], {
    user: host.connection.user,
    signal: context.signal,
    timeoutMs: 600_000,
  });
  return /\blsn: ([0-9A-F]+\/[0-9A-F]+)/i.exec(last)?.[1];
}
