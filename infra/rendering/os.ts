/**
 * A host's operating system: memory the kernel may promise, huge pages.
 *
 * Paths are those on the host, from its root. Rendered where the machine belongs to the fleet.
 */

import { isMember, type Platform } from "../config/spec.ts";
import { memoryShare } from "../tuning/budget.ts";
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
  const os = osMemory(host.memoryMb, tuning, input.hugePages?.get(host.name));
  const share = memoryShare(host.memoryMb);
  const percent = mb(share * 100);
  const hugeMb = os.hugePages * 2;
  const withoutHuge = hugeMb > 0 ? ` − ${hugeMb} MB of huge pages` : "";
  const setting = tuning.settings.get("huge_pages")?.value ?? "off";
  const hugePagesDetail = os.hugePagesKnown
    ? "As many as the server says it needs (shared_memory_size_in_huge_pages)."
    : os.hugePages > 0
      ? `Upper bound for the shared memory of ${mb(hugeMb)} MB; to be replaced by the server's own shared_memory_size_in_huge_pages.`
      : `huge_pages is ${setting}: none are reserved.`;
  const file = (path: string, view: Parameters<typeof renderFile>[4]): PlannedFile =>
    renderFile(input, "os", path, { mode: "0644", change: "restart" }, view);
  return [
    file("etc/sysctl.d/60-pgfleet.conf", {
      memory: host.memoryMb,
      budgetLimit: mb(budget.limitMb),
      commitDetail: `${percent} % of memory and half of the rest${withoutHuge}; the kernel keeps the other half.`,
      overcommitKb: os.overcommitKb,
      hugePages: os.hugePages,
      hugePagesDetail,
    }),
    file("etc/systemd/system/disable-transparent-huge-pages.service", {}),
  ];
}
