/** This machine as a host. */

import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { constants as osConstants, userInfo } from "node:os";
import * as path from "node:path";
import type { ExecOptions, ExecResult, FileFacts, Ownership, Presence, Transport } from "./transport.ts";

const asRoot = process.getuid?.() === 0;
const idsByUser = new Map<string, Promise<{ uid: number; gid: number }>>();

export class LocalTransport implements Transport {
  readonly host: string;
  constructor(host: string) {
    this.host = host;
  }

  async connect(): Promise<void> {}

  async presence(): Promise<Presence> {
    const stat = await fs.readFile("/proc/self/stat", "utf8");
    const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return { pid: process.pid, startTicks, uid: process.getuid?.() ?? 0 };
  }

  exec(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    // The kernel kills the command when this process dies: nothing of ours runs on unattended.
    const argvOnHost = ["setpriv", ...runAs(options.user), "--pdeathsig", "KILL", "--", ...argv];
    return new Promise((resolve, reject) => {
      if (options.signal.aborted) return reject(new Error(`${argv[0]} on ${this.host}: cancelled`));
      const child = spawn(argvOnHost[0]!, argvOnHost.slice(1), {
        stdio: ["pipe", "pipe", "pipe"],
        // A process group of its own: some commands fork (pg_basebackup's receiver outlives its parent otherwise).
        detached: true,
        cwd: "/",
        env: {
          PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          LC_ALL: "C.UTF-8",
          ...options.env,
        },
      });
      let stdout = "";
      let stderr = "";
      let ended: string | undefined;
      const end = (why: string) => {
        ended ??= why;
        killGroup(child.pid);
      };
      const timeoutMs = options.timeoutMs ?? 60_000;
      const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
      const onAbort = () => end("cancelled");
      options.signal.addEventListener("abort", onAbort, { once: true });
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
        if (options.onStderrLine) for (const line of text.split(/[\r\n]+/)) if (line) options.onStderrLine(line);
      });
      child.stdin.on("error", () => {});
      child.stdin.end(options.stdin ?? "");
      const settle = (done: () => void) => {
        clearTimeout(timer);
        options.signal.removeEventListener("abort", onAbort);
        done();
      };
      child.on("error", (error) => settle(() => reject(new Error(`${argv[0]} on ${this.host}: ${error.message}`))));
      child.on("close", (code, signal) =>
        settle(() => {
          if (ended) return reject(new Error(`${argv[0]} on ${this.host}: ${ended}`));
          resolve({ code: code ?? 128 + (signal ? osConstants.signals[signal] : 0), stdout, stderr });
        }),
      );
    });
  }

  async readFile(file: string): Promise<FileFacts | undefined> {
    return orMissing(async () => {
      const handle = await fs.open(file, "r");
      try {
        const [stat, text] = [await handle.stat(), await handle.readFile("utf8")];
        return { text, mode: octal(stat.mode), mtimeMs: stat.mtimeMs };
      } finally {
        await handle.close();
      }
    });
  }

  async writeFile(file: string, text: string, options: Ownership): Promise<void> {
    const temporary = path.join(
      path.dirname(file),
      `.${path.basename(file)}.${process.pid}.${Math.random().toString(36).slice(2)}`,
    );
    try {
      const handle = await fs.open(temporary, "wx", 0o600);
      try {
        await handle.writeFile(text);
        await handle.chmod(Number.parseInt(options.mode, 8));
        await own(options, (uid, gid) => handle.chown(uid, gid));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temporary, file);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw error;
    }
  }

  async makeDirectory(directory: string, options: Ownership): Promise<void> {
    await fs.mkdir(directory, { recursive: true, mode: 0o755 });
    await fs.chmod(directory, Number.parseInt(options.mode, 8));
    await own(options, (uid, gid) => fs.chown(directory, uid, gid));
  }

  list(directory: string): Promise<string[] | undefined> {
    return orMissing(() => fs.readdir(directory));
  }

  readLink(file: string): Promise<string | undefined> {
    return orMissing(() => fs.readlink(file));
  }

  async link(target: string, file: string): Promise<void> {
    // Hidden: should we die before the rename, no pattern such as supervisor's `current/*/supervisor.conf` finds it.
    const name = `.${path.basename(file)}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    const temporary = path.join(path.dirname(file), name);
    await fs.symlink(target, temporary);
    await fs.rename(temporary, file);
  }

  rename(from: string, to: string): Promise<void> {
    return fs.rename(from, to);
  }

  remove(file: string): Promise<void> {
    return fs.rm(file, { recursive: true, force: true });
  }

  async exists(file: string): Promise<boolean> {
    return (await orMissing(() => fs.lstat(file))) !== undefined;
  }
}

async function own({ user, group }: Ownership, chown: (uid: number, gid: number) => Promise<void>): Promise<void> {
  if (!asRoot || !(user || group)) return;
  const { uid, gid } = await idsOf((user ?? group)!);
  await chown(user ? uid : 0, gid);
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function runAs(user: string | undefined): string[] {
  if (!user || user === userInfo().username) return [];
  if (!asRoot) throw new Error(`cannot run as ${user}: this process is not root`);
  return [`--reuid=${user}`, `--regid=${user}`, "--init-groups"];
}

function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  let ids = idsByUser.get(user);
  if (!ids) {
    ids = fs.readFile("/etc/passwd", "utf8").then((passwd) => {
      const fields = passwd
        .split("\n")
        .find((line) => line.startsWith(`${user}:`))
        ?.split(":");
      if (!fields) throw new Error(`there is no user "${user}" on this machine`);
      return { uid: Number(fields[2]), gid: Number(fields[3]) };
    });
    idsByUser.set(user, ids);
  }
  return ids;
}

async function orMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`;
