/** Volumes: files behind loop devices, which stay when instances go. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const GIB = 2 ** 30;

export class Disks {
  readonly #folder: string;

  constructor(cloudFolder: string) {
    this.#folder = path.join(cloudFolder, "volumes");
    fs.mkdirSync(this.#folder, { recursive: true });
  }

  /** Nothing of it takes room until it is written. */
  make(id: string, sizeGib: number): void {
    fs.writeFileSync(this.#file(id), "");
    fs.truncateSync(this.#file(id), sizeGib * GIB);
    losetup("--find", this.#file(id));
  }

  grow(id: string, sizeGib: number): void {
    fs.truncateSync(this.#file(id), sizeGib * GIB);
    losetup("--set-capacity", `/dev/loop${this.loop(id)}`);
  }

  remove(id: string): void {
    const number = this.#loop(id);
    if (number !== undefined) losetup("--detach", `/dev/loop${number}`);
    fs.rmSync(this.#file(id));
  }

  /** Number of its loop device. */
  loop(id: string): string {
    const number = this.#loop(id);
    if (number === undefined) throw new Error(`${id} has no loop device`);
    return number;
  }

  removeAll(): void {
    for (const name of fs.readdirSync(this.#folder)) this.remove(path.basename(name, ".img"));
  }

  #loop(id: string): string | undefined {
    const said = losetup("--associated", this.#file(id), "--noheadings", "--output", "NAME");
    return /^\/dev\/loop(\d+)$/.exec(said.trim())?.[1];
  }

  #file(id: string): string {
    return path.join(this.#folder, `${id}.img`);
  }
}

const losetup = (...args: string[]): string => execFileSync("losetup", args, { encoding: "utf8" });
