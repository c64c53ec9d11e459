/** Which platform a spec means: where its hosts' files are and how to reach them. */

import type { FleetSpec } from "../config/spec.ts";
import type { HostLayout } from "../rendering/types.ts";
import type { Connection } from "../resources.ts";
import { awsConnection } from "./aws/aws.ts";
import { existingConnection, existingLayouts } from "./existing.ts";
import { localLayout } from "./layout.ts";
import { localLayouts } from "./local.ts";

/** @param projectRoot folder of Pulumi.yaml */
export function layouts(spec: FleetSpec, projectRoot: string): Map<string, HostLayout> {
  switch (spec.platform) {
    case "local":
      return localLayouts(spec, projectRoot);
    case "existing":
    case "aws":
      return existingLayouts(spec);
    case "docker":
      throw new Error(
        `stack ${spec.stack}: the platform "${spec.platform}" is not built yet; "local", "existing" and "aws" are. The config is valid and can be rendered and compared.`,
      );
    default:
      return spec.platform satisfies never;
  }
}

/**
 * Layouts to render with, for every platform: those of hosts, or where a platform is not built yet a stand-in, Debian's
 * programs with the fleet's folder under /var/lib/pgfleet.
 */
export function renderLayouts(spec: FleetSpec, projectRoot: string): Map<string, HostLayout> {
  if (spec.platform !== "docker") return layouts(spec, projectRoot);
  const options = { version: spec.cluster.version, user: "postgres" };
  return new Map(spec.hosts.map((host) => [host.name, localLayout(`/var/lib/pgfleet/${spec.stack}`, host, options)]));
}

export function connections(spec: FleetSpec, at: Map<string, HostLayout>): Map<string, Connection> {
  return new Map(
    spec.hosts.map((host): [string, Connection] => {
      const layout = at.get(host.name)!;
      if (spec.platform === "existing") return [host.name, existingConnection(spec, host, layout)];
      if (spec.platform === "aws") return [host.name, awsConnection(spec, host, layout)];
      const { home, run, user } = layout;
      return [host.name, { platform: "local", host: host.name, address: host.address, home, run, user }];
    }),
  );
}
