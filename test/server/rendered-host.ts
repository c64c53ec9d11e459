/** Puts a HostPlan on this machine like `up` does, and runs programs against it. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fillSecrets } from "../../infra/rendering/generation.ts";
import { componentHash } from "../../infra/rendering/hash.ts";
import type { HostLayout, HostPlan } from "../../infra/rendering/types.ts";

export const isRoot = process.getuid?.() === 0;
/** OS user that servers run as here. */
export const serverUser = isRoot ? "postgres" : userInfo().username;
const CLEAN_ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };

/** Programs of a layout that this machine does not have. */
export function missingPrograms(layout: HostLayout): string[] {
  const { postgresBin, ...programs } = layout.programs;
  const files = [...Object.values(programs), join(postgresBin, "postgres"), join(postgresBin, "initdb")];
  return files.filter((file) => {
    try {
      accessSync(file, constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });
}

/** Stages every component and points `current/<component>` at it. Call again to switch to another plan. */
export function install(plan: HostPlan, layout: HostLayout, secrets: Record<string, string>, only?: string): void {
  for (const folder of [layout.gen, layout.current, dirname(layout.data), layout.run, layout.log, layout.rollout])
    own(mkdir(folder));
  // Rollout writes it before the first start; PgBouncer wants it to be there.
  const override = join(layout.rollout, "pgbouncer.ini");
  if (!existsSync(override)) writeFileSync(override, "");
  own(override);
  for (const component of plan.components) {
    if (only && component.name !== only) continue;
    const generation = join(layout.gen, component.name, componentHash(component, {}));
    own(mkdir(dirname(generation)));
    own(mkdir(generation));
    for (const file of component.files) {
      const path = join(generation, file.path);
      writeFileSync(path, fillSecrets(file.body, secrets, file.path));
      chmodSync(path, Number.parseInt(file.mode, 8));
      own(path);
    }
    const link = join(layout.current, component.name);
    rmSync(`${link}.new`, { force: true });
    symlinkSync(generation, `${link}.new`);
    renameSync(`${link}.new`, link);
  }
}

export function mkdir(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

export function own(path: string): void {
  if (isRoot) chownSync(path, Number(run(["id", "-u", serverUser])), Number(run(["id", "-g", serverUser])));
}

/** Runs a program; its output, trimmed. `as`: another OS user, which needs root. */
export function run(command: string[], options: { as?: string; environment?: Record<string, string> } = {}): string {
  const words = options.as && isRoot ? ["runuser", "-u", options.as, "--", ...command] : command;
  const env = { ...CLEAN_ENVIRONMENT, ...options.environment };
  return execFileSync(words[0]!, words.slice(1), {
    env,
    encoding: "utf8",
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

/** A statement on a host's own server, as its superuser. */
export function psqlAt(layout: HostLayout, sql: string): string {
  const psql = join(layout.programs.postgresBin, "psql");
  return run([psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", layout.run, "-U", "postgres", "-d", "postgres", "-c", sql]);
}

/** Output and errors of a program that should fail. */
export function runFailing(
  command: string[],
  options: { as?: string; environment?: Record<string, string> } = {},
): string {
  try {
    return `it succeeded: ${run(command, options)}`;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  }
}

/** supervisord in the foreground, as `up` configures it. */
export function supervise(layout: HostLayout): ChildProcess {
  const configuration = join(layout.current, "supervisor", "supervisord.conf");
  return spawn(layout.programs.supervisord, ["-n", "-c", configuration], {
    env: CLEAN_ENVIRONMENT,
    cwd: "/",
    stdio: "ignore",
  });
}

/** Stops supervisord, and with it what it runs, by pid. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = Symbol("late");
  if ((await Promise.race([exited, delay(60_000, late, { ref: false })])) === late) {
    child.kill("SIGKILL");
    throw new Error(`supervisord (pid ${child.pid}) did not stop within 60 s`);
  }
}

/** Calls `probe` until it gives something; the last error or value is in the message when it never does. */
export async function until<T>(what: string, probe: () => T | Promise<T>, limitMs = 60_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value as NonNullable<T>;
      last = value;
    } catch (error) {
      const { stderr, message } = error as { stderr?: string; message: string };
      last = stderr || message;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s; last: ${String(last)}`);
    await delay(50);
  }
}

/** Modes of the installed files, "<component>/<file> 0640". */
export function installedModes(layout: HostLayout): string[] {
  return readdirSync(layout.current).flatMap((component) =>
    readdirSync(join(layout.current, component)).map(
      (file) => `${component}/${file} 0${(statSync(join(layout.current, component, file)).mode & 0o777).toString(8)}`,
    ),
  );
}
