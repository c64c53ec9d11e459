/** What may go wrong under a rollout: done at a moment that its progress tells. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { RunResult, TestFleet } from "./fleet.ts";
import { runningEqualsDeclared } from "./kill.ts";

/** Runs `up`, and does `act` once its output matches. */
export async function upWith(fleet: TestFleet, at: RegExp, act: () => unknown): Promise<RunResult> {
  const run = fleet.startUp();
  let ended = false;
  run.child.once("exit", () => (ended = true));
  const deadline = Date.now() + 180_000;
  while (!at.test(run.said())) {
    if (ended || Date.now() > deadline) throw new Error(`the run never came to ${at}:\n${run.said()}`);
    await delay(10);
  }
  await act();
  return run.done;
}

/** After the repair: the next `up` ends what was begun, and nothing was lost. */
export async function finishes(fleet: TestFleet): Promise<string> {
  const text = await fleet.up();
  await runningEqualsDeclared(fleet);
  for (const member of ["db1", "db2", "db3"])
    expect(fleet.sql(member, "SELECT count(*) FROM kept", "shop"), member).toBe("1000");
  return text;
}

/** Why hosts cannot get file systems of their own here; "" when they can. */
export function noMounts(fleet: TestFleet): string {
  const probe = fs.mkdtempSync(path.join(fleet.dir, "mount-"));
  try {
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", probe);
    execFileSync("umount", [probe], { stdio: "pipe" });
    return "";
  } catch (error) {
    return `mounting a file system is not allowed here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  } finally {
    fs.rmdirSync(probe);
  }
}

export const mount = (...argv: string[]): void => void execFileSync("mount", argv, { stdio: "pipe" });
export const unmount = (folder: string): void => void execFileSync("umount", ["-l", folder], { stdio: "pipe" });

/** Fills the file system of a folder to its last byte; gives what frees it. */
export function fill(folder: string): () => void {
  const file = path.join(folder, "filler");
  const handle = fs.openSync(file, "w");
  let size = 1024 * 1024;
  try {
    while (size >= 1) {
      try {
        fs.writeSync(handle, Buffer.alloc(size));
      } catch {
        size = Math.floor(size / 4);
      }
    }
  } finally {
    fs.closeSync(handle);
  }
  return () => fs.rmSync(file, { force: true });
}

/** Pid of a program of a host that its service manager started; by its pid file. */
export function pidOf(file: string): number {
  return Number(fs.readFileSync(file, "utf8").split("\n")[0]);
}
