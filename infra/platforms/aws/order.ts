/** In which order machines change: one after the other, the primary last, so that it moves once at most. Pure. */

import type { FleetSpec, HostSpec } from "../../config/spec.ts";

export function machineOrder(spec: FleetSpec): HostSpec[] {
  const rank = ({ name, role }: HostSpec): number => {
    if (name === spec.primary) return 3;
    return role === "pooler" ? 1 : role === "monitoring" ? 2 : 0;
  };
  return spec.hosts.toSorted((a, b) => rank(a) - rank(b));
}
