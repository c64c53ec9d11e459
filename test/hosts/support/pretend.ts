/** A machine that says something else about itself than it is. */

import type { Machines } from "./machines.ts";

/** Puts a program of this name before the real one; gives what takes it away. */
export function pretend(machines: Machines, host: string, program: string, body: string): () => void {
  const file = `/usr/local/sbin/${program}`;
  machines.exec(host, ["sh", "-c", 'cat > "$1" && chmod 755 "$1"', "pretend", file], `#!/bin/sh\n${body}\n`);
  return () => void machines.exec(host, ["rm", file]);
}
