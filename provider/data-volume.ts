/**
 * The data volume of a host: is it mounted where it should be, and is its file system as large as it? Mounting is the
 * host's own work at boot (cloud-init, systemd); this looks, waits, and grows what may grow while it is used.
 */

import type { ReadyInputs } from "../infra/resources.ts";
import type { Host } from "./host.ts";
import { run } from "./transports/transport.ts";
import type { Context } from "./types.ts";
import { waitFor } from "./wait.ts";

export type Volume = NonNullable<ReadyInputs["volume"]>;

/** A volume is attached and mounted within seconds of a boot; PGFLEET_VOLUME_LIMIT_MS sets another limit. */
const limitMs = (): number => Number(process.env.PGFLEET_VOLUME_LIMIT_MS) || 300_000;
const GROW_LIMIT_MS = 600_000;
const GIB = 1024 ** 3;
/** Ends of a device that no file system uses: xfs leaves up to a part of an allocation group, ext4 less than a block group. */
const UNUSED_BYTES = 128 * 1024 ** 2;

export interface VolumeFacts {
  /** The volume's device, e.g. "/dev/nvme1n1"; "" when it is not there. */
  device: string;
  /** What is mounted at the path; "" when it is no mount point. */
  source: string;
  /** The mounted device is the volume, or a partition of it. */
  isVolume: boolean;
  /** Where the path lies when it is no mount point: "/dev/nvme0n1p1 on /". */
  instead: string;
  type: string;
  /** 0: not known. */
  deviceBytes: number;
  /** 0: not known. */
  systemBytes: number;
}

// $1 path, $2 volume id without its dash. EBS shows it as the serial number of an NVMe device; udev makes a link of it.
// Before the Nitro system the name given at attachment is all there is.
const LOOK = `device=$(readlink -e "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$2") ||
device=$(lsblk -dnpo NAME,SERIAL 2>/dev/null | awk -v id="$2" '$2 == id { print $1; exit }')
[ "$device" ] || [ ! -b /dev/xvdf ] || device=/dev/xvdf
source=$(findmnt -nvfo SOURCE -M "$1"); real=$(readlink -e "$source" || echo "$source")
echo "device=$device"; echo "source=$source"
echo "instead=$(findmnt -nvfo SOURCE -T "$1" 2>/dev/null) on $(findmnt -nfo TARGET -T "$1" 2>/dev/null)"
[ "$device" ] && { [ "$real" = "$device" ] || [ "/dev/$(lsblk -dnro PKNAME "$real" 2>/dev/null)" = "$device" ]; } && echo isVolume=yes
[ "$source" ] || exit 0
type=$(findmnt -nfo FSTYPE -M "$1"); echo "type=$type"
echo "deviceBytes=$(lsblk -dbnro SIZE "$real" 2>/dev/null)"
case $type in
ext[234]) echo "systemBytes=$(dumpe2fs -h "$real" 2>/dev/null | awk -F: '/^Block count:/ { n = $2 } /^Block size:/ { s = $2 } END { printf "%.0f", n * s }')" ;;
xfs) echo "systemBytes=$(xfs_info "$1" 2>/dev/null | sed -n 's/^data .*bsize=\\([0-9]*\\) *blocks=\\([0-9]*\\),.*/\\1 \\2/p' | awk '{ printf "%.0f", $1 * $2 }')" ;;
esac; :`;

export async function readVolume(host: Host, { id, path }: Volume, signal: AbortSignal): Promise<VolumeFacts> {
  const text = await run(host.transport, ["sh", "-c", LOOK, "look-at-volume", path, id.replace("-", "")], { signal });
  const of = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  return {
    device: of("device"),
    source: of("source"),
    isVolume: of("isVolume") === "yes",
    instead: of("instead"),
    type: of("type"),
    deviceBytes: Number(of("deviceBytes")) || 0,
    systemBytes: Number(of("systemBytes")) || 0,
  };
}

/** What keeps the volume from being used, as a clause; "" when nothing does. */
export function notMounted({ id, path }: Volume, facts: VolumeFacts): string {
  if (facts.isVolume) return "";
  if (facts.device === "")
    return `volume ${id} is not attached (no NVMe device has its id as serial number, and there is no /dev/xvdf)`;
  const is = facts.source ? `${facts.source} is mounted there` : `the folder is on ${facts.instead}`;
  return `${path} is not volume ${id} (${facts.device}): ${is}`;
}

const gib = (bytes: number): string => `${Math.round((bytes / GIB) * 10) / 10} GB`;

/** Its file system leaves a part of the device unused. */
export const canGrow = ({ deviceBytes, systemBytes }: VolumeFacts): boolean =>
  deviceBytes > 0 && systemBytes > 0 && deviceBytes - systemBytes > UNUSED_BYTES;

/** How the volume is not as declared, one line each. */
export function volumeDrift(host: string, volume: Volume, facts: VolumeFacts): string[] {
  const missing = notMounted(volume, facts);
  if (missing) return [`on ${host} ${missing}`];
  return canGrow(facts)
    ? [
        `the file system at ${volume.path} on ${host} has ${gib(facts.systemBytes)} of the volume's ${gib(facts.deviceBytes)}`,
      ]
    : [];
}

/** Waits until the volume is mounted at its path and as large as declared, and grows its file system to its size. */
export async function useVolume(host: Host, volume: Volume, context: Context): Promise<void> {
  const { id, path, diskGb } = volume;
  const what = `volume ${id} is mounted at ${path} on ${host.name}`;
  let facts: VolumeFacts;
  try {
    facts = await waitFor(context, { what, limitMs: limitMs(), intervalMs: 1_000 }, async () => {
      const found = await readVolume(host, volume, context.signal);
      const missing = notMounted(volume, found);
      if (missing) throw new Error(missing);
      if (found.deviceBytes > 0 && found.deviceBytes < diskGb * GIB)
        throw new Error(`${found.device} has ${gib(found.deviceBytes)}, declared are ${diskGb} GB`);
      return found;
    });
  } catch (error) {
    context.signal.throwIfAborted();
    throw new Error(
      `${(error as Error).message}. It is mounted when the machine boots: see \`systemctl --failed\` and /var/log/cloud-init-output.log on ${host.name}. Nothing was changed there.`,
      { cause: error },
    );
  }
  if (canGrow(facts)) await grow(host, volume, facts, context);
}

async function grow(host: Host, { path }: Volume, facts: VolumeFacts, context: Context): Promise<void> {
  const command = facts.type === "xfs" ? ["xfs_growfs", path] : ["resize2fs", facts.source];
  context.status(`growing the file system at ${path}`);
  try {
    await run(host.transport, command, { signal: context.signal, timeoutMs: GROW_LIMIT_MS });
  } catch (error) {
    throw new Error(
      `the file system at ${path} on ${host.name} has ${gib(facts.systemBytes)}, its volume ${gib(facts.deviceBytes)}, and it does not grow: ${(error as Error).message}`,
      { cause: error },
    );
  }
  context.log(
    "info",
    `the file system at ${path} on ${host.name} grew from ${gib(facts.systemBytes)} to ${gib(facts.deviceBytes)}`,
  );
}
