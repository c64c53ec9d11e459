/** Facts of this machine that a local stack is checked against before anything is touched. */

import * as fs from "node:fs";
import { totalmem } from "node:os";

export interface MachineFacts {
  /** PostgreSQL majors whose server is installed. */
  installedMajors: number[];
  memoryMb: number;
  /** Listening TCP sockets of processes that are not this stack's. */
  portsInUse: { address: string; port: number; by: string }[];
}

/**
 * @param stateDir processes that name this folder in their command line or work in it are the stack's own
 */
export function readMachineFacts(stateDir: string): MachineFacts {
  return {
    installedMajors: installedMajors(),
    memoryMb: Math.floor(totalmem() / 1048576),
    portsInUse: foreignListeners(stateDir),
  };
}

function installedMajors(): number[] {
  const folder = "/usr/lib/postgresql";
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .map(Number)
    .filter((major) => fs.existsSync(`${folder}/${major}/bin/postgres`))
    .sort((a, b) => a - b);
}

interface Listener {
  address: string;
  port: number;
  inode: string;
}

const LISTEN = "0A";

function listeners(): Listener[] {
  const found: Listener[] = [];
  for (const line of fs.readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[3] !== LISTEN) continue;
    const [hex, port] = fields[1]!.split(":") as [string, string];
    const bytes = hex
      .match(/../g)!
      .reverse()
      .map((byte) => Number.parseInt(byte, 16));
    found.push({ address: bytes.join("."), port: Number.parseInt(port, 16), inode: fields[9]! });
  }
  return found;
}

function foreignListeners(stateDir: string): MachineFacts["portsInUse"] {
  const all = listeners();
  if (all.length === 0) return [];
  const owners = ownersOf(new Set(all.map((l) => l.inode)));
  return all.flatMap(({ address, port, inode }) => {
    const owner = owners.get(inode);
    if (owner?.command.includes(stateDir) || owner?.directory.startsWith(stateDir)) return [];
    return [{ address, port, by: owner ? `${owner.name} (pid ${owner.pid})` : "a process of another user" }];
  });
}

function ownersOf(inodes: Set<string>): Map<string, { pid: string; name: string; command: string; directory: string }> {
  const owners = new Map<string, { pid: string; name: string; command: string; directory: string }>();
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readLinkOr(`/proc/${pid}/fd/${fd}`))?.[1];
        if (!inode || !inodes.has(inode) || owners.has(inode)) continue;
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const name = fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
        owners.set(inode, { pid, name, command, directory: readLinkOr(`/proc/${pid}/cwd`) });
      }
    } catch {
      // It ended meanwhile, or is another user's.
    }
  }
  return owners;
}

function readLinkOr(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return "";
  }
}
