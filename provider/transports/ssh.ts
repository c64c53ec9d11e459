/** A host reached by the system's ssh: its config, agent and proxies work as they do by hand. */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { SshConnectionInput } from "../../infra/resources.ts";
import { type SshConnection, sshConnection } from "./ssh-connection.ts";
import { FILE_SCRIPTS, MISSING } from "./ssh-files.ts";
import { sessionArgv } from "./ssh-options.ts";
import { bootCommand, remoteScript, SIGN_EVERY_MS, takeEnd } from "./ssh-script.ts";
import {
  type ConnectOptions,
  type ExecOptions,
  type ExecResult,
  type FileFacts,
  type Ownership,
  type Presence,
  type Transport,
  UnreachableError,
} from "./transport.ts";

/** How long a command that is to end may take to say so, before its client is killed; the host ends it all the same. */
const END_GRACE_MS = 5_000;
/** Files come and go at once, unless the host or its disk hangs. */
const FILE_LIMIT_MS = 120_000;
/** Pauses after which a session that sshd refused is tried again. */
const REFUSED_PAUSES_MS = [100, 300, 1_000, 3_000];

export class SshTransport implements Transport {
  readonly host: string;
  readonly #connection: SshConnection;

  constructor(input: SshConnectionInput) {
    this.host = input.host;
    this.#connection = sshConnection(input);
  }

  async connect(options: ConnectOptions): Promise<void> {
    await this.#connection.open(options);
  }

  async presence(signal: AbortSignal): Promise<Presence> {
    return (await this.#connection.open({ signal })).presence;
  }

  async exec(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    if (options.signal.aborted) throw new Error(`${argv[0]} on ${this.host}: cancelled`);
    for (let attempt = 0; ; attempt++) {
      const { socket } = await this.#connection.open({ signal: options.signal });
      const release = await this.#connection.session(options.signal);
      try {
        const result = await this.#session(socket, argv, options);
        if (result) return result;
      } finally {
        release();
      }
      const pause = REFUSED_PAUSES_MS[attempt];
      if (pause === undefined) {
        throw new Error(
          `sshd on ${this.host} refuses another session on an open connection, so ${argv[0]} was not run. Allow at least 10 (MaxSessions in sshd_config).`,
        );
      }
      await delay(pause, undefined, { signal: options.signal });
    }
  }

  /** Undefined: the host's sshd did not open a session, and nothing was run. */
  #session(socket: string, argv: readonly string[], options: ExecOptions): Promise<ExecResult | undefined> {
    const { input } = this.#connection;
    const token = randomBytes(12).toString("hex");
    const stdin = Buffer.from(options.stdin ?? "");
    const script = remoteScript({
      argv,
      ...(options.user && options.user !== input.ssh.user ? { user: options.user } : {}),
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...options.env },
      stdinBytes: stdin.length,
      token,
    });
    return new Promise((resolve, reject) => {
      const child = spawn("ssh", sessionArgv(input, socket, bootCommand(input.ssh.become)), {
        stdio: ["pipe", "pipe", "pipe"],
        detached: true,
      });
      let stdout = "";
      let stderr = "";
      let result: { code: number; stderr: string } | undefined;
      let ended: string | undefined;
      let killer: NodeJS.Timeout | undefined;
      const lines = options.onStderrLine ? lineSplitter(options.onStderrLine) : undefined;
      const end = (why: string) => {
        if (ended ?? result) return;
        ended = why;
        // The end of the stream without a "d": what runs on the host is killed there, and then ssh ends by itself.
        child.stdin.destroy();
        killer = setTimeout(() => child.kill("SIGKILL"), END_GRACE_MS);
      };
      const timeoutMs = options.timeoutMs ?? 60_000;
      const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
      const onAbort = () => end("cancelled");
      options.signal.addEventListener("abort", onAbort, { once: true });
      const signs = setInterval(() => !ended && !result && child.stdin.write("."), SIGN_EVERY_MS);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
        lines?.(text);
        result ??= takeEnd(stderr, token);
        if (result && child.stdin.writable) child.stdin.end("d");
      });
      child.stdin.on("error", () => {});
      child.stdin.write(script);
      child.stdin.write(stdin);
      child.stdin.write(".");
      const settle = (done: () => void) => {
        clearTimeout(timer);
        clearTimeout(killer);
        clearInterval(signs);
        options.signal.removeEventListener("abort", onAbort);
        done();
      };
      child.on("error", (error) => settle(() => reject(new Error(`${argv[0]} on ${this.host}: ${error.message}`))));
      child.on("close", () =>
        settle(() => {
          const end = takeEnd(stderr, token);
          if (ended) return reject(new Error(`${argv[0]} on ${this.host}: ${ended}`));
          if (end) return resolve({ code: end.code, stdout, stderr: end.stderr });
          if (/Session open refused|session request failed/i.test(stderr)) return resolve(undefined);
          this.#cutOff(socket, argv[0]!).then(reject, reject);
        }),
      );
    });
  }

  /** A command ended without a word about how. */
  async #cutOff(socket: string, program: string): Promise<Error> {
    if (!(await this.#connection.isLost(socket))) return new Error(`${program} on ${this.host}: it was killed there`);
    return new UnreachableError(
      this.host,
      `the connection was lost while ${program} ran there. It is ended on the host, at the latest 45 s after the last sign from here.`,
    );
  }

  async readFile(file: string): Promise<FileFacts | undefined> {
    const said = await this.#file("readFile", [file]);
    if (said === undefined) return undefined;
    const at = said.indexOf("\n");
    const [mode, seconds] = said.slice(0, at).split(" ") as [string, string];
    return { text: said.slice(at + 1), mode: `0${mode}`, mtimeMs: Number(seconds) * 1000 };
  }

  async writeFile(file: string, text: string, options: Ownership): Promise<void> {
    await this.#file("writeFile", [file, temporary(file), String(Buffer.byteLength(text)), ...own(options)], text);
  }

  async makeDirectory(directory: string, options: Ownership): Promise<void> {
    await this.#file("makeDirectory", [directory, ...own(options)]);
  }

  async list(directory: string): Promise<string[] | undefined> {
    return (await this.#file("list", [directory]))?.split("\0").filter((name) => name !== "");
  }

  readLink(file: string): Promise<string | undefined> {
    return this.#file("readLink", [file]);
  }

  async link(target: string, file: string): Promise<void> {
    await this.#file("link", [target, file, temporary(file)]);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#file("rename", [from, to]);
  }

  async remove(file: string): Promise<void> {
    await this.#file("remove", [file]);
  }

  async exists(file: string): Promise<boolean> {
    return (await this.#file("exists", [file])) !== undefined;
  }

  async #file(what: keyof typeof FILE_SCRIPTS, args: string[], stdin?: string): Promise<string | undefined> {
    const { code, stdout, stderr } = await this.exec(["sh", "-c", FILE_SCRIPTS[what], what, ...args], {
      ...(stdin === undefined ? {} : { stdin }),
      timeoutMs: FILE_LIMIT_MS,
      signal: AbortSignal.timeout(FILE_LIMIT_MS + 1_000),
    });
    if (code === 0) return stdout;
    if (code === MISSING) return undefined;
    throw new Error(`${what} ${args[0]} on ${this.host}: ${stderr.trim() || `exit code ${code}`}`);
  }
}

const own = ({ mode, user, group }: Ownership): string[] => [mode, user ?? "", group ?? ""];

/** Hidden: should we die before the rename, no pattern finds it; named like the local ones, so that the next run removes it. */
function temporary(file: string): string {
  const at = file.lastIndexOf("/") + 1;
  return `${file.slice(0, at)}.${file.slice(at)}.${process.pid}.${randomBytes(6).toString("hex")}`;
}

/** Gives whole lines, without the one that ends a command. */
function lineSplitter(give: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split(/[\r\n]+/);
    rest = parts.pop() ?? "";
    for (const part of parts) if (part) give(part);
    const marker = rest.indexOf("\x1e");
    if (marker > 0) give(rest.slice(0, marker));
    if (marker >= 0) rest = "";
  };
}
