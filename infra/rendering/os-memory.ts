/** What a member's kernel and systemd enforce, from the tuning's memory budget. Pure numbers; docs/tuning.md says why. */

import { memoryShare } from "../tuning/budget.ts";
import { HUGE_PAGE_MB, reservedHugePages } from "../tuning/huge-pages.ts";
import type { Tuning } from "../tuning/types.ts";

/** Of the memory outside the budget's share, the kernel and the page cache keep what is not given here. */
const COMMIT_PART = 1 / 2;
const HIGH_PART = 1 / 4;

export interface OsMemory {
  /** Upper bound of the huge pages that the server reserves when it starts; 0 when it does not use them. */
  hugePages: number;
  /** With "on" they are there for certain, and no part of the limits; with "try" they may not be there. */
  hugePagesCertain: boolean;
  /** vm.overcommit_kbytes: share of memory, half of the rest, without huge pages. */
  overcommitKb: number;
  /** Limits of the server's service, MB. */
  memoryHighMb: number;
  memoryMaxMb: number;
}

/** @param memoryMb RAM of the host. */
export function osMemory(memoryMb: number, tuning: Tuning): OsMemory {
  const hugePages = reservedHugePages(tuning);
  const hugeMb = hugePages * HUGE_PAGE_MB;
  const share = memoryShare(memoryMb);
  const rest = (1 - share) * memoryMb;
  const hugePagesCertain = tuning.settings.get("huge_pages")?.value === "on";
  // Huge pages do not count in a service's limits, but a server that does without them needs all of its limit.
  // The budget's limit leaves room for the host's other services; they are not part of the server's own limits.
  const serverMb = tuning.budget.limitMb - (hugePagesCertain ? hugeMb : 0);
  return {
    hugePages,
    hugePagesCertain,
    overcommitKb: Math.floor((share * memoryMb + COMMIT_PART * rest - hugeMb) * 1024),
    memoryHighMb: Math.floor(serverMb + HIGH_PART * rest),
    memoryMaxMb: Math.floor(serverMb + COMMIT_PART * rest),
  };
}
