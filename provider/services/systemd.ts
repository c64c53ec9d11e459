/**
 * systemd as a service manager, on hosts that are a machine of their own. A service's unit lies among its component's
 * files; it is copied to /etc/systemd/system, where systemd finds it at boot whatever is mounted when.
 */

import { setTimeout as delay } from "node:timers/promises";
import { run, type Transport } from "../transports/transport.ts";
import type { ServiceManager, ServiceStatus } from "./service-manager.ts";

const UNITS = "/etc/systemd/system";
/** A fast shutdown ends with a checkpoint; the unit's own limit is shorter than this one. */
const STOP_LIMIT_MS = 3_700_000;
const GONE_LIMIT_MS = 10_000;

// $1 unit, $2 the folder of links to what is in force, $3 service, $4 folder of units. Says "new", "changed" or "same".
const INSTALL = `to=$4/$1; set -- "$1" "$2"/*/"$3.service"
[ -f "$2" ] || { echo "no unit of it is among the files in force ($2)" >&2; exit 1; }
if cmp -s -- "$2" "$to"; then echo same; exit 0; fi
if [ -e "$to" ]; then said=changed; else said=new; fi
umask 022; cat -- "$2" > "$to.part" && mv -fT -- "$to.part" "$to" && systemctl daemon-reload && echo "$said"`;

// $1 unit, $2 folder of units. Boot does not start it any more, and systemd does not know it any more.
const FORGET = `systemctl disable --quiet "$1" 2>/dev/null; rm -f -- "$2/$1" && systemctl daemon-reload && systemctl reset-failed "$1" 2>/dev/null; :`;

export class Systemd implements ServiceManager {
  readonly #transport: Transport;
  readonly #prefix: string;
  readonly #current: string;
  readonly #units: string;

  /**
   * @param prefix first part of the host's unit names, e.g. "pgfleet-prod-db1"
   * @param current folder of links to the generations in force
   * @param units where systemd looks for units
   */
  constructor(transport: Transport, prefix: string, current: string, units = UNITS) {
    this.#units = units;
    this.#transport = transport;
    this.#prefix = prefix;
    this.#current = current;
  }

  /** Name of a service's unit: "pgfleet-prod-db1-postgresql.service". */
  unit(name: string): string {
    return `${this.#prefix}-${name}.service`;
  }

  async alive(signal: AbortSignal): Promise<boolean> {
    const { code } = await this.#transport.exec(["systemctl", "show", "--property=Version"], { signal });
    return code === 0;
  }

  async start(name: string, signal: AbortSignal): Promise<void> {
    const unit = this.unit(name);
    const install = ["sh", "-c", INSTALL, "install-unit", unit, this.#current, name, this.#units];
    const said = (await run(this.#transport, install, { signal })).trim();
    if (said === "changed" && (await this.status(name, signal)).running) await this.stop(name, signal);
    await run(this.#transport, ["systemctl", "enable", "--quiet", unit], { signal });
    await this.#transport.exec(["systemctl", "reset-failed", unit], { signal });
    // Units say when they are ready, which after a crash takes long; callers look at the service itself.
    await run(this.#transport, ["systemctl", "start", "--no-block", unit], { signal });
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    const { known } = await this.status(name, signal);
    if (known) await run(this.#transport, ["systemctl", "stop", this.unit(name)], { signal, timeoutMs: STOP_LIMIT_MS });
    const deadline = Date.now() + GONE_LIMIT_MS;
    for (;;) {
      const { pid } = await this.status(name, signal);
      if (pid === 0) return;
      if (Date.now() > deadline)
        throw new Error(`${this.unit(name)} on ${this.#transport.host} did not stop (pid ${pid})`);
      await delay(100, undefined, { signal });
    }
  }

  async restart(name: string, signal: AbortSignal): Promise<void> {
    await this.stop(name, signal);
    await this.start(name, signal);
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    await run(this.#transport, ["systemctl", "kill", "--kill-who=main", "--signal=HUP", this.unit(name)], { signal });
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.stop(name, signal);
    await run(this.#transport, ["sh", "-c", FORGET, "forget-unit", this.unit(name), this.#units], { signal });
  }

  async status(name: string, signal: AbortSignal): Promise<ServiceStatus> {
    const properties = "--property=LoadState,ActiveState,SubState,MainPID,Result,ExecMainStatus";
    return parseShow(await run(this.#transport, ["systemctl", "show", properties, this.unit(name)], { signal }));
  }

  /** Stops every unit of this host's prefix and forgets it. systemd itself is the machine's. */
  async shutdown(signal: AbortSignal): Promise<void> {
    for (const file of (await this.#transport.list(this.#units)) ?? []) {
      const name = file.startsWith(`${this.#prefix}-`)
        ? /^(.+)\.service$/.exec(file.slice(this.#prefix.length + 1))?.[1]
        : undefined;
      if (name) await this.remove(name, signal);
    }
  }

  startUnlessRunning(name: string): string[] {
    return [
      "sh",
      "-c",
      'systemctl is-active --quiet "$1" && exit 0; systemctl start --no-block "$1"; exit 1',
      "start",
      this.unit(name),
    ];
  }

  async recentLog(name: string, signal: AbortSignal): Promise<{ text: string; place: string }> {
    const words = ["-u", this.unit(name)];
    const argv = ["journalctl", ...words, "-n", "200", "-o", "cat", "--no-pager", "-q"];
    return { text: (await this.#transport.exec(argv, { signal })).stdout, place: `journalctl ${words.join(" ")}` };
  }
}

/** What `systemctl show` says of a unit, one "Name=value" a line. */
export function parseShow(text: string): ServiceStatus {
  const of = Object.fromEntries(
    text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).trim()]),
  );
  const known = of.LoadState !== "not-found" && of.LoadState !== undefined;
  const failed = of.ActiveState === "failed";
  return {
    known,
    running: ["active", "activating", "reloading"].includes(of.ActiveState ?? "") && of.SubState !== "auto-restart",
    pid: Number(of.MainPID) || 0,
    state: failed ? "FATAL" : known ? `${of.ActiveState} (${of.SubState})` : "UNKNOWN",
    problem: failed || of.SubState === "auto-restart" ? `${of.Result}, exit status ${of.ExecMainStatus}` : "",
  };
}
