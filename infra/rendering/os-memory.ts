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
  /** vm.overcommit_kbytes: share of memory, half of the rest, without huge pages. */
  overcommitKb: number;
  /** Limits of the server's service, MB. Huge pages do not count in them: with "on" they are taken off, with "try" they may not be there. */
  memoryHighMb: number;
  memoryMaxMb: number;
}

/** @param memoryMb RAM of the host. */
export function osMemory(memoryMb: number, tuning: Tuning): OsMemory {
  const hugePages = reservedHugePages(tuning);
  const hugeMb = hugePages * HUGE_PAGE_MB;
  const share = memoryShare(memoryMb);
  const rest = (1 - share) * memoryMb;
  // A server that does without the pages needs all of its limit; then what it is promised in all is the tighter bound.
  const certainMb = tuning.settings.get("huge_pages")?.value === "on" ? hugeMb : 0;
  // The budget's limit leaves room for the host's other services; they are not part of the server's own limits.
  const serverMb = tuning.budget.limitMb - certainMb;
  return {
    hugePages,
    overcommitKb: Math.floor((share * memoryMb + COMMIT_PART * rest - hugeMb) * 1024),
    memoryHighMb: Math.floor(serverMb + HIGH_PART * rest),
    memoryMaxMb: Math.floor(serverMb + COMMIT_PART * rest),
  };
}
