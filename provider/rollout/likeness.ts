/** A copy of a data directory is one only where text is sorted, and bytes are read, as on its source. */

import * as path from "node:path";
import type { RolloutMember } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import { run } from "../transports/transport.ts";

export interface Likeness {
  /** "x86_64". */
  architecture: string;
  /** "glibc 2.41". */
  libc: string;
  /** Major version of the ICU that the server is linked with, e.g. "76"; "" without. */
  icu: string;
}

// $1 the server's program. ldd says which ICU it is linked with.
const LOOK = `uname -m; getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown
ldd "$1" 2>/dev/null | sed -n 's/^[[:space:]]*libicui18n\\.so\\.\\([0-9.]*\\) .*/\\1/p'`;

/**
 * @throws Error that names both versions, when indexes on text made on one would be wrong on the other, or the data
 *   could not be read there at all
 */
export async function refuseUnlike(from: RolloutMember, to: RolloutMember, signal: AbortSignal): Promise<void> {
  // Members on one machine are alike.
  if (from.connection.platform === "local" && to.connection.platform === "local") return;
  const [a, b] = await Promise.all([look(from, signal), look(to, signal)]);
  const problem = unlike({ name: from.name, ...a }, { name: to.name, ...b });
  if (problem) throw new Error(problem);
}

export function unlike(from: Likeness & { name: string }, to: Likeness & { name: string }): string | undefined {
  if (from.architecture !== to.architecture)
    return `${to.name} is ${to.architecture} and ${from.name} is ${from.architecture}: data files of one cannot be read on the other. Nothing was copied. Take a host of the same kind.`;
  const other = [
    ...(from.libc === to.libc ? [] : [`${from.libc} on ${from.name} and ${to.libc} on ${to.name}`]),
    ...(from.icu === to.icu
      ? []
      : [`ICU ${from.icu || "none"} on ${from.name} and ICU ${to.icu || "none"} on ${to.name}`]),
  ];
  if (other.length === 0) return undefined;
  return (
    `${to.name} is not cloned from ${from.name}: ${other.join("; ")}. Versions sort text differently, so indexes made on one may be wrong on the other: rows are not found, and unique keys come twice. ` +
    "Bring both hosts to the same release of the distribution; to move to another release, make a new cluster there and move the data by dump or logical replication."
  );
}

async function look({ connection, binDirectory }: RolloutMember, signal: AbortSignal): Promise<Likeness> {
  const argv = ["sh", "-c", LOOK, "look", path.join(binDirectory, "postgres")];
  const [architecture = "", libc = "", icu = ""] = (await run(hostAt(connection).transport, argv, { signal })).split(
    "\n",
  );
  return { architecture, libc, icu };
}
