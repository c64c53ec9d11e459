/** What a host is: read on the host in one command, compared with what the stack file says of it. */

import type { HostSize } from "../infra/resources.ts";
import { run, type Transport } from "./transports/transport.ts";

export interface HostFacts {
  memoryMb: number;
  cpus: number;
  /** Size of the filesystem that the fleet's folder is or will be on. */
  diskMb: number;
  /** "x86_64", "aarch64". */
  architecture: string;
  /** "Debian GNU/Linux 12 (bookworm)". */
  os: string;
  /** ID and ID_LIKE of os-release: "debian", "ubuntu debian". */
  family: string;
  /** "glibc 2.36"; members with other collations must not share data. */
  libc: string;
  /** Version of systemd; "" where it does not run. */
  systemd: string;
  /** Majors of PostgreSQL with server programs. */
  postgresql: number[];
  /** "1.18.0"; "" when it is not installed. */
  pgbouncer: string;
  /** How far the host's clock is ahead of ours, in seconds; negative: behind. */
  clockOffsetSeconds: number;
}

// $1 a folder that may not be there yet: its nearest parent that is counts.
const READ = `d=$1; while [ ! -d "$d" ]; do d=\${d%/*}; d=\${d:-/}; done
echo "memoryKb=$(sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo)"
echo "cpus=$(nproc)"
echo "diskKb=$(df -Pk -- "$d" | awk 'NR == 2 { print $2 }')"
echo "architecture=$(uname -m)"
echo "os=$(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")"
echo "family=$(. /etc/os-release 2>/dev/null && echo "$ID $ID_LIKE")"
echo "libc=$(getconf GNU_LIBC_VERSION 2>/dev/null)"
[ -d /run/systemd/system ] && echo "systemd=$(systemctl --version | sed -n '1s/^systemd \\([0-9.]*\\).*/\\1/p')"
for p in /usr/lib/postgresql/*/bin/postgres; do [ -x "$p" ] && echo "postgresql=$(basename "\${p%/bin/postgres}")"; done
echo "pgbouncer=$(pgbouncer --version 2>/dev/null | sed -n 's/^PgBouncer //p')"
echo "now=$(date +%s.%N)"`;

/** @param folder the fleet's folder on the host, e.g. "/var/lib/pgfleet/prod" */
export async function readHostFacts(transport: Transport, folder: string, signal: AbortSignal): Promise<HostFacts> {
  const before = Date.now();
  const text = await run(transport, ["sh", "-c", READ, "read-facts", folder], { signal });
  return parseHostFacts(text, (before + Date.now()) / 2);
}

/** @param nowMs our time when the host said its own */
export function parseHostFacts(text: string, nowMs: number): HostFacts {
  const all = text
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).trim()]);
  const of = (name: string): string => all.find(([key]) => key === name)?.[1] ?? "";
  return {
    memoryMb: Math.floor(Number(of("memoryKb")) / 1024),
    cpus: Number(of("cpus")),
    diskMb: Math.floor(Number(of("diskKb")) / 1024),
    architecture: of("architecture"),
    os: of("os"),
    family: of("family"),
    libc: of("libc"),
    systemd: of("systemd"),
    postgresql: all.flatMap(([key, value]) => (key === "postgresql" ? [Number(value)] : [])).sort((a, b) => a - b),
    pgbouncer: of("pgbouncer"),
    clockOffsetSeconds: Math.round((Number(of("now")) * 1000 - nowMs) / 100) / 10,
  };
}

/** The kernel and the filesystem keep some for themselves: what is sold as 4 GB shows 3.8. */
const USABLE_SHARE = 0.9;

/** Why the host is not what the stack file says, a line each; more than declared is fine. */
export function tooSmall(host: string, facts: HostFacts, declared: HostSize): string[] {
  const problems: string[] = [];
  const less = (key: "memory" | "disk", hasMb: number, saysMb: number): void => {
    if (hasMb < saysMb * USABLE_SHARE)
      problems.push(
        `${host} has ${hasMb} MB of ${key}, and the stack file says ${saysMb} MB. Correct hosts.${host}.${key}, or give it more.`,
      );
  };
  less("memory", facts.memoryMb, declared.memoryMb);
  less("disk", facts.diskMb, declared.diskMb);
  if (facts.cpus < declared.cpus)
    problems.push(
      `${host} has ${facts.cpus} cpus, and the stack file says ${declared.cpus}. Correct hosts.${host}.cpus, or give it more.`,
    );
  return problems;
}

/** A clock that is off by more makes certificates invalid, and times in logs and in recovery wrong. */
const CLOCK_LIMIT_S = 60;

/** Why the host cannot be one of the fleet, a line each. */
export function unfit(host: string, facts: HostFacts, declared: HostSize): string[] {
  const problems = tooSmall(host, facts, declared);
  const system = facts.os || "an unknown system";
  if (!/\b(debian|ubuntu)\b/.test(facts.family))
    problems.push(
      `${host} runs ${system}, and the fleet installs the packages of Debian and Ubuntu. Take a host with one of these, or one that is made from them.`,
    );
  else if (facts.systemd === "")
    problems.push(`${host} (${system}) does not run systemd, which starts the services there.`);
  if (!["x86_64", "aarch64"].includes(facts.architecture))
    problems.push(
      `${host} is ${facts.architecture || "of an unknown architecture"}; sizes of huge pages and of memory are known for x86_64 and aarch64. Take a host of one of these.`,
    );
  if (Math.abs(facts.clockOffsetSeconds) > CLOCK_LIMIT_S) problems.push(clockProblem(host, facts));
  return problems;
}

export function clockProblem(host: string, { clockOffsetSeconds: off }: HostFacts): string {
  return `the clock of ${host} is ${Math.abs(off)} s ${off > 0 ? "ahead" : "behind"} of this machine's. Have it set by NTP (systemd-timesyncd, chrony).`;
}
