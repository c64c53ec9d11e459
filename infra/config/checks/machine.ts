/** Platform local: does the fleet fit on this machine? Facts are given; nothing is read here. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import type { HostSpec } from "../spec.ts";
import { formatMb } from "../units.ts";
import type { Listener } from "./services.ts";

export interface MachineFacts {
  /** PostgreSQL majors with server programs on this machine. */
  installedMajors: number[];
  memoryMb: number;
  /** Listening sockets that are not this fleet's own; address "0.0.0.0", "::" or "*" listens on all. `by`: who, e.g. "nginx (pid 812)". */
  portsInUse: { address: string; port: number; by: string }[];
}

export function checkMachine(
  draft: Draft,
  hosts: HostSpec[],
  ports: Listener[],
  machine: MachineFacts,
  report: Report,
): void {
  const { version } = draft;
  if (version !== undefined && !machine.installedMajors.includes(version)) {
    const installed = machine.installedMajors.toSorted((a, b) => a - b);
    const list =
      installed.length === 0
        ? "No PostgreSQL server is"
        : `Installed ${installed.length === 1 ? "is" : "are"} ${installed.join(", ")}; ${version} is not`;
    report.add(
      ["version"],
      `${list}${installed.length === 0 ? " installed" : ""} on this machine. Install it (apt-get install postgresql-${version})${installed.length === 0 ? "" : `, or write one that is installed: ${installed.at(-1)}`}.`,
    );
  }
  const sum = hosts.reduce((total, host) => total + host.memoryMb, 0);
  if (sum > machine.memoryMb) {
    const terms = hosts.map((host) => `${host.name} ${formatMb(host.memoryMb)}`).join(", ");
    report.add(
      ["memory"],
      `the hosts want ${formatMb(sum)} together (${terms}), but this machine has ${formatMb(machine.memoryMb)}. Give them less memory, or have fewer hosts.`,
    );
  }
  for (const listener of ports) {
    const taken = machine.portsInUse.find(
      (used) => used.port === listener.port && (used.address === listener.address || isWildcard(used.address)),
    );
    if (taken === undefined) continue;
    const there = isWildcard(taken.address) ? `port ${taken.port} of all addresses` : `${taken.address}:${taken.port}`;
    report.add(
      ["hosts", listener.host, "address"],
      `${listener.what} needs ${listener.address}:${listener.port}, but ${taken.by} listens on ${there}. ${wayOut(listener, taken.address)}`,
    );
  }
}

const isWildcard = (address: string): boolean => ["0.0.0.0", "::", "*", "[::]"].includes(address);

/** Another address does not help against a listener on all of them. */
function wayOut({ what }: Listener, takenAddress: string): string {
  const key = /\((.+)\)/.exec(what)?.[1];
  if (key !== undefined) return `Stop it, or choose another ${key}.`;
  return isWildcard(takenAddress)
    ? "Stop it, or have it listen on its own address only."
    : "Stop it, or choose another address.";
}
