import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseShow, Systemd } from "../../provider/services/systemd.ts";
import { LocalTransport } from "../../provider/transports/local.ts";
import type { ExecOptions, ExecResult } from "../../provider/transports/transport.ts";

/** Keeps a word per unit in a folder, and writes down what it was asked. */
const FAKE = `#!/bin/sh
cd "$(dirname "$0")/state" || exit 1
echo "$*" >> ../asked
for last; do :; done
case $1 in
show)
  case "$*" in *Version*) echo Version=252; exit 0 ;; esac
  [ -e "../units/$last" ] && echo LoadState=loaded || echo LoadState=not-found
  case $(cat "$last" 2>/dev/null) in
  up) echo ActiveState=active; echo SubState=running; echo MainPID=4711 ;;
  *) echo ActiveState=inactive; echo SubState=dead; echo MainPID=0 ;;
  esac ;;
start) echo up > "$last" ;;
stop) rm -f "$last" ;;
is-active) grep -q up "$last" 2>/dev/null ;;
esac
`;

class WithFake extends LocalTransport {
  readonly #bin: string;
  constructor(bin: string) {
    super("db1");
    this.#bin = bin;
  }
  override exec(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    return super.exec(argv, { ...options, env: { PATH: `${this.#bin}:/usr/bin:/bin` } });
  }
}

const { signal } = new AbortController();
const UNIT = "pgfleet-prod-db1-postgresql.service";

describe("services under systemd", () => {
  let folder: string;
  let services: Systemd;
  const asked = (): string[] => {
    const lines = fs.readFileSync(path.join(folder, "asked"), "utf8").trim().split("\n");
    fs.writeFileSync(path.join(folder, "asked"), "");
    return lines.filter((line) => !line.startsWith("show"));
  };
  const declare = (text: string): void => {
    const gen = path.join(folder, "current/postgresql");
    fs.mkdirSync(gen, { recursive: true });
    fs.writeFileSync(path.join(gen, "postgresql.service"), text);
  };
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), "pgfleet-systemd-"));
    for (const name of ["state", "units"]) fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(path.join(folder, "systemctl"), FAKE, { mode: 0o755 });
    services = new Systemd(
      new WithFake(folder),
      "pgfleet-prod-db1",
      path.join(folder, "current"),
      path.join(folder, "units"),
    );
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  test("a start installs the unit, and systemd reads units again only when one changed", async () => {
    declare("one");
    expect(await services.status("postgresql", signal)).toMatchObject({ known: false, running: false, pid: 0 });
    await services.start("postgresql", signal);
    expect(fs.readFileSync(path.join(folder, "units", UNIT), "utf8")).toBe("one");
    expect(fs.statSync(path.join(folder, "units", UNIT)).mode & 0o777).toBe(0o644);
    expect(asked()).toEqual([
      "daemon-reload",
      `enable --quiet ${UNIT}`,
      `reset-failed ${UNIT}`,
      `start --no-block ${UNIT}`,
    ]);
    expect(await services.status("postgresql", signal)).toMatchObject({ known: true, running: true, pid: 4711 });
    await services.start("postgresql", signal);
    expect(asked()).not.toContain("daemon-reload");
  });

  test("a changed unit takes hold: what runs is stopped first", async () => {
    declare("one");
    await services.start("postgresql", signal);
    asked();
    declare("two");
    await services.start("postgresql", signal);
    expect(asked()).toEqual([
      "daemon-reload",
      `stop ${UNIT}`,
      `enable --quiet ${UNIT}`,
      `reset-failed ${UNIT}`,
      `start --no-block ${UNIT}`,
    ]);
  });

  test("a removed service is stopped, not started at boot, and unknown", async () => {
    declare("one");
    await services.start("postgresql", signal);
    asked();
    await services.remove("postgresql", signal);
    expect(asked().slice(0, 3)).toEqual([`stop ${UNIT}`, `disable --quiet ${UNIT}`, "daemon-reload"]);
    expect(fs.readdirSync(path.join(folder, "units"))).toEqual([]);
    await services.remove("postgresql", signal);
  });

  test("shutdown ends the units of this host alone", async () => {
    declare("one");
    await services.start("postgresql", signal);
    const others = ["pgfleet-prod-db10-postgresql.service", "ssh.service"];
    for (const name of others) fs.writeFileSync(path.join(folder, "units", name), "");
    await services.shutdown(signal);
    expect(fs.readdirSync(path.join(folder, "units")).sort()).toEqual(others);
  });

  test("a service without a unit among the files in force is an error that says so", async () => {
    await expect(services.start("postgresql", signal)).rejects.toThrow(/no unit of it is among the files in force/);
  });

  test("reload reaches the main process alone", async () => {
    await services.reload("postgresql", signal);
    expect(asked()).toEqual([`kill --kill-who=main --signal=HUP ${UNIT}`]);
  });

  test("a guard's command starts what does not run", async () => {
    declare("one");
    const transport = new WithFake(folder);
    const once = async () => (await transport.exec(services.startUnlessRunning("postgresql"), { signal })).code;
    expect([await once(), await once()]).toEqual([1, 0]);
  });

  test("reads what systemctl says of a unit that fails, and of one that waits for its next start", () => {
    const show = (active: string, sub: string) =>
      parseShow(
        `LoadState=loaded\nActiveState=${active}\nSubState=${sub}\nMainPID=0\nResult=exit-code\nExecMainStatus=203\n`,
      );
    expect(show("failed", "failed")).toEqual({
      known: true,
      running: false,
      pid: 0,
      state: "FATAL",
      problem: "exit-code, exit status 203",
    });
    expect(show("activating", "auto-restart")).toMatchObject({ running: false, problem: "exit-code, exit status 203" });
    expect(show("activating", "start")).toMatchObject({ running: true, problem: "" });
  });
});
