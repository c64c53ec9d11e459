// The program of platform aws, unchanged, with the real SDK through the real engine, on the stand-in's cloud: instances boot
// systemd, volumes are block devices, ssh comes through a session.

import { afterAll, beforeAll, expect } from "vitest";
import { counts, everywhere, logins, replayed, startTimes, streaming } from "../e2e/support/observe.ts";
import { steps } from "../e2e/support/steps.ts";
import { AwsFleet, LARGE, SMALL } from "./support/aws-fleet.ts";
import { hostsMissing } from "./support/docker.ts";
import { startWriter } from "./support/writer.ts";

const missing = hostsMissing();
if (missing) console.warn(`SKIPPED, nothing on instances is tested: ${missing}`);
const step = steps(missing);

let fleet: AwsFleet;
let password = "";
const HOSTS = ["db1", "db2", "pool1"] as const;
type Name = (typeof HOSTS)[number];
const shell = (host: Name, line: string): string => fleet.cloud.shell(host, line);
const show = (name: string): Record<string, string> => everywhere(fleet, `SHOW ${name}`);
const asApplication = (query: string): string => fleet.pooled("shop_app", password, query);
const rows = (): number => Number(asApplication("SELECT count(*) FROM kept"));
/** What was done to instances and volumes, in order. */
const machinery = (done: string[]): string[] => done.filter((line) => /(Instance|Volume|VolumeAttachment) /.test(line));
const settled = async (): Promise<void> => {
  const text = await fleet.up();
  expect(Object.keys(counts(text)), text).toEqual(["unchanged"]);
};
const record = (label: string): unknown =>
  Object.values(fleet.cloud.state().entries).find(({ name }) => name === `shop-${label}`)?.inputs.records;

beforeAll(async () => {
  if (missing) return;
  fleet = new AwsFleet("aws");
  await fleet.init();
});
afterAll(() => fleet?.remove());

step("what the cloud does not have is said in the preview, and nothing is made", async () => {
  const { network, ...rest } = fleet.config.aws as {
    network: { cidr: string; subnets: { zone: string; cidr: string }[] };
  };
  const [first, ...others] = network.subnets;
  fleet.config.aws = { ...rest, network: { ...network, subnets: [{ ...first, zone: "eu-central-1x" }, ...others] } };
  expect(await fleet.previewFails()).toMatch(
    /there is no zone eu-central-1x in eu-central-1 .*Zones are: eu-central-1a/s,
  );
  const ids = network.subnets.map((subnet, i) => ({ ...subnet, id: `subnet-0000000000000000${i}` }));
  fleet.config.aws = { ...rest, network: { vpc: "vpc-00000000000000000", subnets: ids } };
  expect(await fleet.previewFails()).toMatch(/aws\.network\.vpc: there is no vpc-00000000000000000/);
  expect(fleet.cloud.operations()).toEqual([]);
  fleet.config.aws = { ...rest, network };
});

step(
  "the first up makes network, machines and a fleet that an application gets into; data is on the volumes",
  async () => {
    const text = await fleet.up();
    expect(counts(text), text).not.toHaveProperty("errored");
    await streaming(fleet, ["db2"]);
    await fleet.learnRoots();
    password = (await logins(fleet)).shop_app!.password;
    fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept (n int)", "shop");
    expect(asApplication("INSERT INTO kept VALUES (1), (2); SELECT count(*) FROM kept")).toBe("2");
    await replayed(fleet, ["db2"]);
    for (const host of ["db1", "db2"] as const) {
      expect(shell(host, "findmnt -no FSTYPE /var/lib/pgfleet")).toBe("ext4");
      expect(shell(host, `stat -c %m ${fleet.home(host)}/data/${host}/PG_VERSION`)).toBe("/var/lib/pgfleet");
    }
    // Everything in the instance is reached without a port that is open for it.
    const inbound = Object.values(fleet.cloud.state().entries).filter(({ type }) =>
      type.endsWith(":SecurityGroupIngressRule"),
    );
    expect(inbound.map(({ inputs }) => inputs.fromPort)).not.toContain(22);
    expect(record("primary")).toEqual([fleet.cloud.at(1, 11)]);
    expect(record("replica1")).toEqual([fleet.cloud.at(2, 11)]);
    expect(text).toMatch(/no backup of cluster shop is known/i);
  },
);

step(
  "the first-boot script runs again without changing anything, and leaves a volume alone that holds something else",
  async () => {
    const before = shell("db2", "cat /etc/fstab; findmnt -n /var/lib/pgfleet");
    expect(shell("db2", "sed '/^agent &$/d; /^wait$/d' /var/lib/cloud/user-data | sh")).toContain(
      "has its file system",
    );
    expect(shell("db2", "cat /etc/fstab; findmnt -n /var/lib/pgfleet")).toBe(before);
    const foreign = `set -e; dd if=/dev/zero of=/tmp/disk bs=1M count=16 status=none; mkfs.xfs -q -f /tmp/disk 2>/dev/null || mkfs.ext2 -q /tmp/disk
sed -e '/^agent &$/d; /^wait$/d; s#^device=.*#device=/tmp/disk#; s#\\[ ! -b "$device" \\]#false#; s#^place=.*#place=/tmp/place#' /var/lib/cloud/user-data | sh || echo "ended with $?"; ls -d /tmp/place 2>/dev/null || :`;
    const said = shell("db2", foreign);
    expect(said).toMatch(/\/tmp\/disk holds (xfs|ext2) .*it is left as it is/);
    expect(said).toContain("ended with 1");
    expect(said).not.toContain("/tmp/place");
  },
);

step("a second up changes nothing; another setting touches no machine", async () => {
  await settled();
  fleet.config.parameters = { log_min_duration_statement: "1234ms" };
  expect(machinery(await fleet.cloud.during(() => fleet.up()))).toEqual([]);
  expect(show("log_min_duration_statement")).toEqual({ db1: "1234ms", db2: "1234ms" });
});

step("another processor and a smaller disk are refused, in the preview too", async () => {
  const started = startTimes(fleet);
  fleet.config.size = "t4g.small";
  for (const said of [await fleet.previewFails(), await fleet.upFails()])
    expect(said).toMatch(/is x86_64 and t4g\.small is arm64/);
  fleet.config.size = SMALL;
  fleet.config.disk = "19GB";
  for (const said of [await fleet.previewFails(), await fleet.upFails()]) expect(said).toMatch(/never shrinks/);
  fleet.config.disk = "20GB";
  expect(startTimes(fleet)).toEqual(started);
  await settled();
});

step(
  "a larger size: replicas first, the primary last and not without its role gone; no write of an application fails",
  async () => {
    const before = show("shared_buffers");
    const ids = HOSTS.map((host) => fleet.cloud.instance(host).id);
    const writer = startWriter(fleet, "shop_app", password);
    await writer.hasWritten(5);
    fleet.config.size = LARGE;
    expect(await fleet.preview()).toMatch(new RegExp(`instanceType *: "${SMALL}" => "${LARGE}"`));
    const done = machinery(await fleet.cloud.during(() => fleet.up()));
    expect(done).toEqual(
      ["db2", "db1"].flatMap((host) => [`stop Instance ${host}`, `start Instance ${host}`, `update Instance ${host}`]),
    );
    await writer.hasWritten(5);
    const { written, failed } = writer.stop();
    expect(failed).toEqual([]);
    expect(HOSTS.map((host) => fleet.cloud.instance(host).id)).toEqual(ids);
    expect(everywhere(fleet, "SELECT pg_is_in_recovery()")).toEqual({ db1: "f", db2: "t" });
    await streaming(fleet, ["db2"]);
    const after = show("shared_buffers");
    expect(after.db1).not.toBe(before.db1);
    expect(after.db2).toBe(after.db1);
    expect(rows()).toBe(written + 2);
    await settled();
  },
);

step("a smaller size takes two runs: settings first, then the machines", async () => {
  const large = show("shared_buffers").db1;
  fleet.config.size = SMALL;
  let text = "";
  const first = machinery(await fleet.cloud.during(async () => (text = await fleet.up())));
  expect(first).toEqual([]);
  expect(text).toMatch(/db2 stays t3\.medium in this run.*run `?up`? again/);
  expect(show("shared_buffers").db1).not.toBe(large);
  const second = machinery(await fleet.cloud.during(() => fleet.up()));
  expect(second).toEqual(
    ["db2", "db1"].flatMap((host) => [`stop Instance ${host}`, `start Instance ${host}`, `update Instance ${host}`]),
  );
  await streaming(fleet, ["db2"]);
  await settled();
});

step("a larger disk: volume and file system grow while everything runs", async () => {
  const started = startTimes(fleet);
  // Where this machine may not grow a mounted file system, the stand-in notes the request and grows it at the next boot.
  const sizeGb = (): number =>
    Number(shell("db1", "dumpe2fs -h /dev/nvme1n1 2>/dev/null | sed -n 's/^Block count: *//p'")) / 262_144;
  expect(Math.round(sizeGb())).toBe(20);
  fleet.config.hosts.db1!.disk = "21GB";
  expect(machinery(await fleet.cloud.during(() => fleet.up()))).toEqual(["update Volume db1"]);
  expect(Math.round(sizeGb())).toBe(21);
  expect(startTimes(fleet)).toEqual(started);
});

step("another machine: the volume comes along, packages and units are made again, and it streams", async () => {
  const { id } = fleet.cloud.instance("db2");
  const count = rows();
  const volume = fleet.cloud.state().attachments.find(({ instanceId }) => instanceId === id)!.volumeId;
  fleet.config.hosts.db2!.replace = "2026-12-01";
  const done = machinery(await fleet.cloud.during(() => fleet.up()));
  expect(done).toEqual([
    "stop Instance db2",
    "delete VolumeAttachment db2",
    "delete Instance db2",
    "create Instance db2",
    "create VolumeAttachment db2",
  ]);
  const now = fleet.cloud.instance("db2").id;
  expect(now).not.toBe(id);
  expect(fleet.cloud.state().attachments.find(({ instanceId }) => instanceId === now)!.volumeId).toBe(volume);
  await streaming(fleet, ["db2"]);
  expect(fleet.sql("db2", "SELECT count(*) FROM kept", "shop")).toBe(String(count));
  expect(shell("db2", "apt-mark showhold")).toContain("postgresql-17");
  expect(shell("db2", "ls /etc/sysctl.d/60-pgfleet.conf")).toContain("60-pgfleet");
  await settled();
});

step("the primary moves: its name follows, no machine is touched", async () => {
  fleet.config.hosts.db1!.role = "replica";
  fleet.config.hosts.db2!.role = "primary";
  expect(machinery(await fleet.cloud.during(() => fleet.up()))).toEqual([]);
  expect(record("primary")).toEqual([fleet.cloud.at(2, 11)]);
  expect(record("replica1")).toEqual([fleet.cloud.at(1, 11)]);
  await streaming(fleet, ["db1"], "db2");
});

step(
  "destroy is refused while members are protected; after that volumes and bucket stay, and nothing else",
  async () => {
    await expect(fleet.destroy()).rejects.toThrow(/protect/);
    expect(asApplication("SELECT 1")).toBe("1");
    fleet.config.protect = false;
    await fleet.up();
    await fleet.destroy();
    const left = Object.values(fleet.cloud.state().entries).map(
      ({ type, name }) => `${type.split(":").at(-1)} ${name}`,
    );
    expect(left.sort()).toEqual(["Bucket shop-backup", "Volume db1", "Volume db2"]);
  },
);
