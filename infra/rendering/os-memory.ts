/** What a member's kernel and systemd enforce, from the tuning's memory budget. Pure numbers; docs/tuning.md says why. */

import { memoryShare } from "../tuning/budget.ts";
import type { Tuning } from "../tuning/types.ts";

/** Size of a huge page on x86-64 and arm64 with 4 kB pages. */
const HUGE_PAGE_MB = 2;
/** Of the memory outside the budget's share, the kernel and the page cache keep what is not given here. */
const COMMIT_PART = 1 / 2;
const HIGH_PART = 1 / 4;

export interface OsMemory {
  /** vm.nr_hugepages; 0 when the server does not use huge pages. */
  hugePages: number;
  /** True when the server itself said how many. */
  hugePagesKnown: boolean;
  /** vm.overcommit_kbytes: share of memory, half of the rest, without huge pages. */
  overcommitKb: number;
  /** Limits of the server's service, MB; huge pages do not count in them. */
  memoryHighMb: number;
  memoryMaxMb: number;
}

/**
 * @param memoryMb RAM of the host.
 * @param serverPages `shared_memory_size_in_huge_pages` as the host's own server says, if it was asked.
 */
export function osMemory(memoryMb: number, tuning: Tuning, serverPages?: number): OsMemory {
  const wanted = tuning.settings.get("huge_pages")?.value ?? "off";
  const sharedMb = tuning.budget.terms.find(({ name }) => name === "shared memory")?.mb ?? 0;
  const hugePages = wanted === "off" ? 0 : (serverPages ?? Math.ceil(sharedMb / HUGE_PAGE_MB));
  const hugeMb = hugePages * HUGE_PAGE_MB;
  const share = memoryShare(memoryMb);
  const rest = (1 - share) * memoryMb;
  // The budget's limit leaves room for the host's other services; they are not part of the server's own limits.
  const serverMb = tuning.budget.limitMb - hugeMb;
  return {
    hugePages,
    hugePagesKnown: hugePages > 0 && serverPages !== undefined,
    overcommitKb: Math.floor((share * memoryMb + COMMIT_PART * rest - hugeMb) * 1024),
    memoryHighMb: Math.floor(serverMb + HIGH_PART * rest),
    memoryMaxMb: Math.floor(serverMb + COMMIT_PART * rest),
  };
}
