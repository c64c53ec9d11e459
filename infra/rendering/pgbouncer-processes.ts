/** Names and places of the PgBouncer processes of a host; the first has those of a host with one process. */

import type { HostLayout } from "./types.ts";

export interface PgbouncerProcess {
  /** From 1. */
  number: number;
  /** Program under the service manager. */
  service: string;
  /** The same program once more, for online restarts. */
  takeover: string;
  /** Its file in the component. */
  ini: string;
  /** Folder of its unix socket and pid file, relative to the host's run folder; "" for the folder itself. */
  folder: string;
}

/** @param count processes of a host, from 1 */
export function pgbouncerProcesses(count: number): PgbouncerProcess[] {
  return Array.from({ length: count }, (_, i) => {
    const number = i + 1;
    if (number === 1)
      return { number, service: "pgbouncer", takeover: "pgbouncer_takeover", ini: "pgbouncer.ini", folder: "" };
    return {
      number,
      service: `pgbouncer_${number}`,
      takeover: `pgbouncer_takeover_${number}`,
      ini: `pgbouncer-${number}.ini`,
      folder: `pgbouncer-${number}`,
    };
  });
}

/** Absolute folder of a process' socket. */
export const socketFolder = (run: HostLayout["run"], { folder }: Pick<PgbouncerProcess, "folder">): string =>
  folder === "" ? run : `${run}/${folder}`;
