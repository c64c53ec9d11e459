/** A container that boots systemd and sshd. */

import { docker } from "./docker.ts";

/** Kernels that give containers the first kind of control groups only; others do not mind. */
const LEGACY = ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"];

export interface Container {
  image: string;
  /** Of Docker. */
  network: string;
  address: string;
  hostname: string;
  /** Options of `docker create`. */
  more?: string[];
}

/** What follows `docker run` or `docker create`. */
export function containerArguments({ image, network, address, hostname, more = [] }: Container): string[] {
  const place = ["--network", network, "--ip", address, "--hostname", hostname];
  const may = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"];
  const volatile = ["--tmpfs", "/run", "--tmpfs", "/run/lock"];
  return [...place, ...may, ...volatile, ...more, image, "/sbin/init", ...LEGACY];
}

/** A network that nothing else here has; `cidr` gives the range to try with a number from 0 to 199. */
export function makeNetwork(cidr: (number: number) => string): { cidr: string; id: string } {
  for (let number = process.pid % 200, tries = 0; ; number = (number + 1) % 200, tries++) {
    const range = cidr(number);
    try {
      const name = `pgfleet-test-${process.pid}-${range.replaceAll(/\W/g, "-")}`;
      return { cidr: range, id: docker(["network", "create", "--subnet", range, name]).trim() };
    } catch (error) {
      if (tries >= 20) throw error;
    }
  }
}
