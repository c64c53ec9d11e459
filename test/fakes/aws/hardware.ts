/** What of the cloud is real: instances are containers that boot, volumes are block devices. */

import { setTimeout as delay } from "node:timers/promises";
import { type Attachment, type Cloud, type Entry, find, kindOf, outputsOf } from "./cloud.ts";
import { Disks } from "./disks.ts";
import { Instances } from "./instances.ts";

/** The cloud waits for longer; a program that forgot to stop the servers is to hear of it. */
const DETACH_LIMIT_MS = 30_000;

export class Hardware {
  readonly #cloud: Cloud;
  readonly #disks: Disks | undefined;
  readonly #instances: Instances | undefined;

  /** Without a network and an image the cloud is on paper only: PGFLEET_FAKE_AWS_NETWORK, PGFLEET_HOSTS_IMAGE. */
  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    const { PGFLEET_FAKE_AWS_NETWORK: network, PGFLEET_HOSTS_IMAGE: image } = process.env;
    if (!network || !image) return;
    this.#disks = new Disks(cloud.folder);
    this.#instances = new Instances(cloud, { network, image });
  }

  async create(entry: Entry, signal: AbortSignal): Promise<void> {
    switch (kindOf(entry.type)) {
      case "ec2/instance":
        return this.#instances?.launch(entry, signal);
      case "ebs/volume":
        return this.#disks?.make(entry.id, Number(entry.inputs.size));
      case "ec2/volumeAttachment":
        return this.#attach(entry);
    }
  }

  async update(before: Entry, after: Entry, changed: string[], signal: AbortSignal): Promise<void> {
    switch (kindOf(after.type)) {
      case "ec2/instance":
        // These the cloud changes only while the instance is stopped.
        if (!changed.some((key) => ["instanceType", "userData", "userDataBase64"].includes(key))) return;
        await this.#stop(after, signal);
        return this.#start(after, signal);
      case "ebs/volume":
        if (after.inputs.size !== before.inputs.size) this.#disks?.grow(after.id, Number(after.inputs.size));
    }
  }

  async delete(entry: Entry, signal: AbortSignal): Promise<void> {
    switch (kindOf(entry.type)) {
      case "ec2/instance":
        await this.#instances?.terminate(entry);
        return this.#cloud.change((state) => {
          state.attachments = state.attachments.filter(({ instanceId }) => instanceId !== entry.id);
        });
      case "ebs/volume":
        return this.#disks?.remove(entry.id);
      case "ec2/volumeAttachment":
        if (entry.inputs.skipDestroy !== true) return this.#detach(entry, signal);
    }
  }

  /** Whether an attachment of the program is one of the cloud. */
  attached({ inputs }: Entry): boolean {
    return this.#cloud.state().attachments.some(isFor(inputs));
  }

  async #attach({ inputs }: Entry): Promise<void> {
    const { volumeId, instanceId, deviceName } = inputs as unknown as Attachment;
    const slots = this.#cloud.change(({ attachments }) => {
      const taken = attachments.filter((one) => one.instanceId === instanceId).map(({ slot }) => slot);
      let slot = 1;
      while (taken.includes(slot)) slot++;
      if (!attachments.some(isFor(inputs))) attachments.push({ volumeId, instanceId, deviceName, slot });
      return attachments.filter((one) => one.instanceId === instanceId);
    });
    await this.#show(instanceId, slots);
  }

  async #detach({ inputs }: Entry, signal: AbortSignal): Promise<void> {
    const { volumeId, instanceId } = inputs as unknown as Attachment;
    const { entries, attachments } = this.#cloud.state();
    const there = attachments.find(isFor(inputs));
    if (!there) return;
    const instance = find({ ...this.#cloud.state(), entries }, "ec2/instance", instanceId);
    if (instance) {
      if (inputs.stopInstanceBeforeDetaching === true) await this.#stop(instance, signal);
      await this.#unmounted(there, signal);
    }
    const left = this.#cloud.change((state) => {
      state.attachments = state.attachments.filter((one) => !isFor(inputs)(one));
      return state.attachments.filter((one) => one.instanceId === instanceId && one.volumeId !== volumeId);
    });
    if (instance) await this.#show(instanceId, left);
  }

  async #unmounted({ volumeId, instanceId, slot }: Attachment, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + DETACH_LIMIT_MS;
    while (await this.#instances?.mounts(instanceId, slot)) {
      if (Date.now() > deadline)
        throw new Error(`waiting for volume ${volumeId} to detach: it is busy, ${instanceId} has it mounted`);
      await delay(500, undefined, { signal });
    }
  }

  async #show(instanceId: string, attachments: Attachment[]): Promise<void> {
    const lines = attachments.map(
      ({ volumeId, slot }) => `${volumeId.replace("-", "")} ${this.#disks?.loop(volumeId)} ${slot}\n`,
    );
    await this.#instances?.show(instanceId, lines.join(""));
  }

  async #stop(instance: Entry, signal: AbortSignal): Promise<void> {
    if (outputsOf(instance).instanceState === "stopped") return;
    this.#cloud.log(instance, "stop");
    await this.#instances?.stop(instance, signal);
    this.#says(instance, "stopped");
  }

  async #start(instance: Entry, signal: AbortSignal): Promise<void> {
    await this.#instances?.start(instance, signal);
    this.#says(instance, "running");
    this.#cloud.log(instance, "start");
  }

  #says({ type, id }: Entry, instanceState: string): void {
    const entry = this.#cloud.get(type, id);
    if (entry) this.#cloud.put({ ...entry, computed: { ...entry.computed, instanceState } });
  }
}

const isFor =
  (inputs: Entry["inputs"]) =>
  ({ volumeId, instanceId, deviceName }: Attachment): boolean =>
    volumeId === inputs.volumeId && instanceId === inputs.instanceId && deviceName === inputs.deviceName;
