/** The stand-in's cloud as tests see it: a folder, a network where instances have their addresses, and what was done. */

import * as path from "node:path";
import { Cloud, type CloudState, type Entry, type Operation, ofKind, type Values } from "../../fakes/aws/cloud.ts";
import { Disks } from "../../fakes/aws/disks.ts";
import { containerOf, labelOf } from "../../fakes/aws/instances.ts";
import { made } from "../../fakes/aws/shapes.ts";
import { makeNetwork } from "./container.ts";
import { docker } from "./docker.ts";
import { type Image, makeImage } from "./image.ts";

const FAKE = path.resolve(import.meta.dirname, "../../fakes/aws");

export class TestCloud {
  /** Of the VPC to make, e.g. "10.127.0.0/16": instances are on this machine's network. */
  readonly cidr: string;
  /** For the engine: the stand-in before any plugin, and the `aws` command that ssh goes through. */
  readonly env: NodeJS.ProcessEnv;
  readonly #cloud: Cloud;
  readonly #image: Image;
  readonly #network: string;

  /** @param folder of the test  @param cidr the network that instances have to be in; without it a free one */
  constructor(folder: string, cidr?: string) {
    this.#cloud = new Cloud(path.join(folder, "cloud"));
    this.#image = makeImage();
    // Neither the networks of other tests nor Docker's own are in it.
    const network = makeNetwork((number) => cidr ?? `10.${number + 10}.0.0/16`);
    this.cidr = network.cidr;
    this.#network = network.id;
    this.env = {
      PATH: [FAKE, path.join(FAKE, "bin"), process.env.PATH].join(":"),
      PGFLEET_FAKE_AWS: this.#cloud.folder,
      PGFLEET_FAKE_AWS_NETWORK: network.id,
      PGFLEET_HOSTS_IMAGE: this.#image.id,
    };
  }

  /** An address of the VPC: (1, 11) → "10.127.1.11" */
  at(third: number, last: number): string {
    return `${this.cidr.split(".").slice(0, 2).join(".")}.${third}.${last}`;
  }

  state(): CloudState {
    return this.#cloud.state();
  }

  /** What somebody else does to the cloud: a network that is there before, a newer image, an edit by hand. */
  change<T>(work: (state: CloudState) => T): T {
    return this.#cloud.change(work);
  }

  /** What was there before the program: a network of somebody else's, for one. */
  seed(type: string, inputs: Values): Entry {
    return this.#cloud.change((state) => {
      const making = { type, name: "", inputs, region: "eu-central-1", state };
      const entry = { type, name: "", inputs, ...made(making) };
      state.entries[`${type}::${entry.id}`] = entry;
      return entry;
    });
  }

  operations(): Operation[] {
    return this.#cloud.operations();
  }

  /** Forgets what was done up to now and gives what `work` did, as "create i db1". */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    const before = this.operations().length;
    await work();
    return this.operations()
      .slice(before)
      .map(({ what, type, name }) => `${what} ${type.split(":").at(-1)} ${name}`);
  }

  /** By the name of the resource in the program. */
  instance(name: string): Entry {
    const found = ofKind(this.state(), "ec2/instance").find((entry) => entry.name === name);
    if (!found) throw new Error(`there is no instance ${name}`);
    return found;
  }

  /** A command as root in an instance, not over ssh. */
  exec(name: string, argv: string[], input = ""): string {
    return docker(["exec", "-i", containerOf(this.instance(name).id), ...argv], input);
  }

  shell(name: string, line: string): string {
    return this.exec(name, ["sh", "-c", line]).trim();
  }

  /** As if the power were cut. */
  cut(name: string): void {
    docker(["kill", containerOf(this.instance(name).id)]);
  }

  /** Boots it again; nobody waits for that. */
  start(name: string): void {
    docker(["start", containerOf(this.instance(name).id)]);
  }

  removeAll(): void {
    const ids = docker(["ps", "-aq", "--filter", `label=${labelOf(this.#cloud.folder)}`])
      .split("\n")
      .filter(Boolean);
    if (ids.length > 0) docker(["rm", "-f", "-v", ...ids]);
    new Disks(this.#cloud.folder).removeAll();
    docker(["network", "rm", this.#network]);
    this.#image.remove();
  }
}
