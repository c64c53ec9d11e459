/** Platform aws: every host has an instance type that is known, and the members' data can be copied among them. */

import { instanceType, instanceTypeHint, isBurstable } from "../../platforms/aws/instance-types.ts";
import { quote, type Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import { type HostSpec, isMember } from "../spec.ts";
import { formatMb } from "../units.ts";

export function checkMachines(draft: Draft, hosts: HostSpec[], report: Report): void {
  checkMissing(draft, hosts, report);
  checkUnknown(draft, hosts, report);
  for (const host of hosts) checkOwnSizes(draft, host, report);
  checkProcessors(hosts, report);
  for (const key of ["memory", "cpus"] as const)
    if (draft[key] !== undefined)
      report.warn(`${key} at the top does nothing on aws: it follows from each host's size. Remove it.`);
  const slow = hosts.filter((host) => isMember(host) && isBurstable(host.aws?.instanceType ?? ""));
  if (slow.length > 0)
    report.warn(
      `${slow.map(({ name, aws }) => `${name} (${aws?.instanceType})`).join(", ")}: the processor is burstable and slows down under load that lasts. For members of a cluster in use, choose a size of m or r.`,
    );
}

function checkMissing(draft: Draft, hosts: HostSpec[], report: Report): void {
  const names = hosts
    .filter(({ name, aws }) => aws?.instanceType === "" && !report.has(["hosts", name, "size"]))
    .map(({ name }) => name);
  if (names.length === 0 || draft.size !== undefined || report.has(["size"])) return;
  report.add(
    ["size"],
    `is missing for ${names.join(", ")}. Write postgres-fleet:size: m7g.2xlarge for all hosts, or ${names.length === 1 ? `hosts.${names[0]}.size` : "size at each of them"}. Memory and cpus follow from it.`,
  );
}

/** One problem per place where a type is written. */
function checkUnknown(draft: Draft, hosts: HostSpec[], report: Report): void {
  const lacking = hosts.filter(({ name, aws }) => {
    const own = draft.hosts?.[name];
    const known = !aws?.instanceType || instanceType(aws.instanceType) !== undefined;
    return !known && (own?.memory === undefined || own.cpus === undefined);
  });
  for (const { name, aws } of lacking) {
    const path = draft.hosts?.[name]?.size === undefined ? ["size"] : ["hosts", name, "size"];
    if (report.has(path)) continue;
    const users = path.length === 1 ? lacking.filter((host) => draft.hosts?.[host.name]?.size === undefined) : [];
    const where = users.length > 1 ? `each of ${users.map((host) => host.name).join(", ")}` : `hosts.${name}`;
    report.add(
      path,
      `${quote(aws!.instanceType)} is not in the project's table of instance types.${instanceTypeHint(aws!.instanceType)} If it is right, give memory and cpus at the host: ${where}, e.g. memory: 32GB, cpus: 4.`,
    );
  }
}

/** A host may be told to plan with less than the machine has, not with more. */
function checkOwnSizes(draft: Draft, { name, aws }: HostSpec, report: Report): void {
  const own = draft.hosts?.[name];
  const machine = instanceType(aws?.instanceType ?? "");
  if (own === undefined || machine === undefined) return;
  const wayOut = "or choose a larger size";
  if (own.memory !== undefined && own.memory > machine.memoryMb)
    report.add(
      ["hosts", name, "memory"],
      `is ${formatMb(own.memory)}, but ${aws!.instanceType} has ${formatMb(machine.memoryMb)}. Remove the line, ${wayOut}.`,
    );
  if (own.cpus !== undefined && own.cpus > machine.cpus)
    report.add(
      ["hosts", name, "cpus"],
      `is ${own.cpus}, but ${aws!.instanceType} has ${machine.cpus}. Remove the line, ${wayOut}.`,
    );
}

function checkProcessors(hosts: HostSpec[], report: Report): void {
  const members = hosts.filter((host) => isMember(host) && host.aws?.instanceType);
  const of = (architecture: string): string[] =>
    members
      .filter(({ aws }) => aws?.architecture === architecture)
      .map(({ name, aws }) => `${name} (${aws?.instanceType})`);
  const [intel, arm] = [of("x86_64"), of("arm64")];
  if (intel.length === 0 || arm.length === 0) return;
  report.add(
    ["hosts"],
    `has members with processors of two kinds: x86_64 are ${intel.join(", ")}; arm64 are ${arm.join(", ")}. A replica is a copy of the primary's files, which only the same kind can be trusted to read. Choose sizes of one kind for all members.`,
  );
}
