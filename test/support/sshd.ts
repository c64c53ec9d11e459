/** A private sshd on a loopback port: its own keys, config and folder; stopped by pid. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import { userInfo } from "node:os";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SshAccess, SshConnectionInput } from "../../infra/resources.ts";

const PROGRAM = "/usr/sbin/sshd";

/** Why these tests cannot run here; undefined: they can. */
export function sshdMissing(): string | undefined {
  if (!fs.existsSync(PROGRAM)) return `no ${PROGRAM} here: install openssh-server`;
  return process.getuid?.() === 0 ? undefined : "sshd needs root to switch users";
}

export interface Sshd {
  port: number;
  folder: string;
  /** Public key of the host: "ssh-ed25519 AAAA…". */
  hostKey: string;
  identityFile: string;
  pid: number;
  connection(ssh?: Partial<SshAccess>): SshConnectionInput;
  stop(): Promise<void>;
  /** On the same port, with the same keys. */
  start(): Promise<void>;
}

export interface SshdOptions {
  /** Lines before the rest of sshd_config: the first value of a key counts. */
  config?: string[];
  /** Default: one that is free. */
  port?: number;
  /** Made, not started. */
  stopped?: boolean;
}

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = fs.mkdtempSync("/tmp/pgfleet-sshd-");
  const file = (name: string) => path.join(folder, name);
  for (const name of ["host", "login"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file(name)]);
  const port = options.port ?? (await freePort());
  // sshd starts as root only when this folder is there.
  fs.mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  fs.writeFileSync(
    file("config"),
    [
      ...(options.config ?? []),
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${file("host")}`,
      `AuthorizedKeysFile ${file("login.pub")}`,
      `PidFile ${file("pid")}`,
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      "StrictModes no",
      "",
    ].join("\n"),
  );
  let child: ChildProcess | undefined;
  const sshd: Sshd = {
    port,
    folder,
    hostKey: fs.readFileSync(file("host.pub"), "utf8").split(" ").slice(0, 2).join(" "),
    identityFile: file("login"),
    get pid() {
      return child?.pid ?? 0;
    },
    connection: (ssh = {}) => ({
      platform: "ssh",
      host: "db2",
      address: "127.0.0.1",
      home: file("home"),
      run: file("run"),
      user: "postgres",
      unitPrefix: "pgfleet-test-db2",
      ssh: {
        user: userInfo().username,
        port,
        become: "none",
        identityFile: file("login"),
        hostKey: sshd.hostKey,
        ...ssh,
      },
    }),
    async start() {
      child = spawn(PROGRAM, ["-D", "-e", "-f", file("config")], { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr!.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const started = child;
      const deadline = Date.now() + 30_000;
      while (!said.includes("Server listening")) {
        if (started.exitCode !== null || Date.now() > deadline) throw new Error(`sshd did not start: ${said}`);
        await delay(20);
      }
    },
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child!.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    },
  };
  if (!options.stopped) await sshd.start();
  return sshd;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
