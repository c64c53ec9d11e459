/** What the stand-in's cloud holds: one JSON file, and a log of what was done to it. Tests read and seed both. */

import * as fs from "node:fs";
import * as path from "node:path";

export type Values = Record<string, unknown>;

export interface Entry {
  /** e.g. "aws:ec2/instance:Instance" */
  type: string;
  id: string;
  /** Of the resource in the program; "" for what was there before. */
  name: string;
  inputs: Values;
  /** What the cloud adds; inputs are over it. */
  computed: Values;
}

/** A volume that is in an instance; it lasts until it is taken out, or the instance is terminated. */
export interface Attachment {
  volumeId: string;
  instanceId: string;
  deviceName: string;
  /** The instance shows it as /dev/nvme<slot>n1. */
  slot: number;
}

export interface CloudState {
  account: string;
  zones: string[];
  /** "<type>::<id>" → entry, in the order in which they were made. */
  entries: Record<string, Entry>;
  attachments: Attachment[];
  /** Published by vendors (SSM): name → value. What is not here gets a value made of its name. */
  parameters: Record<string, string>;
  /** Instance type → what its instances say of themselves. Others say what this machine has. */
  sizes: Record<string, { memoryMib: number; cpus: number }>;
}

export interface Operation {
  time: string;
  what: "create" | "update" | "delete" | "start" | "stop";
  type: string;
  name: string;
  id: string;
  /** Keys of inputs that are different. */
  changed?: string[];
}

const EMPTY: CloudState = {
  account: "123456789012",
  zones: ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
  entries: {},
  attachments: [],
  parameters: {},
  sizes: {},
};

export const outputsOf = ({ computed, inputs }: Entry): Values => ({ ...computed, ...inputs });
/** "aws:ec2/instance:Instance" → "ec2/instance" */
export const kindOf = (type: string): string => type.split(":")[1] ?? type;

export class Cloud {
  readonly folder: string;

  /** @param folder where its files are; made when it is not there */
  constructor(folder: string) {
    this.folder = folder;
    fs.mkdirSync(folder, { recursive: true });
  }

  /** The one that PGFLEET_FAKE_AWS names. */
  static here(): Cloud {
    const folder = process.env.PGFLEET_FAKE_AWS;
    if (!folder) throw new Error("PGFLEET_FAKE_AWS names no folder: the stand-in keeps its cloud there");
    return new Cloud(folder);
  }

  state(): CloudState {
    const file = this.#file("cloud.json");
    return fs.existsSync(file)
      ? { ...EMPTY, ...(JSON.parse(fs.readFileSync(file, "utf8")) as Partial<CloudState>) }
      : structuredClone(EMPTY);
  }

  /** Nothing else runs between reading and writing: calls of one process come one after the other. */
  change<T>(work: (state: CloudState) => T): T {
    const state = this.state();
    const result = work(state);
    fs.writeFileSync(this.#file("cloud.new"), JSON.stringify(state, undefined, 1));
    fs.renameSync(this.#file("cloud.new"), this.#file("cloud.json"));
    return result;
  }

  put(entry: Entry): Entry {
    return this.change((state) => {
      state.entries[`${entry.type}::${entry.id}`] = entry;
      return entry;
    });
  }

  drop({ type, id }: Pick<Entry, "type" | "id">): void {
    this.change((state) => delete state.entries[`${type}::${id}`]);
  }

  get(type: string, id: string): Entry | undefined {
    return this.state().entries[`${type}::${id}`];
  }

  log({ type, name, id }: Pick<Entry, "type" | "name" | "id">, what: Operation["what"], changed?: string[]): void {
    const line: Operation = { time: new Date().toISOString(), what, type, name, id, ...(changed && { changed }) };
    fs.appendFileSync(this.#file("operations.jsonl"), `${JSON.stringify(line)}\n`);
  }

  operations(): Operation[] {
    const file = this.#file("operations.jsonl");
    if (!fs.existsSync(file)) return [];
    const lines = fs.readFileSync(file, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Operation);
  }

  #file(name: string): string {
    return path.join(this.folder, name);
  }
}

export const ofKind = (state: CloudState, kind: string): Entry[] =>
  Object.values(state.entries).filter(({ type }) => kindOf(type) === kind);

export const find = (state: CloudState, kind: string, id: unknown): Entry | undefined =>
  ofKind(state, kind).find((entry) => entry.id === id);
