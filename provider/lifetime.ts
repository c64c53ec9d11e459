/** When the provider stops: on a signal, or by itself when the engine that started it is gone. */

import { setTimeout as delay } from "node:timers/promises";
import type { Operations } from "./operations.ts";

/** The engine kills a provider five seconds after it asked it to stop. */
const GRACE_MS = 4_000;
/**
 * Answers are on their way within milliseconds; connections may stay open for as long as the engine likes. It ends its
 * plugins one after the other within five seconds in all, and calls those it did not get to a failure.
 */
const DRAIN_LIMIT_MS = 250;
const PARENT_POLL_MS = 500;

export interface Lifetime {
  /** Aborts what runs, gives it a moment to leave things in order, and ends the process. */
  stop(reason: string): void;
}

/** `drain`: settles once the answers of finished operations are delivered. */
export function watchLifetime(operations: Operations, drain: () => Promise<void>): Lifetime {
  let stopping = false;
  const stop = (reason: string) => {
    if (stopping) return;
    stopping = true;
    operations.close(new Error(`stopped: ${reason}`));
    setTimeout(() => process.exit(0), GRACE_MS);
    operations
      .idle()
      .then(() => Promise.race([drain(), delay(DRAIN_LIMIT_MS)]))
      .finally(() => process.exit(0));
  };
  const parent = process.ppid;
  // A killed engine closes no connection of ours in an orderly way, but its children get another parent.
  setInterval(() => {
    if (process.ppid !== parent) stop("the engine is gone");
  }, PARENT_POLL_MS);
  process.on("SIGINT", () => stop("the engine asked the provider to end"));
  process.on("SIGTERM", () => stop("the engine asked the provider to end"));
  return { stop };
}
