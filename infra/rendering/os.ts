/**
 * A host's operating system: memory the kernel may promise, transparent huge pages. Those the server uses are reserved
 * by its unit.
 *
 * Paths are those on the host, from its root. Rendered where the machine belongs to the fleet.
 */

import { isMember, type Platform } from "../config/spec.ts";
import { memoryShare } from "../tuning/budget.ts";
import { HUGE_PAGE_MB } from "../tuning/huge-pages.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { osMemory } from "./os-memory.ts";
import type { Component, PlannedFile } from "./types.ts";

/** Platforms whose machines are the fleet's alone: kernel settings of the others belong to someone else. */
const OWNED: readonly Platform[] = ["existing", "aws"];

/** Members of platforms that own the machine. Limits of services are in their units. */
export const hasOs = ({ host, spec }: Pick<HostInput, "host" | "spec">): boolean =>
  OWNED.includes(spec.platform) && isMember(host);

export const osComponent = (input: HostInput): Component => component("os", memoryFiles(input));

const mb = (value: number): string => String(Math.round(value));

function memoryFiles(input: HostInput): PlannedFile[] {
  const { host } = input;
  const tuning = input.tunings.get(host.name)!;
  const { budget } = tuning;
  const os = osMemory(host.memoryMb, tuning);
  const share = memoryShare(host.memoryMb);
  const percent = mb(share * 100);
  const hugeMb = os.hugePages * HUGE_PAGE_MB;
  const withoutHuge = hugeMb > 0 ? ` − ${hugeMb} MB of huge pages` : "";
  const file = (path: string, view: Parameters<typeof renderFile>[4]): PlannedFile =>
    renderFile(input, "os", path, { mode: "0644", change: "restart" }, view);
  return [
    file("etc/sysctl.d/60-pgfleet.conf", {
      memory: host.memoryMb,
      budgetLimit: mb(budget.limitMb),
      commitDetail: `${percent} % of memory and half of the rest${withoutHuge}; the kernel keeps the other half.`,
      overcommitKb: os.overcommitKb,
    }),
    file("etc/systemd/system/disable-transparent-huge-pages.service", {}),
  ];
}
