/** Instances: containers that boot systemd and sshd, and run the instance's script as cloud-init does. */

import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { containerArguments } from "../../hosts/support/container.ts";
import { type Cloud, type Entry, find, outputsOf } from "./cloud.ts";

const run = promisify(execFile);
/** Servers may take their time to stop. */
const STOP_LIMIT_SECONDS = 120;
const LIST = "/var/lib/cloud/volumes";
/** What is in place before the first boot. */
const MACHINE = path.join(import.meta.dirname, "machine");
/** Programs for machines that may not grow a file system in use. */
const WITHOUT_GROWTH = path.join(import.meta.dirname, "machine-without-growth");
const WANTS = {
  "cloud-devices": "local-fs.target",
  "cloud-init": "multi-user.target",
  "cloud-final": "multi-user.target",
  "amazon-ssm-agent": "multi-user.target",
};

export const containerOf = (instanceId: string): string => `pgfleet-${instanceId}`;
/** On every container of a cloud. */
export const labelOf = (cloudFolder: string): string => `pgfleet.cloud=${cloudFolder}`;

const SYS_RESOURCE = 24n;
/** Whether a container may get what the kernel asks for before it grows an ext4 that is mounted. */
export function growsOnline(): boolean {
  const [, may = "0"] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${may}`) >> SYS_RESOURCE) & 1n) === 1n;
}

export class Instances {
  readonly #cloud: Cloud;
  readonly #place: { network: string; image: string };

  constructor(cloud: Cloud, place: { network: string; image: string }) {
    this.#cloud = cloud;
    this.#place = place;
  }

  async launch(entry: Entry, signal: AbortSignal): Promise<void> {
    const script = scriptOf(entry);
    const name = containerOf(entry.id);
    const address = String(outputsOf(entry).privateIp);
    const more = [
      ["--name", name],
      ["--label", labelOf(this.#cloud.folder)],
      // What tells systemd to shut down.
      ["--stop-signal", "SIGRTMIN+3"],
      // Devices of volumes come later.
      ["--device-cgroup-rule", "b 7:* rwm"],
      growsOnline() ? ["--cap-add", "SYS_RESOURCE"] : [],
    ].flat();
    const hostname = `ip-${address.replaceAll(".", "-")}`;
    await docker(["create", ...containerArguments({ ...this.#place, address, hostname, more })]);
    try {
      await this.#furnish(entry, {
        [LIST]: "",
        "/var/lib/cloud/user-data": script,
        "/var/lib/cloud/authorized_keys": this.#key(entry),
      });
      signal.throwIfAborted();
      await docker(["start", name]);
    } catch (error) {
      await docker(["rm", "-f", "-v", name]);
      throw error;
    }
  }

  async terminate({ id }: Entry): Promise<void> {
    await docker(["rm", "-f", "-v", containerOf(id)]);
  }

  async stop({ id }: Entry, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await docker(["stop", "--time", String(STOP_LIMIT_SECONDS), containerOf(id)]);
  }

  /** The same machine with its root disk; it may be of another size now. */
  async start(entry: Entry, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#furnish(entry, {});
    await docker(["start", containerOf(entry.id)]);
  }

  /** @param list a line for each attached volume, see machine/usr/local/lib/cloud/devices */
  async show(id: string, list: string): Promise<void> {
    await copy(containerOf(id), { [LIST]: list });
    if (await running(id)) await docker(["exec", containerOf(id), "/usr/local/lib/cloud/devices"]);
  }

  async mounts(id: string, slot: number): Promise<boolean> {
    if (!(await running(id))) return false;
    const said = await docker(["exec", containerOf(id), "cat", "/proc/mounts"]);
    return said.split("\n").some((line) => line.startsWith(`/dev/nvme${slot}n1 `));
  }

  async #furnish(entry: Entry, files: Record<string, string>): Promise<void> {
    const size = this.#cloud.state().sizes[String(entry.inputs.instanceType)];
    await copy(containerOf(entry.id), {
      ...files,
      "/var/lib/cloud/meminfo": size ? meminfo(size.memoryMib) : "",
      ...(size && { "/usr/local/sbin/nproc": `#!/bin/sh\necho ${size.cpus}\n` }),
    });
  }

  #key({ inputs }: Entry): string {
    const pair = find(this.#cloud.state(), "ec2/keyPair", inputs.keyName);
    return pair ? `${String(pair.inputs.publicKey).trim()}\n` : "";
  }
}

/** @throws for what is no script: the stand-in has no cloud-init */
function scriptOf({ inputs }: Entry): string {
  if (inputs.userData === undefined && inputs.userDataBase64 === undefined) return "";
  const bytes =
    inputs.userData === undefined
      ? Buffer.from(String(inputs.userDataBase64), "base64")
      : Buffer.from(String(inputs.userData));
  const script = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  if (!script.startsWith("#!")) throw new Error("the stand-in runs user data that is a script and begins with #!");
  return script;
}

/** The kernel's own text with another total. */
const meminfo = (memoryMib: number): string =>
  fs.readFileSync("/proc/meminfo", "utf8").replace(/^MemTotal:.*$/m, `MemTotal:       ${memoryMib * 1024} kB`);

/** Files into a container that need not run; units and scripts of the machine come with them. */
async function copy(container: string, files: Record<string, string>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-machine-"));
  try {
    fs.cpSync(MACHINE, folder, { recursive: true });
    if (!growsOnline()) fs.cpSync(WITHOUT_GROWTH, folder, { recursive: true });
    for (const [unit, target] of Object.entries(WANTS)) {
      const wants = path.join(folder, `etc/systemd/system/${target}.wants`);
      fs.mkdirSync(wants, { recursive: true });
      fs.symlinkSync(`../${unit}.service`, path.join(wants, `${unit}.service`));
    }
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text, { mode: name.includes("/sbin/") ? 0o755 : 0o644 });
    }
    fs.chmodSync(folder, 0o755);
    await docker(["cp", `${folder}/.`, `${container}:/`]);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function running(id: string): Promise<boolean> {
  return (await docker(["inspect", "--format", "{{.State.Running}}", containerOf(id)])).trim() === "true";
}

/** Not the one of the tests: it would keep the engine's other calls waiting. */
async function docker(args: string[]): Promise<string> {
  try {
    return (await run("docker", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    throw new Error(`docker ${args[0]}: ${stderr.trim() || message}`, { cause: error });
  }
}
