/**
 * Holding clients back while their server restarts. A transaction that runs is waited for, one that begins waits.
 * Nobody waits longer than the limit: a watchdog on each pooler's host resumes whatever becomes of us.
 */

import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import { type SqlTarget, select } from "../postgres/sql.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { command, quoteName } from "./console.ts";
import { entriesInForce } from "./entries.ts";
import { type PoolerProcess, runningProcesses } from "./processes.ts";
import { arm, disarm } from "./watchdog.ts";

export interface PauseLimits {
  /** Longest time that clients wait, counted from sending PAUSE. */
  limitMs: number;
  /** Opt-in: end the sessions that are in the way instead of backing out. */
  terminate: boolean;
}

/** Part of the limit that running transactions get to end in; the rest is the restart's. */
const DRAIN_SHARE = 0.6;

/** Could not pause: sessions are in the way. Nothing is paused any more. */
export class Blocked extends Error {}

export interface Paused {
  /** Says RESUME everywhere and takes the watchdogs away; gives how long clients were held back, in ms. */
  resume(): Promise<number>;
}

export async function pause(
  primary: RolloutMember,
  poolers: RolloutPooler[],
  target: SqlTarget,
  limits: PauseLimits,
  context: Context,
): Promise<Paused> {
  const held = (
    await Promise.all(poolers.map((pooler) => heldBy(pooler, primary.connection.address, context.signal)))
  ).flat();
  await noOldTransaction(target, limits, context);
  const started = Date.now();
  const resume = async (): Promise<number> => {
    // Not the run's own signal: a cancelled run must resume as well.
    const signal = AbortSignal.timeout(15_000);
    const results = await Promise.allSettled(
      held.flatMap(({ pooler, aliases }) => aliases.map((alias) => resumeOne(pooler, alias, signal))),
    );
    const heldBackMs = Date.now() - started;
    await Promise.allSettled(held.map(({ pooler }) => disarm(pooler, signal)));
    const failed = results.find((r): r is PromiseRejectedResult => r.status === "rejected");
    if (failed) throw failed.reason;
    return heldBackMs;
  };
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(new Error("the limit has passed")), limits.limitMs * DRAIN_SHARE);
  try {
    await Promise.all(held.map(({ pooler, aliases }) => arm(pooler, aliases, limits.limitMs, context.signal)));
    const signal = AbortSignal.any([waiting.signal, context.signal]);
    // Abandoning the console connection is the only way out of a PAUSE that waits: RESUME leaves it hanging.
    await Promise.all(
      held.flatMap(({ pooler, aliases }) => aliases.map((alias) => pauseOne(pooler, alias, signal, limits.limitMs))),
    );
    return { resume };
  } catch (error) {
    const inTheWay = waiting.signal.aborted
      ? await sessionsInTransaction(target, context.signal, 0).catch(() => [])
      : [];
    await resume();
    context.signal.throwIfAborted();
    if (!waiting.signal.aborted) throw error;
    throw new Blocked(
      `transactions did not end within ${(limits.limitMs * DRAIN_SHARE) / 1000} s: ${inTheWay.map(describeSession).join("; ") || "none is open any more"}`,
    );
  } finally {
    clearTimeout(timer);
  }
}

async function pauseOne(pooler: PoolerProcess, alias: string, signal: AbortSignal, limitMs: number): Promise<void> {
  try {
    await command(pooler, `PAUSE ${quoteName(alias)}`, signal, limitMs + 5000);
  } catch (error) {
    if (!/already (paused|suspended)/i.test((error as Error).message)) throw error;
  }
}

/** RESUME; that nothing is paused is fine. */
export async function resumeOne(pooler: PoolerProcess, alias: string, signal: AbortSignal): Promise<void> {
  try {
    await command(pooler, `RESUME ${quoteName(alias)}`, signal);
  } catch (error) {
    if (!/not paused/i.test((error as Error).message)) throw error;
  }
}

interface Held {
  pooler: PoolerProcess;
  aliases: string[];
}

/** Every process of a pooler, with its entries that lead to the address. */
async function heldBy(pooler: RolloutPooler, address: string, signal: AbortSignal): Promise<Held[]> {
  const entries = await entriesInForce(pooler);
  const aliases = entries.filter((entry) => entry.hosts.includes(address)).map((entry) => entry.alias);
  return (await runningProcesses(pooler, signal)).map((process) => ({ pooler: process, aliases }));
}

interface Session {
  pid: number;
  user: string;
  application: string;
  age_s: number;
  state: string;
}

/** Waits for transactions older than the limit: they would hold PAUSE up, and clients with it. */
async function noOldTransaction(target: SqlTarget, limits: PauseLimits, context: Context): Promise<void> {
  let old: Session[] = [];
  try {
    await waitFor(
      context,
      { what: "no transaction is older than the pause limit", limitMs: limits.limitMs, intervalMs: 200 },
      async () => {
        old = await sessionsInTransaction(target, context.signal, limits.limitMs / 1000);
        if (old.length > 0 && limits.terminate) await terminate(target, old, context);
        return old.length === 0;
      },
    );
  } catch (error) {
    context.signal.throwIfAborted();
    if (old.length === 0) throw error;
    throw new Blocked(
      `transactions older than ${limits.limitMs / 1000} s are open: ${old.map(describeSession).join("; ")}`,
    );
  }
}

function sessionsInTransaction(target: SqlTarget, signal: AbortSignal, olderThanSeconds: number): Promise<Session[]> {
  return select<Session>(
    target,
    `SELECT pid, coalesce(usename, '') AS user, application_name AS application, state, round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 1) AS age_s
       FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND xact_start < clock_timestamp() - make_interval(secs => ${olderThanSeconds}) ORDER BY xact_start`,
    signal,
  );
}

async function terminate(target: SqlTarget, sessions: Session[], context: Context): Promise<void> {
  for (const session of sessions) {
    context.log("warning", `terminating ${describeSession(session)}`);
    await select(target, `SELECT pg_terminate_backend(${session.pid}) AS done`, context.signal);
  }
}

const describeSession = (s: Session): string =>
  `pid ${s.pid}, user ${s.user}, ${s.age_s} s old, ${s.state}${s.application ? `, ${s.application}` : ""}`;
