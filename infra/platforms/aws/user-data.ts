/** What an instance runs once, at its first boot: its data volume in its place, and the agent that ssh goes through. */

import type { FleetSpec, HostSpec } from "../../config/spec.ts";
import { commentText } from "../../rendering/quoting.ts";
import { renderTemplate, type Templates } from "../../rendering/template.ts";
import { needsAgent } from "./images.ts";

/** EC2 takes no more. */
const LONGEST_BYTES = 16 * 1024;
/** The volume is attached once the instance runs; the cloud takes some seconds for it, seldom minutes. */
const WAIT_SECONDS = 600;

/** Mount point of a host's data volume; the fleet's folder on the host is inside. */
export const volumePlace = ({ stateDir }: Pick<FleetSpec, "stateDir">): string => stateDir ?? "/var/lib/pgfleet";

/** Name that udev gives the device of a volume on instances of the Nitro system. */
export const volumeDevice = (volumeId: string): string =>
  `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volumeId.replace("-", "")}`;

/** Everything is written by this project; there is nothing secret in it: who may read the instance's attributes sees it. */
export function userData(spec: FleetSpec, host: HostSpec, templates: Templates, volumeId: string | undefined): string {
  const { region, image } = spec.aws!;
  const text = renderTemplate(templates, "aws/user-data.sh", {
    host: host.name,
    cluster: spec.cluster.name,
    stack: commentText(spec.stack),
    agent: needsAgent(image),
    region,
    domain: region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com",
    volume:
      volumeId === undefined
        ? null
        : { device: volumeDevice(volumeId), place: volumePlace(spec), waitSeconds: WAIT_SECONDS },
  });
  if (Buffer.byteLength(text) > LONGEST_BYTES)
    throw new Error(
      `user data of ${host.name} has ${Buffer.byteLength(text)} bytes, and EC2 takes ${LONGEST_BYTES}: shorten templates/aws/user-data.sh.mustache`,
    );
  return text;
}
