/** Hosts with their sizes filled in: a host's own, else the one at the top, else the default of its kind. */

import { sortedEntries } from "./maps.ts";
import type { Path, Report } from "./problems.ts";
import { imageUser, machineOf, resolveAwsHost } from "./resolve-aws.ts";
import type { Draft } from "./schema/fleet.ts";
import { helperHost, maxDiskMb, maxMemoryMb } from "./schema/hosts.ts";
import type { HostRole, HostSpec, SshSpec } from "./spec.ts";
import { formatMb } from "./units.ts";

const isMemberRole = (role: HostRole): boolean => role === "primary" || role === "replica";
const minMemberMemoryMb = 256;
const minHelperMemoryMb = 64;
const minDiskMb = 1024;

/** Hosts as far as they are known; a size that is missing or wrong is 0 and has its problem reported. */
export function resolveHosts(draft: Draft, report: Report): HostSpec[] {
  const missing = new Map<"memory" | "cpus" | "disk", string[]>();
  const aws = draft.platform === "aws";
  const resolved: HostSpec[] = [];
  for (const [name, host] of Object.entries(draft.hosts ?? {})) {
    const role = host?.role;
    if (host === undefined || role === undefined) continue;
    const machine = machineOf(draft, host);
    const size = (key: "memory" | "cpus" | "disk", helper: number): number => {
      const own = host[key];
      if (own !== undefined) return own;
      if (report.has(["hosts", name, key])) return 0;
      // On aws a host without a type, or with one that is not known, has its problem there.
      if (aws && key !== "disk") return (key === "memory" ? machine?.memoryMb : machine?.cpus) ?? 0;
      const shared = draft[key];
      if (shared !== undefined) return shared;
      if (report.has([key])) return 0;
      if (!isMemberRole(role)) return helper;
      missing.set(key, [...(missing.get(key) ?? []), name]);
      return 0;
    };
    resolved.push({
      name,
      role,
      address: host.address ?? "",
      memoryMb: size("memory", helperHost.memoryMb),
      cpus: size("cpus", helperHost.cpus),
      diskMb: size("disk", helperHost.diskMb),
      storage: host.storage ?? draft.storage ?? "ssd",
      parameters: definedOnly(host.parameters ?? {}),
      ...(aws || draft.platform === "existing" ? { ssh: resolveSsh(draft, host.ssh) } : {}),
      ...(aws ? { aws: resolveAwsHost(draft, host) } : {}),
      protect: host.protect ?? isProtected(draft),
      ...(host.upstream === undefined ? {} : { upstream: host.upstream }),
      ...(host.reclone === undefined ? {} : { reclone: host.reclone }),
    });
  }
  const examples = { memory: "32GB", cpus: "8", disk: "500GB" } as const;
  for (const [key, names] of missing) {
    const one = names.length === 1 ? `hosts.${names[0]}.${key}` : `${key} at each of them`;
    report.add(
      [key],
      `is missing for ${names.join(", ")}. Write postgres-fleet:${key}: ${examples[key]} for all hosts, or ${one}.`,
    );
  }
  checkRanges(draft, resolved, report);
  return resolved;
}

/** Of the fleet, and of hosts that say nothing else. */
export const isProtected = (draft: Draft): boolean => draft.protect ?? (draft.platform ?? "local") !== "local";

/** A host's own key, else the one at the top. A host key of its own is not looked up in anybody's file. */
function resolveSsh({ ssh: shared, aws }: Draft, own: Draft["ssh"]): SshSpec {
  return { user: (aws?.image && imageUser(aws.image)) ?? "root", port: 22, ...present(shared), ...present(own) };
}

const present = <T extends object>(values: T | undefined) =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

/** One problem per place where the size is written, not one per host that uses it. */
function checkRanges(draft: Draft, hosts: HostSpec[], report: Report): void {
  const origin = (name: string, key: "memory" | "disk"): Path =>
    draft.hosts?.[name]?.[key] === undefined ? [key] : ["hosts", name, key];
  for (const host of hosts) {
    const floor = isMemberRole(host.role) ? minMemberMemoryMb : minHelperMemoryMb;
    const inRange = (key: "memory" | "disk", mb: number, min: number, max: number, what: string): void => {
      const path = origin(host.name, key);
      const shared = draft.platform === "aws" && key === "memory" ? undefined : draft[key];
      const given = draft.hosts?.[host.name]?.[key] ?? shared;
      if (given === undefined || report.has(path) || report.has(["hosts", host.name, key]) || (mb >= min && mb <= max))
        return;
      report.add(
        path,
        `is ${formatMb(mb)}, but ${what} needs ${formatMb(min)} to ${formatMb(max)}. Write ${mb < min ? `at least ${formatMb(min)}` : `at most ${formatMb(max)}`}.`,
      );
    };
    inRange("memory", host.memoryMb, floor, maxMemoryMb, isMemberRole(host.role) ? "a member" : `a ${host.role} host`);
    inRange("disk", host.diskMb, minDiskMb, maxDiskMb, "a host");
  }
}

/** Parameters in one order, without those that were wrong. */
export function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(sortedEntries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
