/** Locks by name inside this process: the engine runs many operations at once, a host takes one at a time. */

import { AsyncLocalStorage } from "node:async_hooks";

const tails = new Map<string, Promise<void>>();
const held = new AsyncLocalStorage<ReadonlySet<string>>();

/**
 * Runs `work` while no other holder of `key` runs, first come first served. While it waits, an abort of `signal`
 * rejects with the signal's reason and `work` never starts; once it runs, aborting is up to `work`.
 * Asking for a key that the caller already holds throws at once: it would wait for itself.
 */
export async function withLock<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const outer = held.getStore();
  if (outer?.has(key)) throw new Error(`the lock "${key}" is already held by this operation`);
  signal.throwIfAborted();
  const before = tails.get(key) ?? Promise.resolve();
  const { promise: done, resolve: release } = Promise.withResolvers<void>();
  const tail = before.then(() => done);
  tails.set(key, tail);
  try {
    await waitFor(before, signal);
    return await held.run(new Set([...(outer ?? []), key]), work);
  } finally {
    release();
    if (tails.get(key) === tail) tails.delete(key);
  }
}

/** Holds all of `keys`, taken in one fixed order so that two callers can never wait for each other. */
export function withLocks<T>(keys: readonly string[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const ordered = [...new Set(keys)].sort();
  const take = (index: number): Promise<T> => {
    const key = ordered[index];
    return key === undefined ? work() : withLock(key, signal, () => take(index + 1));
  };
  return take(0);
}

/** Locks that somebody holds or waits for. */
export function lockedKeys(): string[] {
  return [...tails.keys()];
}

function waitFor(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}
