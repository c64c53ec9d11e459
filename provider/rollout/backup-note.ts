/** Says when no backup of the cluster is known. Whoever makes backups leaves the time of the last in a file on its member. */

import * as path from "node:path";
import type { RolloutInputs, RolloutMember } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import type { Transport } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import type { LiveFleet } from "./observe.ts";

/** What one member knows of backups; neither: its file is not there. */
export interface BackupMark {
  member: string;
  /** When the last backup was made. */
  atMs?: number;
  /** Why the file does not say when. */
  problem?: string;
}

const OLD_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
const READ_LIMIT_MS = 20_000;
/** ISO 8601 with its zone: `date -u +%FT%TZ`, `date --iso-8601=seconds`. */
const TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})$/;
const NOT_THERE = 3;
// Not more than a line is read of whatever lies there.
const READ = `[ -e "$1" ] || exit ${NOT_THERE}
head -c 200 -- "$1"`;

/** One warning or none, and never a failure. This machine's own fleets are not asked for backups. */
export async function warnOfBackups(inputs: RolloutInputs, live: LiveFleet, context: Context): Promise<void> {
  const reachable = new Set(live.members.filter((m) => m.reachable).map((m) => m.name));
  const asked = inputs.members.filter((m) => m.connection.platform !== "local" && reachable.has(m.name));
  if (asked.length === 0) return;
  const marks = await Promise.all(asked.map((member) => readMark(member, context.signal)));
  const note = backupNote(inputs.cluster, marks, Date.now());
  if (note) context.log("warning", note);
}

async function readMark({ name, connection }: RolloutMember, signal: AbortSignal): Promise<BackupMark> {
  try {
    const { transport, paths } = hostAt(connection);
    return await markOn(transport, name, path.join(paths.home, "last-backup"), signal);
  } catch (error) {
    return { member: name, problem: (error as Error).message };
  }
}

/** @param file path on the member's host */
export async function markOn(
  transport: Transport,
  member: string,
  file: string,
  signal: AbortSignal,
): Promise<BackupMark> {
  const said = await transport.exec(["sh", "-c", READ, "read-mark", file], { signal, timeoutMs: READ_LIMIT_MS });
  if (said.code === NOT_THERE) return { member };
  if (said.code !== 0) return { member, problem: `${file} cannot be read: ${said.stderr.trim() || said.code}` };
  const [, time, zone] = TIME.exec(said.stdout.trim()) ?? [];
  const atMs = Date.parse(`${time}${zone?.replace(/^(...)(\d\d)$/, "$1:$2")}`);
  if (!Number.isNaN(atMs)) return { member, atMs };
  const shown = JSON.stringify(said.stdout.trim().slice(0, 40));
  return { member, problem: `${file} has to hold one time with its zone, as of date -u +%FT%TZ, and holds ${shown}` };
}

/** What is to be said of a cluster's backups; undefined: nothing. */
export function backupNote(cluster: string, marks: readonly BackupMark[], nowMs: number): string | undefined {
  const problems = marks.flatMap(({ member, atMs, problem }) => {
    if (atMs !== undefined && atMs > nowMs + DAY_MS)
      return [`the last backup on ${member} is in the future: ${new Date(atMs).toISOString()}`];
    return problem === undefined ? [] : [`${member}: ${problem}`];
  });
  const known = marks.filter((m) => m.atMs !== undefined && m.atMs <= nowMs + DAY_MS);
  const newest = known.toSorted((a, b) => b.atMs! - a.atMs!)[0];
  const ageDays = newest ? (nowMs - newest.atMs!) / DAY_MS : 0;
  const lines: string[] = [];
  if (!newest)
    lines.push(
      `no backup of cluster ${cluster} is known: asked for last-backup ${marks.length === 1 ? "was" : "were"} ${marks.map((m) => m.member).join(", ")}`,
    );
  else if (ageDays > OLD_DAYS)
    lines.push(
      `the last backup of cluster ${cluster} is ${Math.floor(ageDays)} days old (${newest.member}, ${new Date(newest.atMs!).toISOString()})`,
    );
  lines.push(...problems);
  return lines.length === 0 ? undefined : `${lines.join("; ")}. docs/production.md says how a backup is noted.`;
}
