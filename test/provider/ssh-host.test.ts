import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeYaml } from "../../cli/probe.ts";
import { type Host, hostAt } from "../../provider/host.ts";
import { parseHostFacts, readHostFacts, tooSmall, unfit } from "../../provider/host-facts.ts";
import { takeRemoteLock } from "../../provider/remote-lock.ts";
import { guardStart } from "../../provider/rollout/start-guard.ts";
import { closeSshConnections, sshConnection } from "../../provider/transports/ssh-connection.ts";
import { type Sshd, sshdMissing, startSshd } from "../support/sshd.ts";

const missing = sshdMissing();
if (missing) console.warn(`SKIPPED, nothing about hosts over ssh is tested: ${missing}`);
const { signal } = new AbortController();

describe.skipIf(missing)("a host over ssh", () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    closeSshConnections();
    await sshd?.stop();
    if (sshd) fs.rmSync(sshd.folder, { recursive: true, force: true });
  });
  /** Each has a connection of its own, as another run would. */
  const asRun = (name: string): Host => hostAt({ ...sshd.connection(), host: name });
  const end = (name: string): void => sshConnection({ ...sshd.connection(), host: name }).close();

  test("is changed by one run at a time, and free when that one is gone", async () => {
    const file = path.join(sshd.folder, "lock");
    const [one, two] = [asRun("one"), asRun("two")];
    await takeRemoteLock(one, file, "token-one", signal);
    await takeRemoteLock(one, file, "token-one", signal);
    await expect(takeRemoteLock(two, file, "token-two", signal)).rejects.toThrow(
      new RegExp(`host two is being changed by another run \\(.+, pid ${process.pid}, since 20.+\\)\\. Wait for it`),
    );
    const { pid } = await one.transport.presence(signal);
    end("one");
    await until(() => !fs.existsSync(`/proc/${pid}`));
    await takeRemoteLock(two, file, "token-two", signal);
    expect(fs.readdirSync(sshd.folder).filter((name) => name.startsWith("lock"))).toEqual(["lock"]);
  });

  test("one of several that take over a dead lock at once has it", async () => {
    const file = path.join(sshd.folder, "race");
    fs.writeFileSync(file, "999999 1 nobody\n");
    const names = ["r1", "r2", "r3"];
    const taken = await Promise.allSettled(names.map((name) => takeRemoteLock(asRun(name), file, name, signal)));
    expect(taken.filter((each) => each.status === "fulfilled")).toHaveLength(1);
  });

  test("starts what a run left stopped when that run is gone, and not before", async () => {
    const host = asRun("guarded");
    const started = path.join(sshd.folder, "started");
    const services = {
      startUnlessRunning: () => ["sh", "-c", 'test -e "$1" || { : > "$1"; exit 1; }', "start", started],
    };
    const standDown = await guardStart({ ...host, services } as unknown as Host, "postgresql", signal);
    await standDown();
    await guardStart({ ...host, services } as unknown as Host, "postgresql", signal);
    await host.transport.exec(["sleep", "0.5"], { signal });
    expect(fs.existsSync(started)).toBe(false);
    end("guarded");
    await until(() => fs.existsSync(started));
  });

  test("tells what it is", async () => {
    const facts = await readHostFacts(asRun("probed").transport, "/var/lib/pgfleet/no/such", signal);
    expect(facts.memoryMb).toBeGreaterThan(100);
    expect(facts.cpus).toBeGreaterThan(0);
    expect(facts.diskMb).toBeGreaterThan(100);
    expect(facts.architecture).toBe({ x64: "x86_64", arm64: "aarch64" }[process.arch as string]);
    expect(Math.abs(facts.clockOffsetSeconds)).toBeLessThan(5);
  });
});

const FACTS = parseHostFacts(
  "memoryKb=3911680\ncpus=2\ndiskKb=51290592\narchitecture=x86_64\nos=Debian GNU/Linux 13 (trixie)\nfamily=debian \nlibc=glibc 2.41\nsystemd=257.7\npostgresql=17\npostgresql=9\npgbouncer=1.24.1\nnow=1000.5\n",
  1_000_000,
);

describe("what a host is", () => {
  test("as YAML for the stack file", () => {
    expect(probeYaml("db1", FACTS)).toMatchInlineSnapshot(`
      "db1: # Debian GNU/Linux 13 (trixie), x86_64
        # systemd 257.7; PostgreSQL 9, 17; PgBouncer 1.24.1; glibc 2.41
        memory: 3820MB
        cpus: 2
        disk: 50088MB"
    `);
  });

  test("4 GB of memory may show as 3.8, but not as 2; more is fine", () => {
    expect(tooSmall("db1", FACTS, { memoryMb: 4096, cpus: 2, diskMb: 50 * 1024 })).toEqual([]);
    expect(tooSmall("db1", FACTS, { memoryMb: 8192, cpus: 4, diskMb: 500 * 1024 })).toEqual([
      "db1 has 3820 MB of memory, and the stack file says 8192 MB. Correct hosts.db1.memory, or give it more.",
      "db1 has 50088 MB of disk, and the stack file says 512000 MB. Correct hosts.db1.disk, or give it more.",
      "db1 has 2 cpus, and the stack file says 4. Correct hosts.db1.cpus, or give it more.",
    ]);
  });

  test.each([
    ["systemd", { systemd: "" }, /^db1 \(Debian.*\) does not run systemd/],
    [
      "a system whose packages are known",
      { os: "Fedora 42", family: "fedora" },
      /^db1 runs Fedora 42, .* Debian and Ubuntu/,
    ],
    ["a processor that is known", { architecture: "riscv64" }, /^db1 is riscv64/],
    ["the time", { clockOffsetSeconds: 300 }, /^the clock of db1 is 300 s ahead .* NTP/],
  ])("without %s it is no host of the fleet", (_, less, said) => {
    const size = { memoryMb: 1024, cpus: 1, diskMb: 1024 };
    expect(unfit("db1", { ...FACTS, clockOffsetSeconds: 2, family: "ubuntu debian" }, size)).toEqual([]);
    expect(unfit("db1", { ...FACTS, ...less }, size)).toEqual([expect.stringMatching(said)]);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${condition}`);
    await delay(30);
  }
}
