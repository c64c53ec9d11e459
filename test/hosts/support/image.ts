/** A container image that boots systemd and sshd: Debian as debootstrap makes it, with packages lying ready for apt. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { docker, nicely } from "./docker.ts";

export const SUITE = "trixie";
/** What the suite has. */
export const MAJOR = 17;
/** With what makes file systems: clouds' images have it. */
const BASE = "systemd,systemd-sysv,openssh-server,sudo,iproute2,procps,ca-certificates,e2fsprogs,xfsprogs";
/** Downloaded, not installed: hosts need no way to a mirror, and every test installs the same. */
const LYING_READY = [
  `postgresql-${MAJOR}`,
  `postgresql-client-${MAJOR}`,
  "pgbouncer",
  "prometheus",
  "prometheus-postgres-exporter",
  "prometheus-pgbouncer-exporter",
  "python3-psycopg2",
];

export interface Image {
  id: string;
  remove(): void;
}

/** PGFLEET_HOSTS_IMAGE names one that is there already and stays. Making one takes some minutes. */
export function makeImage(): Image {
  const given = process.env.PGFLEET_HOSTS_IMAGE;
  if (given) return { id: given, remove() {} };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-image-"));
  try {
    const root = path.join(folder, "root");
    nicely("debootstrap", ["--variant=minbase", `--include=${BASE}`, SUITE, root, mirror()]);
    const inside = (...argv: string[]) => nicely("chroot", [root, ...argv], { DEBIAN_FRONTEND: "noninteractive" });
    fs.copyFileSync("/etc/resolv.conf", path.join(root, "etc/resolv.conf"));
    // It is this machine's own, told by name only: hosts get one each, and none of them this machine's.
    inside("sh", "-c", "rm -f /etc/ssh/ssh_host_* && : > /etc/machine-id");
    inside("apt-get", "update", "-q");
    inside("apt-get", "install", "-y", "-q", "--no-install-recommends", "--download-only", ...LYING_READY);
    // Hosts live for minutes: nothing has to be on disk.
    inside("sh", "-c", "echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/unsafe-io");
    people(inside);
    const tar = path.join(folder, "root.tar");
    nicely("tar", ["-C", root, "-cf", tar, "."]);
    const id = docker(["import", tar]).trim();
    return { id, remove: () => void docker(["rmi", "-f", id]) };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Who logs in: one that sudo lets act as root, and one that it asks for a password. */
function people(inside: (...argv: string[]) => string): void {
  const allow = (line: string, file: string) =>
    inside("sh", "-c", 'umask 277 && echo "$1" > "/etc/sudoers.d/$2"', "allow", line, file);
  for (const user of ["admin", "careful"]) inside("useradd", "-m", "-s", "/bin/bash", user);
  allow("admin ALL=(ALL) NOPASSWD: ALL", "admin");
  allow("careful ALL=(ALL) ALL", "careful");
}

/** The one that this machine uses itself. */
function mirror(): string {
  const uris = nicely("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
    "Component: main",
  ]);
  const found = uris.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  if (!found) throw new Error("this machine's apt has no Debian mirror");
  return found;
}
