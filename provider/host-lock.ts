/**
 * One run at a time on a host. The first change this process makes on a host takes the host's lock; it is held
 * until the process ends, so that the steps of one run are never mixed with another's. A lock whose process is
 * dead is taken over.
 */

import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import type { Host } from "./host.ts";
import { remoteHolder, takeRemoteLock } from "./remote-lock.ts";

interface Lock {
  token: string;
  pid: number;
  /** Field 22 of /proc/<pid>/stat: tells a process from a later one with its pid. */
  startTicks: string;
  machine: string;
  since: string;
}

const token = randomUUID();
const REMOTE_LIMIT_MS = 60_000;
const remotelyHeld = new Map<string, { holder: string; taking: Promise<void> }>();
const held = new Map<string, Promise<void>>();

/** Takes the host's lock for this process; returns at once when it already has it. Needs the host's folder. */
export function lockHost(host: Host): Promise<void> {
  if (host.connection.platform !== "local") return lockRemote(host);
  const file = host.paths.lock;
  let taking = held.get(file);
  if (!taking) {
    if (held.size === 0) process.once("exit", releaseAllLocks);
    taking = take(host, file);
    held.set(file, taking);
    taking.catch(() => held.delete(file));
  }
  return taking;
}

/** Goes with the process that stands for us there; after a lost connection that is another one, and it is taken again. */
async function lockRemote(host: Host): Promise<void> {
  const key = `${host.name} ${host.paths.lock}`;
  const signal = AbortSignal.timeout(REMOTE_LIMIT_MS);
  const holder = await remoteHolder(host, signal);
  let held = remotelyHeld.get(key);
  if (held?.holder !== holder) {
    held = { holder, taking: takeRemoteLock(host, host.paths.lock, token, signal) };
    remotelyHeld.set(key, held);
    held.taking.catch(() => remotelyHeld.delete(key));
  }
  return held.taking;
}

/** Gives up every lock of this process, at its end. */
function releaseAllLocks(): void {
  for (const file of held.keys()) {
    try {
      if ((JSON.parse(fs.readFileSync(file, "utf8")) as Lock).token === token) fs.rmSync(file, { force: true });
    } catch {
      // Gone already, or never written.
    }
  }
  held.clear();
}

async function take(host: Host, file: string): Promise<void> {
  const mine: Lock = {
    token,
    pid: process.pid,
    startTicks: startTicks(process.pid) ?? "",
    machine: hostname(),
    since: new Date().toISOString(),
  };
  for (let attempt = 0; attempt < 5; attempt++) {
    // link(2) of a complete file: the lock is never seen half written.
    const temporary = `${file}.${token}`;
    fs.writeFileSync(temporary, JSON.stringify(mine), { mode: 0o644 });
    try {
      fs.linkSync(temporary, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      fs.rmSync(temporary, { force: true });
    }
    const other = read(file);
    if (other && alive(other)) {
      throw new Error(
        `host ${host.name} is being changed by another run (pid ${other.pid} on ${other.machine}, since ${other.since}). Wait for it, or end it, and run again.`,
      );
    }
    discard(file, `${temporary}.dead`, other?.token);
  }
  throw new Error(`the lock ${file} of host ${host.name} could not be taken: others keep taking it`);
}

/** Removes the dead lock. Renamed first, and put back when another run took it over in between. */
function discard(file: string, aside: string, deadToken: string | undefined): void {
  try {
    fs.renameSync(file, aside);
    if (read(aside)?.token !== deadToken) fs.linkSync(aside, file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  }
  fs.rmSync(aside, { force: true });
}

function read(file: string): Lock | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Lock;
  } catch {
    return undefined;
  }
}

function alive(lock: Lock): boolean {
  return startTicks(lock.pid) === lock.startTicks;
}

function startTicks(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
