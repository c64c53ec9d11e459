/** What gets in the way of a rollout: long transactions, manual policy, servers that do not start, hand-made drift. */

import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import { pooler, reboot, stopService } from "./support/hand.ts";
import { Load, prepareLoad, rows } from "./support/load.ts";
import { counts } from "./support/observe.ts";
import { until } from "./support/processes.ts";

let fleet: TestFleet;
let load: Load | undefined;
let holder: ChildProcess | undefined;

beforeAll(async () => {
  fleet = new TestFleet("roll", { memory: "1GB", connections: 40 });
  await fleet.up();
  prepareLoad(fleet);
});

afterAll(async () => {
  load?.kill();
  holder?.kill("SIGKILL");
  await fleet?.remove();
});

const show = (host: string, name: string): string => fleet.sql(host, `SHOW ${name}`);
const paused = (): string => pooler(fleet, "pool1", "SHOW DATABASES");

/** A pooled session that opens a transaction and keeps it open. */
async function openTransaction(): Promise<ChildProcess> {
  const child = spawn(
    `/usr/lib/postgresql/${fleet.config.version}/bin/psql`,
    ["-XAtq", "-h", fleet.config.hosts.pool1!.address as string, "-p", "6432", "-U", "shop_app", "-d", "shop"],
    {
      env: {
        PATH: process.env.PATH,
        PGPASSFILE: path.join(fleet.home("pool1"), "current/client/passfile"),
        PGAPPNAME: "long-report",
      },
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  child.stdin!.write("BEGIN; SELECT 1;\n");
  await until(
    "the transaction is open",
    10_000,
    () => fleet.sql("db1", "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") === "1",
  );
  return child;
}

describe("a transaction that stays open", () => {
  it("makes the rollout wait, back out within its limit, and name pid, user and age; nobody waited longer", async () => {
    const before = show("db1", "shared_buffers");
    holder = await openTransaction();
    load = new Load(fleet);
    await load.started;
    fleet.config.parameters = { shared_buffers: "96MB" };
    fleet.config.rollout = { pauseLimit: "3s", pauseTries: 2 };
    const text = await fleet.upFails();
    const pid = fleet.sql("db1", "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'");
    expect(text).toMatch(new RegExp(`pid ${pid}, user shop_app, [\\d.]+ s old, idle in transaction`));
    expect(text).toContain("given up after 2 tries");
    expect(show("db1", "shared_buffers")).toBe(before);
    expect(paused()).not.toMatch(/\bshop\b.*\t1\t0$/m);
    const result = await load.stop();
    expect(result.errors).toEqual([]);
    expect(result.longestMs).toBeLessThan(3000 + 1500);
    expect(rows(fleet)).toBe(result.committed);
  });

  it("gone, the next up finishes what was begun", async () => {
    holder!.stdin!.end("COMMIT;\n");
    await fleet.up();
    for (const host of ["db1", "db2", "db3"]) expect(show(host, "shared_buffers")).toBe("96MB");
  });

  it("is ended only when config says so", async () => {
    holder = await openTransaction();
    fleet.config.parameters = { shared_buffers: "112MB" };
    fleet.config.rollout = { pauseLimit: "2s", pauseTries: 2, terminateBlockers: true };
    const text = await fleet.up();
    expect(text).toContain("terminating pid");
    expect(show("db1", "shared_buffers")).toBe("112MB");
    holder.kill("SIGKILL");
    fleet.config.rollout = {};
  });
});

describe("restart: manual", () => {
  it("reloads what it can, lists what waits per host, survives a reboot, and one command applies it", async () => {
    fleet.config.restart = "manual";
    fleet.config.connections = 50;
    fleet.config.parameters = { shared_buffers: "128MB", work_mem: "1MB" };
    const started = fleet.sql("db1", "SELECT pg_postmaster_start_time()");
    const text = await fleet.up();
    for (const host of ["db1", "db2", "db3"]) {
      expect(text).toMatch(
        new RegExp(`pending: ${host}: restart for .*max_connections 40 → 50.*shared_buffers 112MB → 128MB`),
      );
      expect(show(host, "work_mem")).toBe("1MB");
      expect(show(host, "max_connections")).toBe("40");
    }
    expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(started);
    expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
    // A reboot of the primary alone must not raise max_connections above what its standbys have.
    await reboot(fleet, "db1");
    expect(show("db1", "max_connections")).toBe("40");
    await until(
      "both replicas stream",
      30_000,
      () => fleet.sql("db1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") === "2",
    );
    fleet.config.restart = "rolling";
    await fleet.up();
    for (const host of ["db1", "db2", "db3"]) {
      expect(show(host, "max_connections")).toBe("50");
      expect(show(host, "shared_buffers")).toBe("128MB");
    }
  });
});

describe("a server that does not start with its new files", () => {
  it("goes back to the generation it ran with; the error has the server's own words; a revert finds nothing to do", async () => {
    const before = { ...fleet.config, parameters: { ...(fleet.config.parameters as object) } };
    fleet.config.parameters = {
      ...(fleet.config.parameters as object),
      shared_preload_libraries: "pg_stat_statements,no_such_library",
    };
    const text = await fleet.upFails();
    expect(text).toContain("no_such_library");
    expect(text).toMatch(/runs with generation \w+ again/);
    for (const host of ["db1", "db2", "db3"])
      expect(show(host, "shared_preload_libraries")).not.toContain("no_such_library");
    expect(fleet.sql("db1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")).toBe("2");
    fleet.config = before;
    await fleet.up();
    for (const host of ["db1", "db2", "db3"])
      expect(show(host, "shared_preload_libraries")).not.toContain("no_such_library");
    expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
  });
});

describe("drift made by hand", () => {
  beforeAll(async () => {
    fleet.config = { ...fleet.config, restart: "rolling", parameters: { work_mem: "1MB" } };
    await fleet.up();
  });

  const drifts: { name: string; make: () => void | Promise<void>; says: RegExp; mended: () => unknown }[] = [
    {
      name: "a parameter set by ALTER SYSTEM",
      make: () => {
        fleet.sql("db2", "ALTER SYSTEM SET work_mem = '3MB'");
        fleet.sql("db2", "SELECT pg_reload_conf()");
      },
      says: /work_mem was set by ALTER SYSTEM/,
      mended: () => expect(show("db2", "work_mem")).toBe("1MB"),
    },
    {
      name: "a slot dropped",
      make: async () => {
        await stopService(fleet, "db3", "postgresql");
        await until(
          "the slot is free",
          20_000,
          () => fleet.sql("db1", "SELECT active FROM pg_replication_slots WHERE slot_name = 'pgfleet_db3'") === "f",
        );
        fleet.sql("db1", "SELECT pg_drop_replication_slot('pgfleet_db3')");
      },
      says: /slot pgfleet_db3 is missing|does not run/,
      mended: () =>
        until(
          "db3 streams from its slot again",
          30_000,
          () => fleet.sql("db1", "SELECT active FROM pg_replication_slots WHERE slot_name = 'pgfleet_db3'") === "t",
        ),
    },
    {
      name: "a paused pooler",
      make: () => void pooler(fleet, "pool1", "PAUSE shop"),
      says: /shop is paused/,
      mended: () => expect(pooler(fleet, "pool1", "SHOW DATABASES")).not.toMatch(/^shop\t.*\t1\t0$/m),
    },
    {
      name: "a pooler setting changed on its console",
      make: () => void pooler(fleet, "pool1", "SET default_pool_size = 3"),
      says: /default_pool_size is 3/,
      mended: () => expect(pooler(fleet, "pool1", "SHOW CONFIG")).not.toMatch(/^default_pool_size\t3\t/m),
    },
    {
      name: "a stopped pooler",
      make: () => stopService(fleet, "pool1", "pgbouncer"),
      says: /does not run/,
      mended: () => expect(pooler(fleet, "pool1", "SHOW VERSION")).toContain("PgBouncer"),
    },
    {
      name: "a hand-edited file in force, loaded",
      make: () => {
        const file = path.join(fleet.home("db2"), "current/postgresql/20-reload.conf");
        fs.appendFileSync(file, "work_mem = '7MB'\n");
        fleet.sql("db2", "SELECT pg_reload_conf()");
      },
      says: /work_mem = '7MB'/,
      mended: () => expect(show("db2", "work_mem")).toBe("1MB"),
    },
  ];

  it.each(drifts)(
    "$name: preview shows it, up mends it, and then there is nothing to do",
    async ({ make, says, mended }) => {
      await make();
      expect(await fleet.preview()).toMatch(says);
      await fleet.up();
      await mended();
      expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
    },
  );
});
