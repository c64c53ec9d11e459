/** A fleet to tune: one primary, replicas of other sizes. */
import type { FleetSpec, HostSpec } from "../../infra/config/spec.ts";

export function member(name: string, role: HostSpec["role"], size: Partial<HostSpec> = {}): HostSpec {
  return {
    name,
    role,
    address: "10.0.0.1",
    memoryMb: 16384,
    cpus: 8,
    diskMb: 512000,
    storage: "ssd",
    parameters: {},
    protect: true,
    ...size,
  };
}

export function fleet(
  hosts: HostSpec[],
  change: Partial<FleetSpec["cluster"]> = {},
  rest: Partial<FleetSpec> = {},
): FleetSpec {
  return {
    stack: "test",
    platform: "existing",
    cluster: {
      name: "shop",
      version: 17,
      workload: "web",
      restart: "rolling",
      synchronous: "off",
      initdb: {
        dataChecksums: true,
        encoding: "UTF8",
        localeProvider: "libc",
        locale: "C.UTF-8",
        walSegmentSizeMb: 16,
      },
      parameters: {},
      ...change,
    },
    hosts,
    primary: hosts[0]!.name,
    gone: [],
    state: "shared",
    protect: true,
    rollout: { limitSeconds: 5, tries: 3, terminate: false },
    databases: [{ name: "shop", owner: "shop_owner", extensions: [] }],
    roles: [
      { name: "shop_app", login: true, connectionLimit: -1, access: "readwrite", password: { kind: "generated" } },
      { name: "shop_owner", login: false, connectionLimit: -1, access: "owner", password: { kind: "generated" } },
    ],
    allowedNetworks: [],
    ...rest,
  };
}
