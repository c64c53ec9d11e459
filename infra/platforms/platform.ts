/** Which platform a spec means: where its hosts' files are and how to reach them. */

import type { FleetSpec } from "../config/spec.ts";
import type { HostLayout } from "../rendering/types.ts";
import type { Connection } from "../resources.ts";
import { existingConnection, existingLayouts } from "./existing.ts";
import { localLayout } from "./layout.ts";
import { localLayouts } from "./local.ts";

/** @param projectRoot folder of Pulumi.yaml */
export function layouts(spec: FleetSpec, projectRoot: string): Map<string, HostLayout> {
  switch (spec.platform) {
    case "local":
      return localLayouts(spec, projectRoot);
    case "existing":
      return existingLayouts(spec);
    case "docker":
    case "aws":
      throw new Error(
        `stack ${spec.stack}: the platform "${spec.platform}" is not built yet; "local" and "existing" are. The config is valid and can be rendered and compared.`,
      );
    default:
      return spec.platform satisfies never;
  }
}

/**
 * Layouts to render with, for every platform. `local`: the live ones. Any other platform: a stand-in, Debian's
 * programs with the fleet's folder under /var/lib/pgfleet, until the platform is built and decides for itself.
 */
export function renderLayouts(spec: FleetSpec, projectRoot: string): Map<string, HostLayout> {
  if (spec.platform === "local") return localLayouts(spec, projectRoot);
  if (spec.platform === "existing") return existingLayouts(spec);
  const options = { version: spec.cluster.version, user: "postgres" };
  return new Map(spec.hosts.map((host) => [host.name, localLayout(`/var/lib/pgfleet/${spec.stack}`, host, options)]));
}

export function connections(spec: FleetSpec, at: Map<string, HostLayout>): Map<string, Connection> {
  return new Map(
    spec.hosts.map((host): [string, Connection] => {
      const layout = at.get(host.name)!;
      if (spec.platform === "existing") return [host.name, existingConnection(spec, host, layout)];
      const { home, run, user } = layout;
      return [host.name, { platform: "local", host: host.name, address: host.address, home, run, user }];
    }),
  );
}
