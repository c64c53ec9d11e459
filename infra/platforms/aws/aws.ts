/** Platform `aws`: hosts are made by the stack and then treated as `existing` ones, reached through Systems Manager. */

import type { FleetSpec, HostSpec } from "../../config/spec.ts";
import type { HostLayout } from "../../rendering/types.ts";
import type { SshConnectionInput } from "../../resources.ts";
import { existingConnection } from "../existing.ts";

/**
 * The machine is found by its tags at each connection, so that a connection is known before the machine is, and stays
 * what it is when the machine is replaced. A way of the stack file's own, through a bastion host say, is kept.
 */
export function awsConnection(spec: FleetSpec, host: HostSpec, layout: HostLayout): SshConnectionInput {
  const connection = existingConnection(spec, host, layout);
  if (connection.ssh.proxyCommand || connection.ssh.proxyJump) return connection;
  const ssm = { region: spec.aws!.region, stack: spec.stack, host: host.name };
  return { ...connection, ssh: { ...connection.ssh, ssm } };
}
