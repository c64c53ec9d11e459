/** Waiting until a standby follows, and knowing when it never will. */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { type Host, hostAt } from "../host.ts";
import { lastFatal } from "../postgres/server.ts";
import { literal, select } from "../postgres/sql.ts";
import { run } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { sizeText } from "./clone-progress.ts";
import { targetOf } from "./member-steps.ts";

/** Without streaming and without replaying anything for so long, waiting is over. */
const STALLED_MS = 120_000;
/** As long as it replays, it may take. */
const LIMIT_MS = 7 * 24 * 3600_000;
/** Nearer than this it counts as caught up: a busy primary is never level with its standbys. */
const NEAR_BYTES = 16 * 1024 * 1024;
/** A cascaded standby may be ahead of its upstream for a while, e.g. until that one has replayed the same. */
const CASCADE_PATIENCE_MS = 30_000;

export interface Obstacle {
  /** The server's own words. */
  words: string;
  /** Over once and for all; otherwise only when it streams from the primary itself. */
  final: boolean;
}

const OBSTACLES: { pattern: RegExp; final: boolean }[] = [
  { pattern: /requested WAL segment \S+ has already been removed/, final: true },
  { pattern: /replication slot .* (has been invalidated|can no longer)|slot has been invalidated/, final: true },
  { pattern: /database system identifier differs between the primary and standby/, final: true },
  {
    pattern: /new timeline \d+ forked off current database system timeline \d+ before current recovery point \S+/,
    final: true,
  },
  { pattern: /requested timeline \d+ is not (a child of|in) this server's history/, final: false },
  { pattern: /requested starting point \S+ on timeline \d+ is not in this server's history/, final: false },
  { pattern: /requested starting point \S+ is ahead of the WAL flush position of this server \S+/, final: false },
  { pattern: /highest timeline \d+ of the primary is behind recovery timeline \d+/, final: false },
];

/** What a standby's log says that keeps it from following; undefined when nothing does. The last line counts. */
export function obstacleIn(log: string): Obstacle | undefined {
  for (const line of log.split("\n").reverse())
    for (const { pattern, final } of OBSTACLES) {
      const words = pattern.exec(line)?.[0];
      if (words) return { words, final };
    }
  return undefined;
}

/** The error of a member that never will follow, with the one way out. */
export function neverFollows(member: RolloutMember, upstream: RolloutMember, why: string): string {
  const now = member.reclone === "" ? "it has none now" : `it is ${member.reclone} now`;
  return (
    `${member.name} can never follow ${upstream.name} with the data it has: ${why}. ` +
    `Set hosts.${member.name}.reclone to a new value (${now}) to clone it anew; its data is kept aside.`
  );
}

/**
 * Waits until the member streams from its upstream, primary or replica, and has replayed all but the last 16 MB of
 * what the primary has written.
 *
 * @throws Error as soon as it is known that it never will: WAL it needs is gone, its slot was cut off, it diverged
 */
export async function waitStreaming(
  upstream: RolloutMember,
  member: RolloutMember,
  context: Context,
  primary: RolloutMember = upstream,
): Promise<void> {
  const host = hostAt(member.connection);
  const watch = await logWatch(host, context);
  const progress = { lsn: "", atMs: Date.now() };
  let lookedAtMs = 0;
  let obstructedSinceMs = 0;
  const what = `${member.name} streams from ${upstream.name} and has caught up`;
  await waitFor(context, { what, limitMs: LIMIT_MS, intervalMs: 200 }, async () => {
    const look = Date.now() - lookedAtMs >= 1000;
    if (look) lookedAtMs = Date.now();
    const source = await askSource(upstream, member, context).catch(unlessAborted(context));
    const behind = await askMember(member, primary, context).catch(unlessAborted(context));
    const streams = source?.state === "streaming";
    if (streams && behind && behind.bytes <= NEAR_BYTES) return true;
    if (behind && behind.lsn !== progress.lsn) Object.assign(progress, { lsn: behind.lsn, atMs: Date.now() });
    if (streams && behind) context.status(`${member.name} is ${sizeText(behind.bytes / 1024)} behind ${primary.name}`);
    if (behind?.paused) {
      // It came by a time when the primary had more of the five: it goes on after a restart, which the next look plans.
      context.log("warning", `${member.name} does not replay: ${await lastFatal(host, "its replay is paused")}`);
      return true;
    }
    if (!streams && look) {
      if (source?.wal_status === "lost")
        throw new GiveUp(
          neverFollows(member, upstream, `its slot on ${upstream.name} was cut off (max_slot_wal_keep_size)`),
        );
      const obstacle = obstacleIn(await watch());
      if (!obstacle) obstructedSinceMs = 0;
      else obstructedSinceMs ||= Date.now();
      const sure = obstacle && (obstacle.final || upstream.name === primary.name);
      if (obstacle && (sure || Date.now() - obstructedSinceMs > CASCADE_PATIENCE_MS))
        throw new GiveUp(neverFollows(member, upstream, obstacle.words));
    }
    if (Date.now() - progress.atMs > STALLED_MS)
      throw new GiveUp(
        `waited ${STALLED_MS / 1000} s in vain until ${what}; it ${streams ? "streams and replays" : "does not stream and replays"} nothing: ${await lastFatal(host, "")}`,
      );
    return false;
  });
}

const unlessAborted =
  (context: Context) =>
  (error: unknown): undefined => {
    context.signal.throwIfAborted();
    context.log("debug", (error as Error).message);
    return undefined;
  };

async function askSource(upstream: RolloutMember, member: RolloutMember, context: Context) {
  const [row] = await select<{ state: string | null; wal_status: string | null }>(
    targetOf(upstream),
    `SELECT (SELECT max(state) FROM pg_stat_replication WHERE application_name = ${literal(member.name)} AND state = 'streaming') AS state,
            (SELECT wal_status FROM pg_replication_slots WHERE slot_name = ${literal(member.slot)}) AS wal_status`,
    context.signal,
  );
  return row;
}

/** Where the member is, and how far that is from what the primary has written. */
async function askMember(member: RolloutMember, primary: RolloutMember, context: Context) {
  const [written] = await select<{ lsn: string }>(
    targetOf(primary),
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn",
    context.signal,
  );
  const [row] = await select<{ lsn: string | null; bytes: number; paused: boolean }>(
    targetOf(member),
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused, pg_last_wal_replay_lsn()::text AS lsn, greatest(0, pg_wal_lsn_diff(${literal(written!.lsn)}, pg_last_wal_replay_lsn()))::float8 AS bytes`,
    context.signal,
  );
  return row?.lsn ? { lsn: row.lsn, bytes: row.bytes, paused: row.paused } : undefined;
}

/** Gives what a server wrote to its log since the last look; what it said before does not count. */
async function logWatch(host: Host, context: Context): Promise<() => Promise<string>> {
  const file = path.join(host.paths.log, "postgresql.log");
  const { signal } = context;
  const size = async (): Promise<number> =>
    (await host.transport.exists(file)) ? Number(await run(host.transport, ["stat", "-c", "%s", file], { signal })) : 0;
  let from = await size();
  return async () => {
    const now = await size();
    // The service manager began a new file.
    if (now < from) from = 0;
    if (now === from) return "";
    const text = await run(host.transport, ["tail", "-c", `+${from + 1}`, file], { signal });
    from = now;
    return text;
  };
}
