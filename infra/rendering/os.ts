/**
 * A host's operating system: memory the kernel may promise, huge pages, limits of the services.
 *
 * Paths are those on the host, from its root. Rendered where the machine belongs to the fleet.
 */

import { isMember, type Platform } from "../config/spec.ts";
import { memoryShare } from "../tuning/budget.ts";
import { component, type HostInput, renderFile } from "./host-input.ts";
import { osMemory } from "./os-memory.ts";
import { openFiles } from "./supervisor.ts";
import { hasSystemd } from "./systemd.ts";
import type { Component, PlannedFile } from "./types.ts";

/** Platforms whose machines are the fleet's alone: kernel settings of the others belong to someone else. */
const OWNED: readonly Platform[] = ["existing", "aws"];

/** Members of platforms that own the machine; PgBouncers where its unit is the package's. */
export const hasOs = (input: Pick<HostInput, "host" | "spec" | "layout">): boolean =>
  OWNED.includes(input.spec.platform) && (isMember(input.host) || (isPooler(input) && !hasSystemd(input)));

const isPooler = ({ host, spec }: Pick<HostInput, "host" | "spec">): boolean =>
  spec.pooler?.hosts.includes(host.name) ?? false;

export function osComponent(input: HostInput): Component {
  const files = [
    ...(isMember(input.host) ? memoryFiles(input) : []),
    ...(isPooler(input) && !hasSystemd(input) ? [poolerLimits(input)] : []),
  ];
  return component("os", files);
}

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
    // A unit of the fleet's own has its limits in itself.
    ...(hasSystemd(input) ? [] : [serverLimits(input)]),
  ];
}

function serverLimits(input: HostInput): PlannedFile {
  const { host } = input;
  const { budget } = input.tunings.get(host.name)!;
  const os = osMemory(host.memoryMb, input.tunings.get(host.name)!, input.hugePages?.get(host.name));
  const share = memoryShare(host.memoryMb);
  const others = mb(share * host.memoryMb - budget.limitMb);
  const hugeMb = os.hugePages * 2;
  const withoutHuge = hugeMb > 0 ? ` − ${hugeMb} MB of huge pages` : "";
  const path = "etc/systemd/system/postgresql@.service.d/pgfleet.conf";
  return renderFile(
    input,
    "os",
    path,
    { mode: "0644", change: "restart" },
    {
      memoryHighMb: os.memoryHighMb,
      memoryMaxMb: os.memoryMaxMb,
      highDetail: `The budget's limit (${mb(share * 100)} % of ${host.memoryMb} MB − ${others} MB for other services) and a quarter of the rest${withoutHuge}.`,
      maxDetail: `The same with half of the rest${withoutHuge}.`,
    },
  );
}

function poolerLimits(input: HostInput): PlannedFile {
  const path = "etc/systemd/system/pgbouncer.service.d/pgfleet.conf";
  return renderFile(input, "os", path, { mode: "0644", change: "restart" }, { openFiles: openFiles(input) });
}
