/** Huge pages a server's shared memory needs. Pure. */
import type { Tuning } from "./types.ts";

/** Size of a huge page on x86-64 and on arm64 with 4 kB pages. */
export const HUGE_PAGE_MB = 2;

/**
 * Upper bound of the pages (vm.nr_hugepages) to reserve before the server starts; 0 when it does not use them.
 * The server itself says how many exactly, from 15 on and only while it is stopped: shared_memory_size_in_huge_pages.
 */
export function reservedHugePages({ settings, budget }: Pick<Tuning, "settings" | "budget">): number {
  if ((settings.get("huge_pages")?.value ?? "off") === "off") return 0;
  const sharedMb = budget.terms.find(({ name }) => name === "shared memory")?.mb ?? 0;
  return Math.ceil(sharedMb / HUGE_PAGE_MB);
}
