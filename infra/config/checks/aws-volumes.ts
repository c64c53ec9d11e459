/** Platform aws: data volumes within what EBS makes (gp3). */

import type { Path, Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec } from "../spec.ts";
import { formatKb, formatMb } from "../units.ts";

const GP3 = {
  maxDiskMb: 16 * 1024 * 1024,
  /** What every volume has, however small. */
  freeIops: 3000,
  iopsPerGb: 500,
  throughputMbps: { min: 125, max: 1000, perIops: 0.25 },
} as const;

/** Each problem once, where the value is written. */
export function checkVolumes(draft: Draft, hosts: HostSpec[], report: Report): void {
  for (const { name, diskMb, aws } of hosts) {
    const own = draft.hosts?.[name];
    const add = (path: Path, message: string): void => {
      if (!report.has(path)) report.add(path, message);
    };
    const disk: Path = own?.disk === undefined ? ["disk"] : ["hosts", name, "disk"];
    if (diskMb % 1024 !== 0)
      add(disk, `is ${formatMb(diskMb)}, and EBS has whole GB. Write ${formatMb(Math.ceil(diskMb / 1024) * 1024)}.`);
    else if (diskMb > GP3.maxDiskMb)
      add(disk, `is ${formatMb(diskMb)}, but a volume has at most ${formatMb(GP3.maxDiskMb)}.`);
    checkStorage(draft, name, add);
    if (aws === undefined) continue;
    const volume = (key: "iops" | "throughput"): Path =>
      own?.volume?.[key] === undefined ? ["aws", "volume", key] : ["hosts", name, "volume", key];
    const { iops, throughputMbps } = aws.volume;
    const most = Math.max(GP3.freeIops, GP3.iopsPerGb * Math.floor(diskMb / 1024));
    if (diskMb > 0 && iops > most)
      add(
        volume("iops"),
        `is ${iops}, but the disk of ${name} has ${formatMb(diskMb)}, for which at most ${most} are possible (${GP3.iopsPerGb} for each GB). Write less, or have a larger disk.`,
      );
    const { min, max, perIops } = GP3.throughputMbps;
    const shown = formatKb(throughputMbps * 1024);
    if (throughputMbps < min || throughputMbps > max || !Number.isInteger(throughputMbps))
      add(volume("throughput"), `is ${shown}. It must be whole MB per second, from ${min}MB to ${max}MB.`);
    else if (throughputMbps > iops * perIops)
      add(
        volume("throughput"),
        `is ${shown}, but ${iops} iops of ${name} allow at most ${Math.floor(iops * perIops)}MB. Write less, or iops: ${throughputMbps / perIops}.`,
      );
  }
}

function checkStorage(draft: Draft, name: string, add: (path: Path, message: string) => void): void {
  const own = draft.hosts?.[name]?.storage;
  const kind = own ?? draft.storage;
  if (kind === undefined || kind === "ssd") return;
  add(
    own === undefined ? ["storage"] : ["hosts", name, "storage"],
    `is ${kind}, but data volumes on aws are gp3, which are ssd. Write ssd, or remove the line.`,
  );
}
