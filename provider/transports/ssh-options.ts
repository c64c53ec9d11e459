/** The command lines of the system's ssh, and the private folder of its sockets. */

import * as fs from "node:fs";
import { homedir, tmpdir } from "node:os";
import * as path from "node:path";
import type { SshConnectionInput, SsmAccess } from "../../infra/resources.ts";
import type { DialTarget } from "./ssh-problems.ts";
import { quote } from "./ssh-script.ts";

const PREFIX = "pgf-";
/** A unix socket's path may have 107 bytes, and ssh adds 18 while it makes one. */
const LONGEST_FOLDER = 70;
/** Limit of one TCP connection with its key exchange. */
const CONNECT_TIMEOUT_S = 10;
/** With two calls of the AWS API before. */
const SSM_CONNECT_TIMEOUT_S = 25;
const SSM_PROXY = path.join(import.meta.dirname, "ssm-proxy");

let folder: string | undefined;

/** Made once for this process, for it alone; goes with it. What killed processes left is removed. */
export function socketFolder(): string {
  if (folder) return folder;
  const root = tmpdir().length > LONGEST_FOLDER ? "/tmp" : tmpdir();
  removeLeft(root);
  const made = fs.mkdtempSync(path.join(root, `${PREFIX}${process.pid}-`));
  folder = made;
  process.once("exit", () => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

function removeLeft(root: string): void {
  for (const name of fs.readdirSync(root)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (!pid || isAlive(Number(pid))) continue;
    try {
      if (fs.lstatSync(path.join(root, name)).uid === process.getuid?.())
        fs.rmSync(path.join(root, name), { recursive: true, force: true });
    } catch {
      // Another process removes it too.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What ssh dials: a name or an address. */
const dialed = ({ address, ssh }: SshConnectionInput): string => ssh.host ?? address;

export function dialTarget(connection: SshConnectionInput): DialTarget {
  const { ssh } = connection;
  return {
    address: dialed(connection),
    port: ssh.port,
    user: ssh.user,
    knownHosts: ssh.knownHosts ?? "",
    hostKeyGiven: ssh.hostKey !== undefined,
    ...(ssmOf(connection) ? { ssm: connection.host } : {}),
    ...(ssh.identityFile ? { identityFile: ssh.identityFile, identityUnreadable: !isReadable(ssh.identityFile) } : {}),
  };
}

/** `~` is for ssh to understand. */
function isReadable(file: string): boolean {
  try {
    fs.accessSync(file.replace(/^~(?=\/)/, homedir()), fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens the connection that all commands of a host share, and runs one command on it. */
export function masterArgv(connection: SshConnectionInput, socket: string, command: string): string[] {
  const { ssh } = connection;
  const options: Record<string, string> = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UpdateHostKeys: "no",
    ConnectTimeout: String(ssmOf(connection) ? SSM_CONNECT_TIMEOUT_S : CONNECT_TIMEOUT_S),
    ConnectionAttempts: "1",
    ServerAliveInterval: "10",
    ServerAliveCountMax: "3",
    // It lives as long as its first command, which lives as long as this process.
    ControlPersist: "no",
    ForwardAgent: "no",
    ForwardX11: "no",
    ClearAllForwardings: "yes",
    PermitLocalCommand: "no",
    RequestTTY: "no",
    RemoteCommand: "none",
    LogLevel: "ERROR",
    ...knownHostsOptions(connection, socket),
    ...(ssh.identityFile ? { IdentityFile: ssh.identityFile, IdentitiesOnly: "yes" } : {}),
    ...(ssh.proxyJump ? { ProxyJump: ssh.proxyJump } : {}),
    ...proxyCommand(connection),
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["-M", "-S", socket, ...flags, "-p", String(ssh.port), "-l", ssh.user, "--", dialed(connection), command];
}

/** A proxy that the config gives wins. */
const ssmOf = ({ ssh }: SshConnectionInput): SsmAccess | undefined =>
  ssh.proxyCommand || ssh.proxyJump ? undefined : ssh.ssm;

function proxyCommand(connection: SshConnectionInput): Record<string, string> {
  const given = connection.ssh.proxyCommand;
  if (given) return { ProxyCommand: given };
  const ssm = ssmOf(connection);
  if (!ssm) return {};
  // The shell that ssh gives it to takes each as one word; "%" would be one of ssh's own names.
  const words = [SSM_PROXY, ssm.region, ssm.stack, ssm.host].map((word) => quote(word).replaceAll("%", "%%"));
  return { ProxyCommand: words.join(" ") };
}

/** Runs a command on a connection that is open; never dials by itself, whatever happens to that connection. */
export function sessionArgv(connection: SshConnectionInput, socket: string, command: string): string[] {
  const never = ["-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"];
  return ["-F", "none", "-S", socket, ...never, "--", dialed(connection), command];
}

/**
 * A key of the config is all that is believed; so is a file that it names. Through Systems Manager no key is asked for
 * without one of the two: the tunnel itself is authenticated by IAM and ends in the one instance with the host's tags,
 * and an instance that was made anew at the same address shows another key.
 */
function knownHostsOptions(connection: SshConnectionInput, socket: string): Record<string, string> {
  const { ssh } = connection;
  if (ssh.hostKey !== undefined) {
    const name = ssh.port === 22 ? dialed(connection) : `[${dialed(connection)}]:${ssh.port}`;
    const file = `${socket}.keys`;
    const lines = ssh.hostKey
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => `${name} ${line.trim()}\n`);
    fs.writeFileSync(file, lines.join(""), { mode: 0o600 });
    return { UserKnownHostsFile: file, GlobalKnownHostsFile: "/dev/null" };
  }
  if (ssh.knownHosts) return { UserKnownHostsFile: ssh.knownHosts, GlobalKnownHostsFile: "/dev/null" };
  return ssmOf(connection)
    ? { StrictHostKeyChecking: "no", UserKnownHostsFile: "/dev/null", GlobalKnownHostsFile: "/dev/null" }
    : {};
}
