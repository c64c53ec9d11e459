/** Machines of a test: containers that boot systemd and sshd, on a network of their own. */

import * as fs from "node:fs";
import * as path from "node:path";
import { until } from "../../e2e/support/processes.ts";
import { makeSshKey } from "../../support/ssh-key.ts";
import { containerArguments, makeNetwork } from "./container.ts";
import { docker } from "./docker.ts";
import { type Image, makeImage } from "./image.ts";

const BOOT_LIMIT_MS = 180_000;

export interface MachineOptions {
  /** Folder → size of a file system of its own, e.g. "1100m". */
  mounts?: Record<string, string>;
}

export class Machines {
  readonly identityFile: string;
  readonly knownHosts: string;
  readonly #net: string;
  readonly #network: string;
  readonly #image: Image;
  /** Name → container id. */
  readonly #ids = new Map<string, string>();

  /** @param folder for the key and the known host keys */
  constructor(folder: string) {
    this.identityFile = path.join(folder, "login");
    this.knownHosts = path.join(folder, "known_hosts");
    makeSshKey(this.identityFile);
    fs.writeFileSync(this.knownHosts, "");
    const { cidr, id } = makeNetwork((number) => `10.213.${number}.0/24`);
    this.#net = cidr.split(".").slice(0, 3).join(".");
    this.#network = id;
    try {
      this.#image = makeImage();
    } catch (error) {
      docker(["network", "rm", this.#network]);
      throw error;
    }
  }

  address(last: number): string {
    return `${this.#net}.${last}`;
  }

  /** Boots one; its host key becomes known. */
  async boot(name: string, address: string, { mounts = {} }: MachineOptions = {}): Promise<void> {
    const own = Object.entries(mounts).flatMap(([folder, size]) => ["--tmpfs", `${folder}:rw,size=${size},mode=0755`]);
    const place = { network: this.#network, address, hostname: name };
    const argv = containerArguments({ image: this.#image.id, ...place, more: own });
    this.#ids.set(name, docker(["run", "-d", ...argv]).trim());
    await this.#booted(name);
    const authorize = `for user in root admin careful; do home=$(getent passwd "$user" | cut -d: -f6)
install -d -m 700 -o "$user" -g "$user" "$home/.ssh" && printf '%s' "$1" > "$home/.ssh/authorized_keys" && chown "$user" "$home/.ssh/authorized_keys"
done; ssh-keygen -A; systemctl reset-failed ssh; systemctl restart ssh`;
    this.exec(name, ["sh", "-c", authorize, "authorize", fs.readFileSync(`${this.identityFile}.pub`, "utf8")]);
    this.learnKey(name, address);
  }

  /** What a person would compare on the host's console. */
  learnKey(name: string, address: string): void {
    const others = fs
      .readFileSync(this.knownHosts, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(`${address} `));
    const key = this.exec(name, ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).split(" ").slice(0, 2).join(" ");
    fs.writeFileSync(this.knownHosts, [...others, `${address} ${key}`, ""].join("\n"));
  }

  /** A command as root, not over ssh. */
  exec(name: string, argv: string[], input = ""): string {
    return docker(["exec", "-i", this.#id(name), ...argv], input);
  }

  /** Its standard output, or undefined when it fails. */
  ask(name: string, ...argv: string[]): string | undefined {
    try {
      return this.exec(name, argv).trim();
    } catch {
      return undefined;
    }
  }

  /** As if the power were cut. */
  cut(name: string): void {
    docker(["kill", this.#id(name)]);
  }

  async start(name: string): Promise<void> {
    docker(["start", this.#id(name)]);
    await this.#booted(name);
  }

  remove(name: string): void {
    docker(["rm", "-f", "-v", this.#id(name)]);
    this.#ids.delete(name);
  }

  /** Everything that was made here. */
  removeAll(): void {
    for (const name of [...this.#ids.keys()]) this.remove(name);
    docker(["network", "rm", this.#network]);
    this.#image.remove();
  }

  #id(name: string): string {
    const id = this.#ids.get(name);
    if (!id) throw new Error(`there is no machine ${name}`);
    return id;
  }

  #booted(name: string): Promise<unknown> {
    return until(`${name} has booted`, BOOT_LIMIT_MS, () => {
      const said = docker(["exec", this.#id(name), "sh", "-c", "systemctl is-system-running 2>&1; :"]).trim();
      if (/^(running|degraded)$/.test(said)) return true;
      throw new Error(said);
    });
  }
}
