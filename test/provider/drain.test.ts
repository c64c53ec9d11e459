/** Drain decides what a machine may become; what emptying a server takes is tested on servers. */

import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { Connection, DrainInputs, DrainOutputs } from "../../infra/resources.ts";
import { machineChange, typeByFirmware } from "../../infra/rollout/resize.ts";
import { drain } from "../../provider/resources/drain.ts";
import { type Context, UNKNOWN } from "../../provider/types.ts";

const owner = { project: "postgres-fleet", stack: "prod", cluster: "shop" };
const SMALL = { type: "r7g.xlarge", memoryMb: 32768, cpus: 4 };
const LARGE = { type: "r7g.2xlarge", memoryMb: 65536, cpus: 8 };

let home: string;
let said: string[];
const context = {
  signal: new AbortController().signal,
  log: (severity: string, line: string) => void said.push(`${severity}: ${line}`),
  status() {},
} as unknown as Context;
beforeEach(() => {
  home = fs.mkdtempSync("/tmp/pgf-drain-");
  said = [];
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

const here = (): Connection => ({ platform: "local", host: "db2", address: "127.0.79.2", home, run: home, user: "x" });
const inputs = (machine: Partial<DrainInputs["machine"]> = {}, change: Partial<DrainInputs> = {}): DrainInputs => ({
  connection: here(),
  owner,
  machine: { ...SMALL, architecture: "arm64", diskGb: 100, replace: "", ...machine },
  image: "ami-new",
  generation: "new",
  primary: "switchover",
  pause: { limitSeconds: 5, tries: 3, terminate: false },
  version: 17,
  ...change,
});
const state = (machine: Partial<DrainInputs["machine"]> = {}, change: Partial<DrainOutputs> = {}): DrainOutputs => {
  const given = inputs(machine);
  const { type, memoryMb, cpus } = given.machine;
  const now = { type, machineImage: "ami-old", has: { memoryMb, cpus }, inForce: "old", reachable: true };
  return { ...given, ...now, ...change };
};
/** The host has these files in force, and a registry without a server or pooler on it. */
function host(generation: string): void {
  fs.mkdirSync(path.join(home, "current"), { recursive: true });
  fs.rmSync(path.join(home, "current/postgresql"), { force: true });
  fs.symlinkSync(`../gen/postgresql/${generation}`, path.join(home, "current/postgresql"));
  const registry = { owner, systemIdentifier: "1", members: [], poolers: [] };
  fs.writeFileSync(path.join(home, "registry.json"), JSON.stringify(registry));
}
const differs = (olds: DrainOutputs, news: DrainInputs) => Object.keys(drain.diff(olds, news, olds, () => {}).detailed);
const foreseen = (olds: DrainOutputs, news: DrainInputs) => (drain.preview!(news, olds) as DrainOutputs).type;

it("a new host has the declared type at once, and nothing is looked for on it", async () => {
  const connection = { ...here(), home: "/no/such" } as Connection;
  const { outputs } = await drain.create(inputs({}, { connection }), context);
  expect(outputs).toMatchObject({ type: "r7g.xlarge", has: { memoryMb: 32768, cpus: 4 }, inForce: "" });
  expect(drain.preview!(inputs())).toMatchObject({ type: "r7g.xlarge" });
});

it("a machine stays what it was made from, and one that is made anew is made from the newest image", async () => {
  expect((await drain.create(inputs(), context)).outputs.machineImage).toBe("ami-new");
  expect(differs(state(), inputs())).toEqual([]);
  host("new");
  for (const [machine, image] of [
    [LARGE, "ami-old"],
    [{ replace: "1" }, "ami-new"],
  ] as const) {
    expect((await drain.update("db2", state(), inputs(machine), context)).machineImage).toBe(image);
    expect((drain.preview!(inputs(machine), state()) as DrainOutputs).machineImage).toBe(image);
  }
});

test.each<[string, Partial<DrainInputs["machine"]>, Partial<DrainInputs>, string[]]>([
  ["memory and cpus of the same type", { memoryMb: 1, cpus: 1 }, {}, []],
  ["the generation, the policies", {}, { generation: "x", primary: "stop", version: 18 }, []],
  ["the type", { type: "r8g.xlarge" }, {}, ["machine.type"]],
  ["a larger volume", { diskGb: 200 }, {}, ["machine.diskGb"]],
  ["a machine to be made anew", { replace: "1" }, {}, ["machine.replace"]],
])("what counts as work: %s", (_, machine, change, expected) => {
  expect(differs(state(), inputs(machine, change))).toEqual(expected);
});

describe("refused before anything is touched, in the preview too:", () => {
  test.each<[string, Partial<DrainInputs["machine"]>, RegExp]>([
    [
      "another processor",
      { architecture: "x86_64", type: "r7i.xlarge" },
      /db2 is arm64 and r7i\.xlarge is x86_64.*Add a replica/,
    ],
    ["a smaller volume", { diskGb: 50 }, /has 100 GB and 50 GB are declared: a volume never shrinks/],
    ["type and replace at once", { ...LARGE, replace: "1" }, /one at a time/],
  ])("%s", async (_, machine, names) => {
    expect(() => drain.preview!(inputs(machine), state())).toThrow(names);
    await expect(drain.update("db2", state(), inputs(machine), context)).rejects.toThrow(names);
  });

  it("all at once, in one message", () => {
    const all = { ...LARGE, replace: "1", diskGb: 50, architecture: "x86_64" } as const;
    expect(() => drain.preview!(inputs(all), state())).toThrow(/x86_64[\s\S]*never shrinks[\s\S]*one at a time/);
  });
});

describe("a smaller machine", () => {
  it("waits in the run that brings its settings, and comes in the next one", async () => {
    host("old");
    const first = await drain.update("db2", state(LARGE), inputs(), context);
    expect(first).toMatchObject({ type: "r7g.2xlarge", has: { memoryMb: 65536 }, inForce: "old" });
    expect(said).toEqual([
      "warning: db2 stays r7g.2xlarge in this run: settings for r7g.xlarge come first; run `up` again to resize it",
    ]);
    expect(foreseen(state(LARGE), inputs())).toBe("r7g.2xlarge");

    host("new");
    const seen = (await drain.read("db2", first, inputs(), context))!;
    expect(seen.outputs).toMatchObject({ inForce: "new", type: "r7g.2xlarge", has: { memoryMb: 65536 } });
    expect(differs(seen.outputs, inputs())).toEqual(["machine.type"]);
    expect(foreseen(seen.outputs, inputs())).toBe("r7g.xlarge");
    const second = await drain.update("db2", seen.outputs, inputs(), context);
    expect(second).toMatchObject({ type: "r7g.xlarge", has: { memoryMb: 32768, cpus: 4 } });
    expect(differs(second, inputs())).toEqual([]);
  });

  it("waits on when other settings change in that run, and says so", async () => {
    host("new");
    const waiting = state({}, { type: LARGE.type, has: LARGE, inForce: "new" });
    const news = inputs({}, { generation: "newer" });
    expect(foreseen(waiting, news)).toBe("r7g.2xlarge");
    expect(await drain.update("db2", waiting, news, context)).toMatchObject({ type: "r7g.2xlarge" });
    expect(said[0]).toMatch(/db2 stays r7g\.2xlarge in this run: other settings of it change now/);
  });

  it("needs no settings where there is no server", async () => {
    host("old");
    const news = inputs({}, { generation: "" });
    expect(foreseen(state(LARGE), news)).toBe("r7g.xlarge");
    expect(await drain.update("db2", state(LARGE), news, context)).toMatchObject({ type: "r7g.xlarge" });
  });

  it("that was taken back changes nothing, and is forgotten", async () => {
    const waiting = state({}, { type: LARGE.type, has: { memoryMb: 65536, cpus: 8 } });
    expect(differs(waiting, inputs(LARGE))).toEqual(["machine.type"]);
    const back = await drain.update("db2", waiting, inputs(LARGE), context);
    expect(differs(back, inputs(LARGE))).toEqual([]);
    expect(back.type).toBe("r7g.2xlarge");
  });

  it("is one with fewer cpus too", () => {
    expect(foreseen(state({ ...SMALL, cpus: 8, type: "a" }), inputs({ type: "b" }))).toBe("a");
  });
});

it("a larger machine comes at once, whatever is in force", async () => {
  host("old");
  expect(foreseen(state(), inputs(LARGE))).toBe("r7g.2xlarge");
  expect(await drain.update("db2", state(), inputs(LARGE), context)).toMatchObject({ type: "r7g.2xlarge" });
});

it("a type that is not known yet is not known in the preview", () => {
  expect(foreseen(state(), inputs({ type: UNKNOWN as unknown as string }))).toBe(UNKNOWN);
});

describe("a machine that a killed run emptied and did not change", () => {
  it("is known by its firmware, and emptied again", () => {
    for (const other of [undefined, "", "HVM domU", "Standard PC (i440FX + PIIX, 1996)", "KVM\n"])
      expect(typeByFirmware(other, "r7g.2xlarge")).toBe("r7g.2xlarge");
    const type = typeByFirmware("r7g.xlarge\n", "r7g.2xlarge");
    const done = state(LARGE, { type });
    expect(differs(done, inputs(LARGE))).toEqual(["machine.type"]);
    expect(machineChange(done, inputs(LARGE).machine)).toBe("grow");
  });
});

describe("a host that cannot be reached", () => {
  const away = (): Connection => ({
    ...here(),
    platform: "ssh",
    unitPrefix: "x",
    ssh: {
      user: "root",
      port: 1,
      become: "none",
      hostKey: "ssh-ed25519 AAAA",
      proxyCommand: "echo 'sudo: a password is required' >&2; false",
    },
  });
  it("keeps its type, and the error says what to do", async () => {
    const connection = away();
    const update = drain.update("db2", state({}, { connection }), inputs(LARGE, { connection }), context);
    await expect(update).rejects.toThrow(/host db2 cannot be reached.* db2 stays r7g\.xlarge: .* hosts\.db2\.replace/);
  });
  it("is made anew as asked, with a warning", async () => {
    const connection = { ...away(), host: "db3" } as Connection;
    const asked = inputs({ replace: "1" }, { connection });
    expect(await drain.update("db3", state({}, { connection }), asked, context)).toMatchObject({ reachable: false });
    expect(said.at(-1)).toMatch(/^warning: host db3 cannot be reached.*made anew as asked/);
  });
  it("is shown as last seen", async () => {
    const connection = { ...away(), host: "db4" } as Connection;
    const seen = await drain.read("db4", state({}, { connection }), inputs({}, { connection }), context);
    expect(seen?.outputs).toMatchObject({ inForce: "old", reachable: false });
  });
});
