/** Waiting on a condition: named, bounded, cancellable, and visible in the engine's progress line. */

import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "./types.ts";

export interface WaitOptions {
  /** What is waited for, as in "db2 accepts connections". */
  what: string;
  limitMs: number;
  /** Default 50. */
  intervalMs?: number;
}

/**
 * Calls `probe` until it gives a value. While it gives undefined or throws, waits and asks again; at the limit
 * the error names what was waited for and the last thing that went wrong.
 */
export async function waitFor<T>(
  context: Context,
  options: WaitOptions,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const started = Date.now();
  let last = "";
  let shownAt = started;
  for (;;) {
    context.signal.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      last = (error as Error).message;
    }
    const waitedMs = Date.now() - started;
    if (waitedMs > options.limitMs) {
      throw new Error(
        `waited ${options.limitMs / 1000} s in vain until ${options.what}${last ? `; last: ${last}` : ""}`,
      );
    }
    if (Date.now() - shownAt > 1000) {
      shownAt = Date.now();
      context.status(`waiting until ${options.what}: ${Math.round(waitedMs / 1000)} s of ${options.limitMs / 1000} s`);
    }
    await delay(options.intervalMs ?? 50, undefined, { signal: context.signal });
  }
}

/** Thrown inside a probe when waiting longer cannot help. */
export class GiveUp extends Error {}
