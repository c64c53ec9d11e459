/**
 * The lock of a host that is not this machine: a file there that names the process which stands for the run on the
 * host. It ends with the run, or with its connection; a lock whose process is gone is taken over.
 */

import { hostname } from "node:os";
import type { Host } from "./host.ts";

const OTHER = 45;

// $1 file, $2 token; standard input: the lock. link(2) of a complete file: it is never seen half written. A lock whose
// process is gone, or whose pid another process has, goes; the loop is for those who take it over at the same time.
const TAKE = `f=$1; t=$1.$2; cat > "$t"; n=0
ticks() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
while [ "$n" -lt 5 ]; do n=$((n + 1))
if ln -T -- "$t" "$f" 2>/dev/null; then rm -f -- "$t"; exit 0; fi
read -r pid started rest < "$f" || continue
if [ "$pid $started" = "$3" ]; then rm -f -- "$t"; exit 0; fi
if [ "$(ticks "$pid")" = "$started" ]; then rm -f -- "$t"; cat -- "$f"; exit ${OTHER}; fi
mv -fT -- "$f" "$t.dead" 2>/dev/null || continue
read -r moved rest < "$t.dead"; [ "$moved" = "$pid" ] || ln -T -- "$t.dead" "$f" 2>/dev/null; rm -f -- "$t.dead"
done
rm -f -- "$t"; echo "others keep taking it" >&2; exit 1`;

/** Takes the lock, or has it already. Throws when another run has it, with who and since when. */
export async function takeRemoteLock(host: Host, file: string, token: string, signal: AbortSignal): Promise<void> {
  const { pid, startTicks } = await host.transport.presence(signal);
  const who = `${pid} ${startTicks}`;
  const lock = `${who} ${hostname()}, pid ${process.pid}, since ${new Date().toISOString()}\n`;
  const argv = ["sh", "-c", TAKE, "take-lock", file, token, who];
  const result = await host.transport.exec(argv, { stdin: lock, signal });
  if (result.code === OTHER) {
    const by = result.stdout.trim().split(" ").slice(2).join(" ");
    throw new Error(
      `host ${host.name} is being changed by another run (${by}). Wait for it, or end it, and run again.`,
    );
  }
  if (result.code !== 0)
    throw new Error(`the lock ${file} of host ${host.name} could not be taken: ${result.stderr.trim()}`);
}

/** What tells whether the lock has to be taken again: another connection is another process on the host. */
export async function remoteHolder(host: Host, signal: AbortSignal): Promise<string> {
  const { pid, startTicks } = await host.transport.presence(signal);
  return `${pid} ${startTicks}`;
}
