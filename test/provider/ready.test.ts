/** Ready and the data volume of a machine: waited for, named when it is not there, grown when it may. */

import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import {
  notMounted,
  readVolume,
  useVolume,
  type Volume,
  type VolumeFacts,
  volumeDrift,
} from "../../provider/data-volume.ts";
import type { Host } from "../../provider/host.ts";
import { ready } from "../../provider/resources/ready.ts";
import { LocalTransport } from "../../provider/transports/local.ts";
import type { ExecResult } from "../../provider/transports/transport.ts";
import type { Context } from "../../provider/types.ts";

const GIB = 1024 ** 3;
const volume: Volume = { id: "vol-0a1b", diskGb: 100, path: "/var/lib/pgfleet/prod" };
let said: string[];
const context = {
  signal: new AbortController().signal,
  log: (_: string, line: string) => void said.push(line),
  status() {},
} as unknown as Context;
beforeEach(() => {
  said = [];
});
afterEach(() => vi.unstubAllEnvs());

const fine = { device: "/dev/nvme1n1", source: "/dev/nvme1n1", isVolume: "yes", instead: "x on y", type: "ext4" };
const text = (facts: Record<string, string | number>): string =>
  Object.entries(facts)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");

/** A host that answers each look with the next text, and the last again; what else it was told to run is kept. */
function host(looks: string[], grow: ExecResult = { code: 0, stdout: "", stderr: "" }) {
  const ran: string[][] = [];
  let at = 0;
  const exec = async (argv: string[]): Promise<ExecResult> => {
    if (argv[0] === "sh") return { code: 0, stdout: looks[Math.min(at++, looks.length - 1)]!, stderr: "" };
    ran.push(argv);
    return grow;
  };
  return { host: { name: "db2", transport: { host: "db2", exec } } as unknown as Host, ran };
}
const sized = (system: number, device = 100 * GIB, type = "ext4") =>
  text({ ...fine, type, deviceBytes: device, systemBytes: system });

test.each([
  ["ext4", ["resize2fs", "/dev/nvme1n1"]],
  ["xfs", ["xfs_growfs", "/var/lib/pgfleet/prod"]],
])("a file system %s that leaves a part of its volume unused is grown", async (type, command) => {
  const there = host([sized(50 * GIB, 100 * GIB, type)]);
  await useVolume(there.host, volume, context);
  expect(there.ran).toEqual([command]);
  expect(said).toEqual(["the file system at /var/lib/pgfleet/prod on db2 grew from 50 GB to 100 GB"]);
});

it("one that has all of it is left alone; so is one of a kind, or a size, that is not known", async () => {
  for (const look of [sized(100 * GIB - 4096), sized(0), text({ ...fine, type: "btrfs" })]) {
    const there = host([look]);
    await useVolume(there.host, volume, context);
    expect(there.ran).toEqual([]);
  }
});

it("what the tool says when it does not grow is in the error", async () => {
  const there = host([sized(50 * GIB)], { code: 1, stdout: "", stderr: "resize2fs: No space for the journal" });
  await expect(useVolume(there.host, volume, context)).rejects.toThrow(
    /has 50 GB, its volume 100 GB.*\n?.*No space for the journal/,
  );
});

it("is waited for until it is mounted, and as large as declared", async () => {
  const looks = [
    text({ device: "", source: "", instead: "/dev/nvme0n1p1 on /" }),
    text({ ...fine, source: "", isVolume: "", instead: "/dev/nvme0n1p1 on /" }),
    sized(50 * GIB, 50 * GIB),
    sized(50 * GIB),
  ];
  const there = host(looks);
  await useVolume(there.host, volume, context);
  expect(there.ran).toHaveLength(1);
});

it("with a limit, and then it is said what is there instead", async () => {
  vi.stubEnv("PGFLEET_VOLUME_LIMIT_MS", "1");
  const never = host([text({ ...fine, source: "", isVolume: "", instead: "/dev/nvme0n1p1 on /" })]);
  await expect(useVolume(never.host, volume, context)).rejects.toThrow(
    /volume vol-0a1b is mounted at .* on db2; last: .* is not volume vol-0a1b \(\/dev\/nvme1n1\): the folder is on \/dev\/nvme0n1p1 on \/\. .*cloud-init-output\.log on db2/,
  );
});

describe("how it is not as declared", () => {
  const facts = (change: Partial<VolumeFacts> = {}): VolumeFacts => ({
    ...fine,
    isVolume: true,
    deviceBytes: 100 * GIB,
    systemBytes: 100 * GIB,
    ...change,
  });
  test.each<[Partial<VolumeFacts>, RegExp]>([
    [{ device: "", isVolume: false }, /vol-0a1b is not attached/],
    [{ source: "/dev/nvme2n1", isVolume: false }, /\/dev\/nvme2n1 is mounted there/],
    [{ systemBytes: 60 * GIB }, /has 60 GB of the volume's 100 GB/],
  ])("%o", (change, names) => {
    expect(volumeDrift("db2", volume, facts())).toEqual([]);
    expect(volumeDrift("db2", volume, facts(change))).toEqual([expect.stringMatching(names)]);
  });
});

it("on a real machine a volume that it does not have is not attached, and the folder is on what is mounted", async () => {
  const here = { name: "db2", transport: new LocalTransport("db2") } as unknown as Host;
  const found = await readVolume(here, { ...volume, path: "/proc/self" }, context.signal);
  expect(found).toMatchObject({ device: "", source: "", isVolume: false, instead: "proc on /proc" });
  expect((await readVolume(here, { ...volume, path: "/proc" }, context.signal)).source).toBe("proc");
  expect(notMounted(volume, found)).toContain("not attached");
});

test.each([
  ["another machine", { machineId: "i-0new" }, ["machineId"]],
  ["another type", { type: "r7g.large" }, ["type"]],
  ["a larger volume", { volume: { ...volume, diskGb: 200 } }, ["volume.diskGb"]],
  ["nothing", {}, []],
])("%s makes it ready again", (_, change, expected) => {
  const olds = { connection: {}, machineId: "i-0old", type: "r7g.xlarge", volume, drift: [], reachable: true };
  const { detailed } = ready.diff(olds as never, { ...olds, ...change } as never, olds as never, () => {});
  expect(Object.keys(detailed)).toEqual(expected);
});
