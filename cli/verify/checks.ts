/** Checks of a live fleet, run one after the other; each is told with its time, and one that fails stops no other. */

import type { Fleet } from "../../infra/fleet.ts";

/** Raised when a field changes its meaning or goes away; new fields do not count. */
export const VERIFY_VERSION = 1;

export interface CheckResult {
  /** What holds when it is ok, e.g. "db2 shows what was written". */
  name: string;
  ok: boolean;
  /** Not run, since what it builds on failed. */
  skipped: boolean;
  ms: number;
  /** Why it failed; null when it is ok. */
  error: string | null;
}

export interface VerifyResult {
  version: typeof VERIFY_VERSION;
  stack: string;
  cluster: string;
  ok: boolean;
  checks: CheckResult[];
}

export interface Run {
  fleet: Fleet;
  /** Aborts when the person does; checks then no longer run and are not recorded. */
  signal: AbortSignal;
  /** Runs a check and records it; gives whether it is ok. */
  check(name: string, body: () => Promise<void>): Promise<boolean>;
  /** A check that runs in any case: it takes away what others left. */
  cleanUp(name: string, body: () => Promise<void>): Promise<boolean>;
  /** Records checks that cannot be run. */
  skip(name: string, why: string): void;
}

/** @param told called with each result as it comes */
export function newRun(
  fleet: Fleet,
  signal: AbortSignal,
  told: (result: CheckResult) => void,
): Run & { results: CheckResult[] } {
  const results: CheckResult[] = [];
  const record = (result: CheckResult): void => {
    results.push(result);
    told(result);
  };
  const cleanUp: Run["cleanUp"] = async (name, body) => {
    const began = performance.now();
    let error: string | null = null;
    try {
      await body();
    } catch (thrown) {
      error = (thrown as Error).message;
    }
    record({ name, ok: error === null, skipped: false, ms: Math.round(performance.now() - began), error });
    return error === null;
  };
  return {
    fleet,
    signal,
    results,
    cleanUp,
    check: async (name, body) => !signal.aborted && cleanUp(name, body),
    skip: (name, why) => {
      if (!signal.aborted) record({ name, ok: false, skipped: true, ms: 0, error: why });
    },
  };
}
