/** What a change means for the machine under a host, where the stack makes it. */

import { formatMb } from "../config/units.ts";
import type { PlanHost } from "./plan-file.ts";

export function machineWarnings(before: PlanHost, after: PlanHost): string[] {
  const [was, is] = [before.machine, after.machine];
  if (!was || !is) return [];
  const lines: string[] = [];
  if (was.size !== is.size) {
    const change = `${was.size} → ${is.size}`;
    const smaller = after.memoryMb < before.memoryMb || after.cpus < before.cpus;
    lines.push(
      smaller
        ? `${change}: \`up\` puts the settings for it in force, and a second \`up\` stops the machine and starts it smaller`
        : `${change}: the machine stops and starts for it, emptied before, one machine at a time and the primary's last`,
    );
  }
  if (was.replace !== is.replace)
    lines.push("another machine takes its place, and its data volume over; emptied before");
  if (after.diskMb < before.diskMb)
    lines.push(
      `disk ${formatMb(before.diskMb)} → ${formatMb(after.diskMb)}: \`up\` refuses it, a volume never shrinks`,
    );
  return lines;
}
