/** An application that inserts one row after the other through PgBouncer, a connection each, and notes what became of them. */

import { setTimeout as delay } from "node:timers/promises";
import { type MachineFleet, VERIFIED } from "./machine-fleet.ts";

const LIMIT_MS = 120_000;
// $1 psql, $2 host, $3 role; the password is in the passfile. Rows are numbered from 1001 on, over all writers.
const LOOP = `cd /run/writer; n=$(cat n 2>/dev/null || echo 1000)
while [ ! -e stop ]; do n=$((n + 1))
if said=$("$1" -XAtq -h "$2" -p 6432 -U "$3" -d shop -v ON_ERROR_STOP=1 -c "INSERT INTO kept VALUES ($n)" 2>&1); then echo "$n" >> written; else echo "$n $said" >> failed; fi
done; echo "$n" > n; touch stopped`;

export interface Writer {
  /** Waits until it has written so many more rows. */
  hasWritten(more: number): Promise<void>;
  /** All rows since the first writer. */
  stop(): { written: number; failed: string[] };
}

export function startWriter(fleet: MachineFleet, role: string, password: string): Writer {
  const sh = (line: string, ...args: string[]) => fleet.exec("pool1", ["sh", "-c", line, "sh", ...args]).trim();
  const setUp =
    "umask 077; mkdir -p /run/writer; rm -f /run/writer/stop*; cat > /run/writer/passfile; chown -R postgres /run/writer";
  fleet.exec("pool1", ["sh", "-c", setUp], `*:*:*:*:${password}\n`);
  const psql = `/usr/lib/postgresql/${fleet.config.version}/bin/psql`;
  const env = ["PGPASSFILE=/run/writer/passfile", ...VERIFIED].join(" ");
  const run = `setsid setpriv --reuid=postgres --regid=postgres --clear-groups env ${env}`;
  sh(
    `${run} sh -c "$1" writer "$2" "$3" "$4" </dev/null >/dev/null 2>&1 &`,
    LOOP,
    psql,
    fleet.addressOf("pool1"),
    role,
  );
  const lines = (file: string): string[] => sh(`cat /run/writer/${file} 2>/dev/null || :`).split("\n").filter(Boolean);
  const waitUntil = async (what: string, done: () => boolean): Promise<void> => {
    const deadline = Date.now() + LIMIT_MS;
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`${what}: ${lines("failed").slice(-3).join("; ")}`);
      await delay(200);
    }
  };
  return {
    async hasWritten(more) {
      const goal = lines("written").length + more;
      await waitUntil(`the writer did not come to ${goal} rows`, () => lines("written").length >= goal);
    },
    stop() {
      sh(
        "touch /run/writer/stop; n=0; while [ ! -e /run/writer/stopped ] && [ $n -lt 600 ]; do n=$((n + 1)); sleep 0.1; done",
      );
      return { written: lines("written").length, failed: lines("failed") };
    },
  };
}
