/** Overrides of single PostgreSQL parameters: whose business they are, and whether the server would take them. */

import { hotStandbyParameters, ownedParameter } from "../owned-parameters.ts";
import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec, Major } from "../spec.ts";

/** What is wrong with a value for this version, or undefined. */
export type ValidateOverride = (name: string, value: string, version: Major) => string | undefined;

export function checkParameters(draft: Draft, hosts: HostSpec[], validate: ValidateOverride, report: Report): void {
  for (const [name, value] of Object.entries(draft.parameters ?? {})) {
    if (value !== undefined) checkOne(["parameters", name], name, value, draft.version, validate, report);
  }
  for (const [hostName, host] of Object.entries(draft.hosts ?? {})) {
    const role = hosts.find((h) => h.name === hostName)?.role;
    for (const [name, value] of Object.entries(host?.parameters ?? {})) {
      if (value === undefined) continue;
      const path = ["hosts", hostName, "parameters", name];
      if (role === "pooler" || role === "monitoring") {
        report.add(
          path,
          `is a PostgreSQL parameter, but host ${hostName} has role ${role} and runs no server. Move it to a member, or to postgres-fleet:parameters for all members.`,
        );
      } else if (isHotStandby(name)) {
        const key =
          name.toLowerCase() === "max_connections"
            ? "postgres-fleet:connections"
            : `postgres-fleet:parameters (${name.toLowerCase()}: ${JSON.stringify(value)})`;
        report.add(
          path,
          `cannot differ between members: a standby with less than its primary does not start. Put it under the top-level key ${key}.`,
        );
      } else checkOne(path, name, value, draft.version, validate, report);
    }
  }
}

function checkOne(
  path: Path,
  name: string,
  value: string,
  version: Major | undefined,
  validate: ValidateOverride,
  report: Report,
): void {
  const owned = ownedParameter(name);
  if (owned !== undefined) {
    report.add(path, `cannot be set as a parameter: ${owned}.`);
    return;
  }
  if (version === undefined) return;
  const problem = validate(name, value, version);
  if (problem !== undefined) report.add(path, problem);
}

function isHotStandby(name: string): boolean {
  return (hotStandbyParameters as readonly string[]).includes(name.toLowerCase());
}
