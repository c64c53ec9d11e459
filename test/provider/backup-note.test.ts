import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { backupNote, markOn, warnOfBackups } from "../../provider/rollout/backup-note.ts";
import { LocalTransport } from "../../provider/transports/local.ts";

const now = Date.parse("2026-03-10T12:00:00Z");
const daysAgo = (days: number): number => now - days * 24 * 60 * 60 * 1000;

describe("what is said of backups", () => {
  test("none anywhere: which members were asked", () => {
    const note = backupNote("shop", [{ member: "db1" }, { member: "db2" }], now);
    expect(note).toContain("no backup of cluster shop is known");
    expect(note).toContain("db1, db2");
  });

  test("the newest counts, wherever it was made; up to seven days nothing is said", () => {
    const old = { member: "db1", atMs: daysAgo(30) };
    expect(backupNote("shop", [old, { member: "db2", atMs: daysAgo(6.9) }], now)).toBeUndefined();
    const note = backupNote("shop", [old, { member: "db2", atMs: daysAgo(8.5) }], now);
    expect(note).toContain("8 days old (db2, 2026-03-02T00:00:00.000Z)");
  });

  test("a file that cannot be understood is named, also beside a good one", () => {
    const broken = { member: "db1", problem: "/x/last-backup holds nonsense" };
    expect(backupNote("shop", [broken], now)).toMatch(/no backup .* known.*db1: \/x\/last-backup holds nonsense/);
    const beside = backupNote("shop", [broken, { member: "db2", atMs: daysAgo(1) }], now);
    expect(beside).toContain("db1: /x/last-backup holds nonsense");
    expect(beside).not.toContain("no backup");
  });

  test("a time in the future is no backup; a clock that is off by minutes is no matter", () => {
    const note = backupNote("shop", [{ member: "db1", atMs: daysAgo(-400) }], now);
    expect(note).toMatch(/no backup .* is known.*in the future/);
    expect(backupNote("shop", [{ member: "db1", atMs: now + 300_000 }], now)).toBeUndefined();
  });
});

describe("the file on a host", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-mark-"));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  const transport = new LocalTransport("db1");
  const read = (name: string, text?: string) => {
    const file = path.join(folder, name);
    if (text !== undefined) fs.writeFileSync(file, text);
    return markOn(transport, "db1", file, AbortSignal.timeout(20_000));
  };

  test.each([
    ["2026-03-10T12:00:00Z\n"],
    ["2026-03-10T13:00:00+01:00"],
    ["2026-03-10T13:00:00+0100\n"],
    ["2026-03-10T12:00Z"],
  ])("%j is a time", async (text) => {
    expect(await read("good", text)).toEqual({ member: "db1", atMs: now });
  });

  test.each([[""], ["yesterday"], ["2026-03-10T12:00:00"], ["2026-13-10T12:00:00Z"], ["x".repeat(100_000)]])(
    "%j is none, and the file is named",
    async (text) => {
      const { problem, atMs } = await read("bad", text);
      expect(atMs).toBeUndefined();
      expect(problem).toContain(path.join(folder, "bad"));
      expect(problem!.length).toBeLessThan(300);
    },
  );

  test("missing is no problem; a folder in its place is", async () => {
    expect(await read("missing")).toEqual({ member: "db1" });
    fs.mkdirSync(path.join(folder, "folder"));
    expect((await read("folder")).problem).toContain("cannot be read");
  });
});

test("a host that cannot be asked fails nothing, and this machine's own fleets are not asked", async () => {
  const said: string[] = [];
  const context = {
    urn: "",
    signal: AbortSignal.abort(),
    log: (_: string, line: string) => void said.push(line),
    status: () => {},
  };
  const ssh = { user: "root", port: 1, become: "none" };
  const member = (platform: string, name = "db1") => ({
    name,
    connection: { platform, host: name, address: "127.0.0.1", home: "/nowhere", run: "/nowhere", user: "root", ssh },
  });
  const run = (members: object[], unreachable: string[] = []) => {
    const live = members.map((m) => ({ ...m, reachable: !unreachable.includes((m as { name: string }).name) }));
    return warnOfBackups({ cluster: "shop", members } as never, { members: live } as never, context);
  };
  await run([member("local")]);
  expect(said).toEqual([]);
  await run([member("ssh"), member("ssh", "db2")], ["db2"]);
  expect(said).toEqual([expect.stringMatching(/no backup of cluster shop is known: .*\bdb1; db1: /)]);
  expect(said[0]).not.toContain("db2");
});
