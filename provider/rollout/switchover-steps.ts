/**
 * The primary moves. Its data is made a standby's (standby.signal) while it is stopped, before the successor is
 * promoted: whatever starts it from then on starts a standby, so two servers are never writable.
 */

import type { RolloutMember } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import { readControlData } from "../postgres/data-directory.ts";
import { SERVICE, serverReady } from "../postgres/server.ts";
import { literal, select } from "../postgres/sql.ts";
import { isInRecovery, isStandby, makeStandby, signalFile } from "../postgres/standby.ts";
import { CURRENT_TIMELINE } from "../postgres/wal.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { targetOf } from "./member-steps.ts";
import { guardStart } from "./start-guard.ts";

/** What the successor may lack before clients are held back: it gets it while they wait. */
const NEAR_BYTES = 16 * 1024 * 1024;
const READY_LIMIT_MS = 120_000;
/** Stopping and starting go on when a run is cancelled: what is stopped has to be started again. */
const STOP_LIMIT_MS = 600_000;
/** The successor is near, so the rest comes at once or not at all. */
const REST_LIMIT_MS = 15_000;

/** Waits until the successor could take over: it streams from the primary itself, replays, and is near. */
export async function checkSwitchover(from: RolloutMember, to: RolloutMember, context: Context): Promise<void> {
  const what = `${to.name} can take over from ${from.name}`;
  await waitFor(context, { what, limitMs: READY_LIMIT_MS, intervalMs: 100 }, async () => {
    const [seen] = await select<{ state: string; behind: number; timeline: number }>(
      targetOf(from),
      `SELECT state, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn)::float8 AS behind, ${CURRENT_TIMELINE} AS timeline
         FROM pg_stat_replication WHERE application_name = ${literal(to.name)}`,
      context.signal,
    );
    if (seen?.state !== "streaming")
      throw new Error(`it does not stream from ${from.name} (${seen?.state ?? "not connected"})`);
    const [own] = await select<{ recovering: boolean; paused: boolean; timeline: number | null }>(
      targetOf(to),
      `SELECT pg_is_in_recovery() AS recovering, CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS paused, (SELECT received_tli FROM pg_stat_wal_receiver) AS timeline`,
      context.signal,
    );
    if (!own?.recovering) throw new Error("it is no standby");
    if (own.paused) throw new Error("its replay is paused: SELECT pg_wal_replay_resume()");
    if (own.timeline !== seen.timeline)
      throw new Error(`it is on timeline ${own.timeline}, ${from.name} on ${seen.timeline}`);
    if (seen.behind > NEAR_BYTES) throw new Error(`it is ${Math.round(seen.behind / 1048576)} MB behind`);
    return true;
  });
}

/** Stops the primary and makes it a standby. When anything is not as it must be, it is primary again. */
export async function demote(from: RolloutMember, to: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(from.connection);
  const standDown = await guardStart(host, SERVICE, context.signal);
  try {
    context.signal.throwIfAborted();
    const settled = { ...context, signal: AbortSignal.timeout(STOP_LIMIT_MS) };
    try {
      await host.services.stop(SERVICE, settled.signal);
      const end = await cleanEnd(from, settled);
      await hasAll(to, end, settled);
      await makeStandby(host, from.dataDirectory);
      // Something may have started it meanwhile, e.g. a reboot of its host: then it may have written more.
      if (
        (await host.services.status(SERVICE, settled.signal)).running ||
        (await cleanEnd(from, settled)).lsn !== end.lsn
      )
        throw new Error(`${from.name} was started by something else`);
    } catch (error) {
      await backToPrimary(from, settled);
      throw new Error(`${(error as Error).message}; ${from.name} is primary again`, { cause: error });
    }
  } finally {
    await standDown();
  }
}

/** Makes a standby primary. Only when `from` can no longer be one, and has nothing that the standby lacks. */
export async function promote(to: RolloutMember, from: RolloutMember, context: Context): Promise<void> {
  const settled = { ...context, signal: AbortSignal.timeout(STOP_LIMIT_MS) };
  let asked = false;
  try {
    if (!(await isStandby(hostAt(from.connection), from.dataDirectory)))
      throw new Error(`${from.name} would start as a primary: ${to.name} is not promoted`);
    await hasAll(to, await lastOf(from, settled), settled);
    asked = true;
    await select(targetOf(to), "SELECT pg_promote(true, 60) AS done", settled.signal, 70_000);
    await waitFor(
      settled,
      { what: `${to.name} is primary`, limitMs: 60_000, intervalMs: 20 },
      async () => !(await isInRecovery(targetOf(to), settled.signal)),
    );
  } catch (error) {
    // It may become primary at any moment from now on: nobody else may.
    if (asked)
      throw new Error(
        `${(error as Error).message}; ${to.name} was told to be primary, the next run goes on from there`,
        { cause: error },
      );
    try {
      await reinstate(from, to, settled);
    } catch (other) {
      throw new Error(
        `${(error as Error).message}; and ${from.name} is not primary again: ${(other as Error).message}`,
        {
          cause: error,
        },
      );
    }
    throw new Error(`${(error as Error).message}; ${from.name} is primary again`, { cause: error });
  }
}

/** A demoted member is primary again, when it is sure that its successor is not. */
export async function reinstate(from: RolloutMember, successor: RolloutMember, context: Context): Promise<void> {
  if (!(await isInRecovery(targetOf(successor), context.signal))) throw new Error(`${successor.name} is primary`);
  await backToPrimary(from, context);
}

async function backToPrimary(from: RolloutMember, context: Context): Promise<void> {
  const host = hostAt(from.connection);
  const recovering = await isInRecovery(targetOf(from), context.signal).catch(() => undefined);
  if (recovering === false) return;
  if (recovering) {
    await select(targetOf(from), "SELECT pg_promote(true, 60) AS done", context.signal, 70_000);
    return;
  }
  await host.transport.remove(signalFile(from.dataDirectory));
  await host.services.start(SERVICE, context.signal);
  await serverReady(targetOf(from), context);
}

interface LastRecord {
  lsn: string;
  /** Whether the record begins or ends there: a stopped server says the one, a running standby the other. */
  at: "begin" | "end";
}

/** Where the WAL of a cleanly stopped primary ends: its shutdown checkpoint, which is its last record. */
async function cleanEnd(from: RolloutMember, context: Context): Promise<LastRecord> {
  const control = await readControlData(hostAt(from.connection), from.dataDirectory, from.binDirectory, context.signal);
  if (control?.state !== "shut down")
    throw new Error(`${from.name} did not stop cleanly: its state is ${control?.state ?? "unknown"}`);
  return { lsn: control.checkpointLsn, at: "begin" };
}

/** The last record that a former primary has, stopped or running as a standby by now. */
async function lastOf(from: RolloutMember, context: Context): Promise<LastRecord> {
  const [row] = await select<{ lsn: string | null }>(
    targetOf(from),
    "SELECT pg_last_wal_replay_lsn()::text AS lsn",
    context.signal,
  ).catch(() => []);
  if (row?.lsn) return { lsn: row.lsn, at: "end" };
  const control = await readControlData(hostAt(from.connection), from.dataDirectory, from.binDirectory, context.signal);
  if (!control) throw new Error(`${from.name} cannot say where its WAL ends`);
  return { lsn: control.checkpointLsn, at: "begin" };
}

async function hasAll(to: RolloutMember, { lsn, at }: LastRecord, context: Context): Promise<void> {
  const what = `${to.name} has replayed ${lsn}, the last record of the old primary`;
  await waitFor(context, { what, limitMs: REST_LIMIT_MS, intervalMs: 20 }, async () => {
    const [row] = await select<{ lsn: string; done: boolean }>(
      targetOf(to),
      `SELECT pg_last_wal_replay_lsn()::text AS lsn, pg_last_wal_replay_lsn() ${at === "begin" ? ">" : ">="} ${literal(lsn)}::pg_lsn AS done`,
      context.signal,
    );
    if (!row?.done) throw new Error(`it has replayed ${row?.lsn}`);
    return true;
  });
}
