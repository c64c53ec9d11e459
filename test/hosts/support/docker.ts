/** Docker's command line, and whether tests may use it here. */

import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";

/** Why hosts cannot be made here; undefined: they can. */
export function hostsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "making a root filesystem needs root";
  const server = spawnSync("docker", ["info", "--format", "{{.ServerVersion}}"], { encoding: "utf8", timeout: 20_000 });
  if (server.error || server.status !== 0 || server.stdout.trim() === "")
    return `no Docker answers (${(server.error?.message ?? server.stderr).trim().split("\n").at(-1)})`;
  if (!process.env.PGFLEET_HOSTS_IMAGE && !fs.existsSync("/usr/sbin/debootstrap"))
    return "debootstrap is not installed";
  return undefined;
}

/** Runs docker and gives its standard output; the error has what it said. */
export function docker(args: string[], input = ""): string {
  const done = spawnSync("docker", args, { encoding: "utf8", input, maxBuffer: 64 * 1024 * 1024, timeout: 300_000 });
  if (done.error) throw done.error;
  if (done.status === 0) return done.stdout;
  throw new Error(
    `docker ${args.slice(0, 3).join(" ")} ended with ${done.status}: ${(done.stderr + done.stdout).trim()}`,
  );
}

/** A command at low priority: other tests may measure time meanwhile. */
export function nicely(command: string, args: string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync("nice", [command, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...env },
  });
}
