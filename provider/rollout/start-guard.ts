/**
 * A server that was stopped to be restarted is started whatever becomes of us: a process of its own on the host waits
 * for the end of the provider, and then starts what is stopped. Standing down ends it by pid.
 */

import type { Host } from "../host.ts";
import { END_DETACHED } from "../transports/detached.ts";
import { run } from "../transports/transport.ts";

// $1 the pid that stands for us on the host; the rest: a command that starts the service unless it runs. A stop that is
// under way ends first: hence the tries.
const SCRIPT = `left=3000
while kill -0 "$1" 2>/dev/null; do left=$((left - 1)); [ $left -gt 0 ] || exit 0; sleep 0.2; done
left=60; shift
while [ $left -gt 0 ]; do
"$@" && exit 0
left=$((left - 1)); sleep 0.5
done`;

/** Stands guard over a service of the host; gives what makes it stand down. */
export async function guardStart(host: Host, service: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const { pid: ours } = await host.transport.presence(signal);
  const inner = ["sh", "-c", SCRIPT, "pgfleet-start", String(ours), ...host.services.startUnlessRunning(service)];
  // setsid: neither our death nor our signals reach it. As a background job it leads its group: $! is its pid.
  const detached = ["sh", "-c", 'setsid "$@" </dev/null >/dev/null 2>&1 & echo $!', "sh", ...inner];
  const pid = (await run(host.transport, detached, { signal })).trim();
  return async () => {
    await host.transport.exec(["sh", "-c", END_DETACHED, "sh", pid, "pgfleet-start"], {
      signal: AbortSignal.timeout(10_000),
    });
  };
}
