/** Addresses, and which host is primary. */

import { addressProblem } from "../network.ts";
import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec } from "../spec.ts";
import { didYouMean } from "../suggest.ts";

export function checkAddresses(draft: Draft, report: Report): void {
  const seen = new Map<string, string>();
  for (const [name, host] of Object.entries(draft.hosts ?? {})) {
    const address = host?.address;
    if (address === undefined) continue;
    const path = ["hosts", name, "address"];
    const problem = addressProblem(address, draft.platform);
    if (problem !== undefined) report.add(path, problem);
    const other = seen.get(address);
    if (other !== undefined)
      report.add(
        path,
        `${address} is the address of ${other} too. Every host has one of its own; change one of the two.`,
      );
    else seen.set(address, name);
  }
}

/** Keys that would do nothing: whoever wrote them thinks that the hosts are other machines. */
export function checkSsh(draft: Draft, report: Report): void {
  const { platform } = draft;
  if (platform !== "local" && platform !== "docker") return;
  const given = (path: (string | number)[], value: object | string | undefined): void => {
    if (value && Object.keys(value).length > 0)
      report.add(
        path,
        `is for hosts that are reached over ssh, and the platform is ${platform}. Remove it, or write postgres-fleet:platform: existing.`,
      );
  };
  given(["ssh"], draft.ssh);
  given(["packages"], draft.packages);
  given(["packageSource"], draft.packageSource);
  for (const [name, host] of Object.entries(draft.hosts ?? {})) given(["hosts", name, "ssh"], host?.ssh);
}

/** Every package that a fleet of this major may install. */
const packageNames = (major: number): string[] => [
  `postgresql-${major}`,
  `postgresql-client-${major}`,
  "pgbouncer",
  "prometheus",
  "prometheus-postgres-exporter",
  "prometheus-pgbouncer-exporter",
  "python3-psycopg2",
];

/** A version of a package that nothing installs would keep nothing. */
export function checkPackages({ packages, version }: Draft, report: Report): void {
  if (version === undefined) return;
  const known = packageNames(version);
  for (const name of Object.keys(packages ?? {}))
    if (!known.includes(name))
      report.add(
        ["packages", name],
        `is no package that a fleet of PostgreSQL ${version} installs.${didYouMean(name, known)} Those are: ${known.join(", ")}.`,
      );
}

/** Name of the primary; undefined when it is not clear, with the problem reported. */
export function choosePrimary(draft: Draft, hosts: HostSpec[], report: Report): string | undefined {
  const named = draft.primary;
  const withRole = hosts.filter((h) => h.role === "primary").map((h) => h.name);
  const replicas = hosts.filter((h) => h.role === "replica").map((h) => h.name);
  if (named !== undefined) {
    const problem = namedProblem(named, hosts, withRole, replicas);
    if (problem !== undefined) report.add(["primary"], problem);
    return problem === undefined ? named : undefined;
  }
  if (withRole.length > 1) {
    report.add(
      ["hosts"],
      `has ${withRole.length} hosts with role primary: ${withRole.join(", ")}. A cluster has one; give the others role: replica.`,
    );
    return undefined;
  }
  if (withRole.length === 1) return withRole[0];
  if (draft.hosts === undefined || roleUnknown(draft) || report.has(["primary"])) return undefined;
  const fix =
    replicas.length > 0
      ? `Give one of ${replicas.join(", ")} role: primary, or name it with postgres-fleet:primary: ${replicas[0]}.`
      : "Add one, e.g.\n  db1: { role: primary, address: 127.0.10.1 }";
  report.add(["hosts"], `has no host with role primary. ${fix}`);
  return undefined;
}

function namedProblem(named: string, hosts: HostSpec[], withRole: string[], replicas: string[]): string | undefined {
  const host = hosts.find((h) => h.name === named);
  const choices = [...withRole, ...replicas];
  if (host === undefined)
    return `names "${named}", which is no host.${didYouMean(named, choices)} Members are: ${choices.join(", ") || "none"}.`;
  if (host.role === "pooler" || host.role === "monitoring")
    return `names "${named}", which has role ${host.role} and runs no server. Members are: ${choices.join(", ") || "none"}.`;
  const others = withRole.filter((name) => name !== named);
  if (others.length === 0) return undefined;
  return `names "${named}", but ${others.join(", ")} ${others.length === 1 ? "has" : "have"} role primary. Give ${others.length === 1 ? "it" : "them"} role: replica, or remove the key primary.`;
}

/** A host whose role is wrong may have been meant as the primary. */
function roleUnknown(draft: Draft): boolean {
  return Object.values(draft.hosts ?? {}).some((host) => host?.role === undefined);
}
