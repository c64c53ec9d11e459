/** supervisord as a service manager: one per host, spoken to through its unix socket. */

import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Transport } from "../transports/transport.ts";
import type { ServiceManager, ServiceStatus } from "./service-manager.ts";
import { callRpc, RpcFault, type RpcValue } from "./xml-rpc.ts";

/** supervisor/xmlrpc.py, class Faults. */
const BAD_NAME = 10;
const NOT_RUNNING = 70;
const ALREADY_STARTED = 60;
const ALREADY_ADDED = 90;

const START_UNLESS_RUNNING = `case $(supervisorctl -s "$1" status "$2") in *RUNNING* | *STARTING*) exit 0 ;; esac
supervisorctl -s "$1" start "$2"
exit 1`;
const STOP_LIMIT_MS = 120_000;
const POLL_MS = 30;

export class Supervisor implements ServiceManager {
  readonly #socket: string;
  readonly #transport: Transport;
  readonly #log: string;
  /**
   * @param socket supervisord's unix_http_server file
   * @param log folder of the services' logs
   */
  constructor(socket: string, transport: Transport, log: string) {
    this.#socket = socket;
    this.#transport = transport;
    this.#log = log;
  }

  startUnlessRunning(name: string): string[] {
    return ["sh", "-c", START_UNLESS_RUNNING, "start", `unix://${this.#socket}`, name];
  }

  async recentLog(name: string): Promise<{ text: string; place: string }> {
    const place = path.join(this.#log, `${name}.log`);
    const text = (await this.#transport.readFile(place))?.text ?? "";
    return { text: text.split("\n").slice(-200).join("\n"), place };
  }

  /** True when supervisord answers. */
  async alive(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call("supervisor.getState", [], signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // A fault is an answer: it is shutting down, but there.
      return error instanceof RpcFault;
    }
  }

  async start(name: string, signal: AbortSignal): Promise<void> {
    const [[added, changed, removed]] = (await this.#call("supervisor.reloadConfig", [], signal)) as [
      [string[], string[], string[]],
    ];
    if (changed.includes(name) || removed.includes(name)) await this.#forget(name, signal);
    if (added.includes(name) || changed.includes(name)) {
      await this.#unless(ALREADY_ADDED, this.#call("supervisor.addProcessGroup", [name], signal));
    }
    try {
      // wait=false: supervisord would sit out startsecs; callers check the service itself.
      await this.#unless(ALREADY_STARTED, this.#call("supervisor.startProcess", [name, false], signal));
    } catch (error) {
      if (error instanceof RpcFault && error.code === BAD_NAME) {
        throw new Error(`supervisord does not know "${name}": no supervisor.conf of it is in the folder it includes`);
      }
      throw error;
    }
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    // wait=false and polling: each call wakes supervisord's loop, which otherwise notices a dead child up to 1 s late.
    await this.#unless(
      NOT_RUNNING,
      this.#unless(BAD_NAME, this.#call("supervisor.stopProcess", [name, false], signal)),
    );
    const deadline = Date.now() + STOP_LIMIT_MS;
    for (;;) {
      const status = await this.status(name, signal);
      if (status.pid === 0) return;
      if (Date.now() > deadline)
        throw new Error(`${name} did not stop within ${STOP_LIMIT_MS / 1000} s (pid ${status.pid})`);
      await delay(POLL_MS, undefined, { signal });
    }
  }

  async restart(name: string, signal: AbortSignal): Promise<void> {
    await this.stop(name, signal);
    await this.start(name, signal);
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    await this.#call("supervisor.signalProcess", [name, "HUP"], signal);
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.stop(name, signal);
    await this.#unless(BAD_NAME, this.#call("supervisor.removeProcessGroup", [name], signal));
  }

  async status(name: string, signal: AbortSignal): Promise<ServiceStatus> {
    try {
      const info = (await this.#call("supervisor.getProcessInfo", [name], signal)) as Record<string, RpcValue>;
      const state = String(info.statename);
      return {
        known: true,
        running: state === "RUNNING" || state === "STARTING",
        pid: Number(info.pid),
        state,
        problem:
          state === "RUNNING" || state === "STARTING" || state === "STOPPED"
            ? ""
            : String(info.spawnerr || info.description || ""),
      };
    } catch (error) {
      if (error instanceof RpcFault && error.code === BAD_NAME)
        return { known: false, running: false, pid: 0, state: "UNKNOWN", problem: "" };
      throw error;
    }
  }

  /** Ends supervisord and everything it runs; returns when its socket is gone. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (!(await this.alive(signal))) return;
    await this.#call("supervisor.shutdown", [], signal);
    const deadline = Date.now() + STOP_LIMIT_MS;
    while (await this.alive(signal)) {
      if (Date.now() > deadline) throw new Error(`supervisord did not shut down within ${STOP_LIMIT_MS / 1000} s`);
      await delay(POLL_MS, undefined, { signal });
    }
  }

  async #forget(name: string, signal: AbortSignal): Promise<void> {
    await this.stop(name, signal);
    await this.#unless(BAD_NAME, this.#call("supervisor.removeProcessGroup", [name], signal));
  }

  async #call(method: string, params: (string | number | boolean)[], signal: AbortSignal): Promise<RpcValue> {
    try {
      return await callRpc(this.#socket, method, params, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ECONNREFUSED") throw error;
      throw new Error(
        `supervisord does not answer on ${this.#socket}: it or its whole host is down. The next \`pulumi up\` starts it.`,
        { cause: error },
      );
    }
  }

  async #unless(code: number, call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!(error instanceof RpcFault && error.code === code)) throw error;
    }
  }
}
