/** Processes of a test fleet, found by its folder, and ended by pid. */

import * as fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface Process {
  pid: number;
  command: string;
}

/** Processes that name the folder in their command line, work in it, or have it in their environment. */
export function processesOf(folder: string): Process[] {
  const found: Process[] = [];
  for (const name of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const command = fs.readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (command === "") continue;
      const environment = fs.readFileSync(`/proc/${name}/environ`, "utf8");
      const directory = fs.readlinkSync(`/proc/${name}/cwd`);
      if (command.includes(folder) || environment.includes(folder) || directory.startsWith(folder))
        found.push({ pid: Number(name), command });
    } catch {
      // Ended meanwhile.
    }
  }
  return found;
}

/** SIGKILL to all of a folder's processes, until there are none. */
export async function killGroup(folder: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const left = processesOf(folder);
    if (left.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`still running:\n${left.map((p) => `${p.pid} ${p.command}`).join("\n")}`);
    for (const { pid } of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Ended meanwhile.
      }
    }
    await delay(50);
  }
}

/** Polls until `probe` gives a value; the error says what was waited for. */
export async function until<T>(
  what: string,
  limitMs: number,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`waited ${limitMs / 1000} s in vain until ${what}${last ? `: ${(last as Error).message}` : ""}`);
    await delay(50);
  }
}

/** The newest PostgreSQL major installed here. */
export function installedMajor(): number {
  const majors = fs.existsSync("/usr/lib/postgresql")
    ? fs
        .readdirSync("/usr/lib/postgresql")
        .map(Number)
        .filter((m) => fs.existsSync(`/usr/lib/postgresql/${m}/bin/postgres`))
    : [];
  if (majors.length === 0) throw new Error("no PostgreSQL server is installed: run `make tools`");
  return Math.max(...majors);
}
