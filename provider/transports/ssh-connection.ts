/** One connection per host, dialed when it is first needed, shared by all commands, and dialed again when it was lost. */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SshConnectionInput } from "../../infra/resources.ts";
import { dialTarget, masterArgv, sessionArgv, socketFolder } from "./ssh-options.ts";
import { type DialProblem, dialProblem } from "./ssh-problems.ts";
import { bootCommand, remoteScript, SIGN_EVERY_MS } from "./ssh-script.ts";
import { type ConnectOptions, type Presence, UnreachableError } from "./transport.ts";

/** A host that was up before is given this long. */
const SHORT_LIMIT_MS = 20_000;
/** One attempt, login and sudo included. */
const ATTEMPT_LIMIT_MS = 30_000;
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 5_000];
/** A host that could not be reached is not dialed again so soon: a run asks for it once per resource. */
const REMEMBER_MS = 20_000;
const NOTICE_MS = 2_000;
/** An open connection that answers nothing for so long is dialed anew, where it may lead to a machine that is gone. */
const ANSWER_LIMIT_MS = 10_000;
/** sshd's default MaxSessions is 10, and one is the connection's own. */
const MOST_SESSIONS = 8;

/** Lives as long as the connection; its pid is what stands for this process on the host. */
const PRESENCE = `printf 'ready %s %s %s\\n' "$(id -u)" $$ "$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)"; exec sleep 2147483647`;

interface Open {
  socket: string;
  presence: Presence;
  child: ChildProcess;
}

export class SshConnection {
  readonly input: SshConnectionInput;
  #open: Open | undefined;
  #dialing: Promise<Open> | undefined;
  #waiting: { until: number; onWait?: ((line: string) => void) | undefined }[] = [];
  #failure: { at: number; error: UnreachableError } | undefined;
  /** Which machine the host was last said to be. */
  #machine: string | undefined;
  /** It may lead to a machine that is gone, whose end was not noticed. */
  #doubted = false;
  #asking: Promise<void> | undefined;
  #free = MOST_SESSIONS;
  readonly #queue: (() => void)[] = [];

  constructor(input: SshConnectionInput) {
    this.input = input;
  }

  /** The open connection, dialed when there is none. Rejects with UnreachableError at the limit, or when waiting cannot help. */
  async open(options: ConnectOptions): Promise<Open> {
    options.signal.throwIfAborted();
    const patient = options.limitMs !== undefined;
    // Who waits for a machine to boot means the one that is there now.
    if (this.#open && (patient || this.#doubted)) {
      this.#asking ??= this.#ask(this.#open.socket).finally(() => {
        this.#asking = undefined;
      });
      await abortable(this.#asking, options.signal);
    }
    if (this.#open) return this.#open;
    if (!patient && this.#failure && Date.now() - this.#failure.at < REMEMBER_MS) throw this.#failure.error;
    const waiter = { until: Date.now() + (options.limitMs ?? SHORT_LIMIT_MS), onWait: options.onWait };
    this.#waiting.push(waiter);
    this.#dialing ??= this.#dial().finally(() => {
      this.#dialing = undefined;
    });
    try {
      return await abortable(this.#dialing, options.signal);
    } finally {
      this.#waiting = this.#waiting.filter((w) => w !== waiter);
    }
  }

  /** Another machine at the same place: the open connection has to show that it still leads somewhere. */
  leadsTo(machine: string | undefined): void {
    if (machine === undefined) return;
    this.#doubted ||= this.#machine !== undefined && this.#machine !== machine;
    this.#machine = machine;
  }

  /** Closes the connection when nothing answers on it. */
  async #ask(socket: string): Promise<void> {
    const giveBack = await this.session(AbortSignal.timeout(ANSWER_LIMIT_MS)).catch(() => undefined);
    if (!giveBack) return;
    const answers = await new Promise<boolean>((resolve) => {
      const child = spawn("ssh", sessionArgv(this.input, socket, "exit 0"), { stdio: "ignore", detached: true });
      const timer = setTimeout(() => child.kill("SIGKILL"), ANSWER_LIMIT_MS);
      child.on("error", () => resolve(false));
      child.on("exit", (code) => {
        clearTimeout(timer);
        resolve(code === 0);
      });
    });
    giveBack();
    this.#doubted = false;
    if (!answers && this.#open?.socket === socket) this.close();
  }

  /** Has this connection gone? Its end may be noticed a moment after that of a command on it. */
  async isLost(socket: string): Promise<boolean> {
    const deadline = Date.now() + NOTICE_MS;
    while (this.#open?.socket === socket) {
      if (Date.now() > deadline) return false;
      await delay(20);
    }
    return true;
  }

  /** One of the sessions that a connection may have at once; gives what gives it back. */
  async session(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else {
      let turn = () => {};
      const mine = new Promise<void>((resolve) => {
        turn = resolve;
        this.#queue.push(turn);
      });
      try {
        await abortable(mine, signal);
      } catch (error) {
        const at = this.#queue.indexOf(turn);
        // Given to us in the same moment: hand it on.
        if (at >= 0) this.#queue.splice(at, 1);
        else this.#giveBack();
        throw error;
      }
    }
    return () => this.#giveBack();
  }

  /** Ends the connection and every command on it. */
  close(): void {
    this.#open?.child.stdin?.destroy();
    this.#open?.child.kill("SIGTERM");
    this.#open = undefined;
  }

  #giveBack(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#free += 1;
  }

  async #dial(): Promise<Open> {
    const { host } = this.input;
    const started = Date.now();
    for (let attempt = 0; ; attempt++) {
      const limit = Math.max(...this.#waiting.map((w) => w.until));
      const result = await this.#attempt();
      if ("presence" in result) {
        this.#failure = undefined;
        return result;
      }
      const waitedMs = Date.now() - started;
      if (!result.passing || this.#waiting.length === 0 || Date.now() >= limit) {
        const tried = result.passing ? ` Tried ${attempt + 1} times in ${Math.round(waitedMs / 1000)} s.` : "";
        const error = new UnreachableError(host, `${result.reason}${tried}`);
        this.#failure = { at: Date.now(), error };
        throw error;
      }
      const limitS = Math.round((limit - started) / 1000);
      const line = `waiting for sshd on ${host}, ${Math.round(waitedMs / 1000)} s of ${limitS} s: ${result.reason}`;
      for (const waiter of this.#waiting) waiter.onWait?.(line);
      const pause = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]!;
      await delay(Math.min(pause, Math.max(0, limit - Date.now())));
    }
  }

  #attempt(): Promise<Open | DialProblem> {
    const target = dialTarget(this.input);
    const socket = path.join(socketFolder(), randomBytes(4).toString("hex"));
    return new Promise((resolve) => {
      const child = spawn("ssh", masterArgv(this.input, socket, bootCommand(this.input.ssh.become)), {
        stdio: ["pipe", "pipe", "pipe"],
        // Ctrl-C on a terminal is for the operator's program; it ends this in order.
        detached: true,
      });
      let said = "";
      let answer = "";
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        endGroup(child);
      }, ATTEMPT_LIMIT_MS);
      const signs = setInterval(() => child.stdin.write("."), SIGN_EVERY_MS).unref();
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-8_000);
      });
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        answer += text;
        const [, uid, pid, startTicks] = /^ready (\d+) (\d+) (\d+)$/m.exec(answer) ?? [];
        if (!pid || this.#open?.child === child) return;
        clearTimeout(timer);
        this.#open = { socket, child, presence: { pid: Number(pid), startTicks: startTicks!, uid: Number(uid) } };
        release(child);
        resolve(this.#open);
      });
      child.stdin.on("error", () => {});
      child.stdin.write(
        `${remoteScript({ argv: ["sh", "-c", PRESENCE], env: {}, stdinBytes: 0, token: "presence" })}.`,
      );
      const end = (why: string) => {
        clearTimeout(timer);
        clearInterval(signs);
        if (this.#open?.child === child) this.#open = undefined;
        resolve(dialProblem(why, target, late));
      };
      child.on("error", (error) => end(`this machine has no usable ssh: ${error.message}`));
      // A proxy command may outlive its ssh, and holds the streams open.
      child.on("exit", () => endGroup(child));
      child.on("close", () => end(said));
    });
  }
}

/** ssh leads a group of its own, with what it started. */
function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The open connection alone does not keep this process from ending. */
function release(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket | null)?.unref();
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

const connections = new Map<string, SshConnection>();

/**
 * The one connection of this process to a host. Not one for each machine that the host was: a resource that knows which
 * it is and one that does not must share the process that holds the host's lock.
 */
export function sshConnection(input: SshConnectionInput): SshConnection {
  const { host, address } = input;
  const { machine, ...ssh } = input.ssh;
  const key = JSON.stringify([host, address, Object.entries(ssh).sort(([a], [b]) => (a < b ? -1 : 1))]);
  let connection = connections.get(key);
  if (!connection) {
    connection = new SshConnection(input);
    connections.set(key, connection);
  }
  connection.leadsTo(machine);
  return connection;
}

/** Ends every connection of this process. */
export function closeSshConnections(): void {
  for (const connection of connections.values()) connection.close();
  connections.clear();
}
