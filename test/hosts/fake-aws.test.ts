// The stand-in for the plugin of @pulumi/aws: a small program through the real engine, on instances that boot.

import { afterAll, beforeAll, expect } from "vitest";
import { counts } from "../e2e/support/observe.ts";
import { until } from "../e2e/support/processes.ts";
import { steps } from "../e2e/support/steps.ts";
import { CloudStack } from "./support/cloud-stack.ts";
import { hostsMissing } from "./support/docker.ts";

const missing = hostsMissing();
if (missing) console.warn(`SKIPPED, nothing on instances is tested: ${missing}`);
const step = steps(missing);
const BOOT_LIMIT_MS = 120_000;

interface Host {
  type: string;
  address: string;
  zone: string;
  sizeGib: number;
  note?: string;
}
let stack: CloudStack;
const hosts = {} as Record<"db1" | "db2", Host>;
type Name = keyof typeof hosts;
const shell = (host: Name, line: string): string => stack.cloud.shell(host, line);
const mounted = (host: Name): Promise<unknown> =>
  until(`${host} has its volume mounted`, BOOT_LIMIT_MS, () => shell(host, "findmnt -no FSTYPE /data || :") === "ext4");
const bootId = (host: Name): string => stack.cloud.exec(host, ["stat", "-c", "%Z", "/proc/1"]);

beforeAll(async () => {
  if (missing) return;
  stack = new CloudStack("cloud");
  hosts.db1 = { type: "m7i.large", address: stack.cloud.at(1, 11), zone: "a", sizeGib: 2 };
  hosts.db2 = { type: "m7i.large", address: stack.cloud.at(2, 11), zone: "b", sizeGib: 2 };
  stack.config["cloud:hosts"] = hosts;
  await stack.init();
});
afterAll(() => stack?.remove());

step(
  "instances boot, their script makes a file system on their volume, and ssh comes in through a session",
  async () => {
    await stack.up();
    for (const host of ["db1", "db2"] as const) {
      await mounted(host);
      expect(stack.ssh(host, "sudo sh -c 'echo mine > /data/kept; echo root > /var/kept; id -un; hostname'")).toBe(
        `root\nip-${hosts[host].address.replaceAll(".", "-")}`,
      );
    }
  },
);

step("a second up changes nothing", async () => {
  const text = await stack.up();
  expect(Object.keys(counts(text)), text).toEqual(["unchanged"]);
});

step("a newer image touches no instance", async () => {
  stack.cloud.change((state) => {
    state.parameters["/aws/service/debian/release/13/latest/amd64"] = "ami-0aaaaaaaaaaaaaaaa";
  });
  expect(await stack.cloud.during(() => stack.up())).toEqual([]);
});

step("a volume grows under its file system, and never shrinks", async () => {
  hosts.db1.sizeGib = 3;
  expect(await stack.cloud.during(() => stack.up())).toEqual(["update Volume db1"]);
  stack.ssh("db1", "sudo resize2fs $(findmnt -no SOURCE /data)");
  const blocks = (): string => shell("db1", "dumpe2fs -h /dev/nvme1n1 2>/dev/null | sed -n 's/^Block count: *//p'");
  expect(shell("db1", "lsblk -dbnro SIZE /dev/nvme1n1")).toBe(String(3 * 2 ** 30));
  expect(blocks()).toBe(String((3 * 2 ** 30) / 4096));
  hosts.db1.sizeGib = 1;
  expect(await stack.upFails()).toMatch(/New size cannot be smaller than existing size \(3 GiB\)/);
  hosts.db1.sizeGib = 3;
});

step("another instance type: the same machine is stopped and started, and has its disks", async () => {
  const id = stack.cloud.instance("db1").id;
  const other = bootId("db2");
  hosts.db1.type = "r7i.large";
  stack.cloud.change((state) => {
    state.sizes["r7i.large"] = { memoryMib: 16384, cpus: 3 };
  });
  const done = await stack.cloud.during(() => stack.up());
  expect(done).toEqual(["stop Instance db1", "start Instance db1", "update Instance db1"]);
  expect(stack.cloud.instance("db1").id).toBe(id);
  await mounted("db1");
  expect(shell("db1", "cat /var/kept /data/kept")).toBe("root\nmine");
  expect(shell("db1", "sed -n 's/^MemTotal: *//p' /proc/meminfo; nproc")).toBe("16777216 kB\n3");
  expect(Number(shell("db1", "df --output=size -BM /data | tail -1").replace("M", ""))).toBeGreaterThan(2800);
  // Its script ran at its first boot only.
  expect(shell("db1", "grep -c /data /etc/fstab")).toBe("1");
  expect(bootId("db2")).toBe(other);
});

step(
  "an instance is replaced: its volume leaves it in order, and comes to the new one with what is on it",
  async () => {
    const { id } = stack.cloud.instance("db1");
    hosts.db1.note = "another script";
    expect(await stack.cloud.during(() => stack.up())).toEqual([
      "stop Instance db1",
      "delete VolumeAttachment db1",
      "delete Instance db1",
      "create Instance db1",
      "create VolumeAttachment db1",
    ]);
    expect(stack.cloud.instance("db1").id).not.toBe(id);
    await mounted("db1");
    expect(stack.ssh("db1", "cat /data/kept; cat /var/kept 2>/dev/null || echo gone")).toBe("mine\ngone");
  },
);

step("an instance whose power is cut boots with its volume in its place", async () => {
  stack.cloud.cut("db2");
  stack.cloud.start("db2");
  await mounted("db2");
  expect(await until("ssh comes in", BOOT_LIMIT_MS, () => stack.ssh("db2", "cat /data/kept /var/kept"))).toBe(
    "mine\nroot",
  );
});

step("what the cloud refuses is said, and no instance is made of it", async () => {
  const good: Host = { type: "m7i.large", address: stack.cloud.at(1, 12), zone: "a", sizeGib: 1 };
  const refusals: [change: Partial<Host>, said: RegExp][] = [
    [{ type: "z9.huge" }, /InvalidParameterValue: Invalid value 'z9\.huge' for InstanceType/],
    [{ type: "r7g.large" }, /architecture 'arm64' of the specified instance type does not match/],
    [{ address: hosts.db1.address }, /InvalidIPAddress\.InUse/],
    [{ address: stack.cloud.at(3, 12) }, /Address .* does not fall within the subnet's address range/],
    [{ zone: "x" }, /Value \(eu-central-1x\) for parameter availabilityZone is invalid/],
  ];
  for (const [change, said] of refusals) {
    stack.config["cloud:hosts"] = { ...hosts, db3: { ...good, ...change } };
    expect(await stack.upFails()).toMatch(said);
  }
  expect(() => stack.cloud.instance("db3")).toThrow();
  stack.config["cloud:hosts"] = hosts;
});

step("destroy leaves the volumes, and nothing else", async () => {
  await stack.destroy();
  const left = Object.values(stack.cloud.state().entries).map(({ type }) => type);
  expect(new Set(left)).toEqual(new Set(["aws:ebs/volume:Volume"]));
});
