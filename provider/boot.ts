/** A machine that was made, or started, a moment ago boots: it is dialed again and again, and what it is waited for is shown. */

import type { Host } from "./host.ts";
import type { Context } from "./types.ts";

/** How long a new host is waited for. */
const BOOT_LIMIT_MS = 300_000;

export function waitForBoot({ transport }: Host, context: Context): Promise<void> {
  return transport.connect({
    signal: context.signal,
    limitMs: BOOT_LIMIT_MS,
    onWait: (line) => context.status(line),
  });
}
