/** A passfile beside each PgBouncer of platform `local`, so that a person can connect without seeing a password. */

import { component, type HostInput, renderFile } from "./host-input.ts";
import { tlsFiles } from "./tls.ts";
import { type Component, secretPlaceholder } from "./types.ts";

/** One line for each role of the config that may log in; none when nothing listens that it could be used with. */
export function clientComponent(input: HostInput): Component {
  const { host, spec } = input;
  const { port } = spec.pooler!;
  // Host and port are named, so that libpq offers these passwords to nothing else.
  const lines = spec.roles
    .filter((role) => role.login)
    .map((role) => `${host.address}:${port}:*:${role.name}:${secretPlaceholder(`${role.name}.password`, "passfile")}`);
  const facts = { mode: "0600", change: "reload" } as const;
  return component("client", [
    renderFile(input, "client", "passfile", facts, { address: host.address, port, lines }),
    ...tlsFiles(input, "client", ["ca"]),
  ]);
}

/** On which hosts the passfile is: where this machine is the fleet, its user is the fleet's user. */
export const hasClient = ({ host, spec }: Pick<HostInput, "host" | "spec">): boolean =>
  spec.platform === "local" && (spec.pooler?.hosts.includes(host.name) ?? false);
