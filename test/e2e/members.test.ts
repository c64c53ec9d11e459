/** Members come, go and get new data: clones that are seen, cascades, and members that can never follow again. */

import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { mount, noMounts, pidOf, unmount, upWith } from "./support/faults.ts";
import { TestFleet } from "./support/fleet.ts";
import { stopService } from "./support/hand.ts";
import { counts, replayed, slots, streaming } from "./support/observe.ts";
import { until } from "./support/processes.ts";
import { steps } from "./support/steps.ts";

// WAL is recycled soon and slots are cut off soon, so that what takes days elsewhere takes seconds here.
const fleet = new TestFleet("members", {
  parameters: { wal_keep_size: "0", max_wal_size: "64MB", min_wal_size: "32MB", max_slot_wal_keep_size: "96MB" },
});
delete fleet.config.hosts.mon1;
delete fleet.config.hosts.db3;
const step = steps();
const mountsMissing = noMounts(fleet);
const mounted: string[] = [];

const folder = (host: string): string => path.join(fleet.home(host), "data");
const data = (host: string): string => path.join(folder(host), host);
const inode = (host: string): number => fs.statSync(data(host)).ino;
const asides = (host: string): string[] => fs.readdirSync(folder(host)).filter((name) => name.includes(".aside-"));
const add = (host: string, last: number, more: object = {}): void => {
  fleet.config.hosts[host] = { role: "replica", address: fleet.address(last), ...more };
};
const cloneRate = (rate: string): void => {
  fleet.config.rollout = { cloneRate: rate };
};
const PROGRESS = /cloning (db\d) from (db\d): [\d.]+ [kM]B of \d+ MB, \d+ %, [\d.]+ [kM]B\/s/;

/** The primary writes segments and gives up those that no slot keeps. */
function recycleWal(segments: number): void {
  for (let i = 0; i < segments; i++) {
    fleet.sql("db1", "INSERT INTO churn SELECT generate_series(1, 1000); SELECT pg_switch_wal()", "shop");
    fleet.sql("db1", "CHECKPOINT");
  }
}

async function everywhereTheSame(replicas: string[]): Promise<void> {
  await replayed(fleet, replicas);
  for (const member of ["db1", ...replicas])
    expect(fleet.sql(member, "SELECT count(*) FROM kept", "shop"), member).toBe("40000");
}

beforeAll(async () => {
  await fleet.up();
  // About 40 MB: a clone at a few MB per second can be watched.
  fleet.sql("db1", "CREATE TABLE kept AS SELECT n, repeat('x', 900) FROM generate_series(1, 40000) n", "shop");
  fleet.sql("db1", "CREATE TABLE churn (n int)", "shop");
});
afterAll(async () => {
  await fleet.killAll();
  for (const place of mounted) unmount(place);
  await fleet.remove();
});

step(
  "a replica is cloned from the one there is, at the rate that is set, and says how far it is meanwhile",
  async () => {
    add("db3", 3);
    cloneRate("10MB");
    let atWork: string[] = [];
    const { code, text } = await upWith(fleet, PROGRESS, () => {
      atWork = fs.readdirSync(folder("db3"));
    });
    expect(code, text).toBe(0);
    expect(atWork).toContain("db3.part");
    expect(atWork).not.toContain("db3");
    expect(PROGRESS.exec(text)!.slice(1)).toEqual(["db3", "db2"]);
    const seconds = Number(/clone db3 from db2 .*\(([\d.]+) s\)/.exec(text)![1]);
    const mb = Number(/cloning db3 from db2: .* of (\d+) MB/.exec(text)![1]);
    expect(seconds).toBeGreaterThan((0.8 * mb) / 10);
    await streaming(fleet, ["db2", "db3"]);
    expect(slots(fleet, "db2"), "what the copy needed on its source").toEqual({});
    expect(fs.readdirSync(folder("db3")).sort()).toEqual(["db3", "db3.owner.json"]);
    await everywhereTheSame(["db2", "db3"]);
  },
);

step("with an upstream it streams from there, through a slot there; the primary keeps none for it", async () => {
  add("db3", 3, { upstream: "db2" });
  await fleet.up();
  await streaming(fleet, ["db2"]);
  await streaming(fleet, ["db3"], "db2");
  fleet.sql("db1", "INSERT INTO churn VALUES (0)", "shop");
  await replayed(fleet, ["db3"]);
  expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
});

step("a new value of reclone gives it new data, once, and keeps the old; its upstream stays", async () => {
  const before = inode("db3");
  cloneRate("500MB");
  // A date without quotes: the engine reads it as a point in time.
  add("db3", 3, { upstream: "db2", reclone: "2026-03-01" });
  await fleet.up();
  expect(inode("db3")).not.toBe(before);
  expect(fs.statSync(path.join(folder("db3"), asides("db3")[0]!)).ino).toBe(before);
  expect(fs.readFileSync(path.join(data("db3"), "pgfleet.reclone"), "utf8")).toBe("2026-03-01");
  await streaming(fleet, ["db3"], "db2");
  const after = inode("db3");
  expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
  add("db3", 3);
  await fleet.up();
  expect(inode("db3")).toBe(after);
  expect(asides("db3")).toHaveLength(1);
  await streaming(fleet, ["db2", "db3"]);
});

step("removed and added again it takes its data over", async () => {
  const before = inode("db3");
  delete fleet.config.hosts.db3;
  await fleet.up();
  await streaming(fleet, ["db2"]);
  expect(inode("db3")).toBe(before);
  add("db3", 3);
  await fleet.up();
  await streaming(fleet, ["db2", "db3"]);
  expect(inode("db3")).toBe(before);
});

step("added again when the WAL it needs is gone: the error says so and what to set, and that mends it", async () => {
  const before = inode("db3");
  delete fleet.config.hosts.db3;
  await fleet.up();
  recycleWal(10);
  add("db3", 3);
  const text = await fleet.upFails();
  expect(text).toMatch(
    /db3 can never follow db1 with the data it has: requested WAL segment [0-9A-F]{24} has already been removed/,
  );
  expect(text).toContain("Set hosts.db3.reclone to a new value (it has none now)");
  expect(inode("db3")).toBe(before);
  add("db3", 3, { reclone: 2 });
  await fleet.up();
  await streaming(fleet, ["db2", "db3"]);
  expect(asides("db3")).toHaveLength(2);
  await everywhereTheSame(["db2", "db3"]);
});

step("a slot that was cut off while its replica was away is named; a new value of reclone mends that too", async () => {
  await stopService(fleet, "db3", "postgresql");
  const status = () => fleet.sql("db1", "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'pgfleet_db3'");
  await until("the slot is cut off", 120_000, () => {
    recycleWal(4);
    return status() === "lost";
  });
  const text = await fleet.upFails();
  expect(text).toMatch(/db3 can never follow db1 .*(its slot on db1 was cut off|has already been removed)/);
  expect(text).toContain("Set hosts.db3.reclone to a new value (it is 2 now)");
  add("db3", 3, { reclone: 3 });
  await fleet.up();
  await streaming(fleet, ["db2", "db3"]);
  expect(status()).not.toBe("lost");
  await everywhereTheSame(["db2", "db3"]);
});

step("the source dies in the middle: the error names it, no half copy stays, and the next up finishes", async () => {
  add("db4", 4);
  cloneRate("4MB");
  let source = "";
  const run = fleet.startUp();
  await until("the clone is under way", 180_000, () => {
    source = PROGRESS.exec(run.said())?.[2] ?? "";
    return source !== "";
  });
  process.kill(pidOf(path.join(data(source), "postmaster.pid")), "SIGKILL");
  const { code, text } = await run.done;
  expect(code, text).not.toBe(0);
  expect(text).toMatch(
    new RegExp(`${source} stopped, or the connection to it broke, in the middle of the copy for db4`),
  );
  expect(fs.readdirSync(folder("db4"))).toEqual(["db4.owner.json"]);
  cloneRate("500MB");
  await fleet.up();
  await streaming(fleet, ["db2", "db3", "db4"]);
  await everywhereTheSame(["db2", "db3", "db4"]);
});

step("the disk of the newcomer is full: the error names it, and the next up finishes on a larger one", async () => {
  if (mountsMissing) return console.warn(`SKIPPED: ${mountsMissing}`);
  const home = fleet.home("db5");
  fs.mkdirSync(home, { recursive: true });
  mount("-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", home);
  mounted.push(home);
  add("db5", 5);
  const text = await fleet.upFails();
  expect(text).toMatch(/the disk of db5 is full: there is no room for a copy of db\d/);
  expect(fs.readdirSync(folder("db5"))).toEqual(["db5.owner.json"]);
  mount("-o", "remount,size=512m", home);
  await fleet.up();
  await streaming(fleet, ["db2", "db3", "db4", "db5"]);
});
