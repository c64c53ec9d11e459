/** Platform `existing`: Linux machines with systemd that are there already, reached over ssh. */

import type { FleetSpec, HostSpec } from "../config/spec.ts";
import type { HostLayout } from "../rendering/types.ts";
import { versionIn } from "../rendering/version.ts";
import type { SshConnectionInput } from "../resources.ts";
import { localLayout } from "./layout.ts";

/** Data, files and logs of the stack on each of its hosts. */
export const existingStateDir = ({ stack, stateDir }: Pick<FleetSpec, "stack" | "stateDir">): string =>
  stateDir ?? `/var/lib/pgfleet/${stack}`;

/** Programs are Debian's, or PGDG's for Debian, which puts them in the same places. */
export function existingLayouts(spec: FleetSpec): Map<string, HostLayout> {
  // Nothing is asked of a host while files are rendered: what the stack file pins is what is known.
  const pgbouncer = versionIn(spec.packages?.pgbouncer ?? "");
  const versions = pgbouncer ? { versions: { pgbouncer } } : {};
  return new Map(
    spec.hosts.map((host) => [
      host.name,
      {
        ...localLayout(existingStateDir(spec), host, { version: spec.cluster.version, user: "postgres", ...versions }),
        serviceManager: "systemd" as const,
      },
    ]),
  );
}

export function existingConnection(spec: FleetSpec, host: HostSpec, layout: HostLayout): SshConnectionInput {
  const { user, port, ...rest } = host.ssh ?? { user: "root", port: 22 };
  return {
    platform: "ssh",
    host: host.name,
    address: host.address,
    home: layout.home,
    run: layout.run,
    user: layout.user,
    unitPrefix: `pgfleet-${spec.stack}-${host.name}`,
    ssh: { user, port, become: "sudo", ...rest },
  };
}
