/** Who streams from whom, who is to be cloned anew, and what synchronous replication needs. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec } from "../spec.ts";
import { didYouMean } from "../suggest.ts";

const isMemberRole = ({ role }: HostSpec): boolean => role === "primary" || role === "replica";

/** @param primary undefined when it is not clear which one it is: then what depends on it is not checked */
export function checkReplication(draft: Draft, hosts: HostSpec[], primary: string | undefined, report: Report): void {
  const members = hosts.filter(isMemberRole).map((host) => host.name);
  for (const host of hosts) {
    if (host.upstream !== undefined) {
      const problem = upstreamProblem(host, host.upstream, hosts, members, primary);
      if (problem !== undefined) report.add(["hosts", host.name, "upstream"], problem);
    }
    if (host.reclone !== undefined) {
      const problem = recloneProblem(host, members, primary);
      if (problem !== undefined) report.add(["hosts", host.name, "reclone"], problem);
    }
  }
  for (const circle of circles(hosts)) {
    report.add(
      ["hosts", circle[0]!, "upstream"],
      `makes a circle: ${[...circle, circle[0]].join(" streams from ")}. None of them would get anything from the primary; take one of these upstream lines away.`,
    );
  }
  checkSynchronous(draft, hosts, primary, report);
}

function upstreamProblem(
  host: HostSpec,
  upstream: string,
  hosts: HostSpec[],
  members: string[],
  primary: string | undefined,
): string | undefined {
  const others = members.filter((name) => name !== host.name);
  const choices = `Members it can stream from: ${others.join(", ") || "none"}.`;
  if (!isMemberRole(host))
    return `names what ${host.name} streams from, but it has role ${host.role} and runs no server. Remove the line.`;
  if (host.name === primary)
    return `names "${upstream}", but ${host.name} is the primary and streams from nobody. Remove the line.`;
  if (upstream === host.name)
    return `names ${host.name} itself. Remove the line to stream from the primary. ${choices}`;
  const found = hosts.find(({ name }) => name === upstream);
  if (found === undefined) return `names "${upstream}", which is no host.${didYouMean(upstream, others)} ${choices}`;
  if (!isMemberRole(found)) return `names "${upstream}", which has role ${found.role} and runs no server. ${choices}`;
  return undefined;
}

function recloneProblem(host: HostSpec, members: string[], primary: string | undefined): string | undefined {
  if (!isMemberRole(host))
    return `asks for new data, but ${host.name} has role ${host.role} and has none. Remove the line.`;
  if (host.name !== primary) return undefined;
  const others = members.filter((name) => name !== host.name);
  const other = others.length > 0 ? `postgres-fleet:primary: ${others[0]}` : "after adding a replica";
  return `asks for new data for ${host.name}, which is the primary: the others are copies of it. Make another member primary first (${other}) and set it then; if ${host.name} was cloned for this value earlier, remove the line, which does nothing.`;
}

/** Members that wait for each other, each circle once, from its first name on. */
function circles(hosts: HostSpec[]): string[][] {
  const upstream = new Map(hosts.map((host) => [host.name, host.upstream]));
  const found: string[][] = [];
  for (const { name } of hosts) {
    const way = [name];
    for (let next = upstream.get(name); next !== undefined; next = upstream.get(next)) {
      if (next === name && way.length > 1 && !found.some((circle) => circle.includes(name))) found.push(way);
      if (way.includes(next)) break;
      way.push(next);
    }
  }
  return found;
}

function checkSynchronous(draft: Draft, hosts: HostSpec[], primary: string | undefined, report: Report): void {
  if (draft.synchronous !== "quorum") return;
  const own = Object.keys(draft.parameters ?? {}).map((name) => ({ name, path: ["parameters", name] }));
  for (const [host, { parameters }] of Object.entries(draft.hosts ?? {}).map(([name, h]) => [name, h ?? {}] as const))
    own.push(...Object.keys(parameters ?? {}).map((name) => ({ name, path: ["hosts", host, "parameters", name] })));
  for (const { name, path } of own)
    if (name.toLowerCase() === "synchronous_standby_names")
      report.add(path, "is set by synchronous: quorum. Remove it, or write synchronous: off and set it yourself.");
  // A host whose role is wrong may have been meant as a replica.
  if (primary === undefined || Object.values(draft.hosts ?? {}).some((host) => host?.role === undefined)) return;
  const direct = hosts.filter((h) => isMemberRole(h) && h.name !== primary && (h.upstream ?? primary) === primary);
  if (direct.length >= 2) return;
  report.add(
    ["synchronous"],
    `is quorum, which needs two replicas that stream from the primary, but ${direct.length === 0 ? "there is none" : `there is only ${direct[0]!.name}`}. With one, every commit of the cluster would wait whenever that one restarts or is away. Add replicas${hosts.some((h) => h.upstream !== undefined) ? " (those with an upstream answer to another replica and do not count)" : ""}, or write synchronous: off.`,
  );
}
