// What happens to a fleet besides changes of its config, and how `up` deals with it.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type Config, TestFleet } from "./support/fleet.ts";
import {
  counts,
  current,
  everywhere,
  logins,
  pooled,
  replayed,
  serviceState,
  startTimes,
  stopByHand,
  streaming,
} from "./support/observe.ts";
import { until } from "./support/processes.ts";
import { steps } from "./support/steps.ts";

const fleet = new TestFleet("accident");
delete fleet.config.hosts.db3;
const step = steps();

let password = "";
const asApplication = (query: string): string => pooled(fleet, "shop_app", password, query);
const copyOfConfig = (): Config => structuredClone(fleet.config);

/** All is as declared: the replica streams, the application gets in and finds its rows, and a further up has nothing to do. */
async function healthy(rows: string): Promise<void> {
  await streaming(fleet, ["db2"]);
  password = (await logins(fleet)).shop_app!.password;
  expect(asApplication("SELECT count(*) FROM kept")).toBe(rows);
  await replayed(fleet, ["db2"]);
  expect(fleet.sql("db2", "SELECT count(*) FROM kept", "shop")).toBe(rows);
}
async function settled(): Promise<void> {
  expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
}

beforeAll(async () => {
  await fleet.up();
  fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept (n int)", "shop");
  password = (await logins(fleet)).shop_app!.password;
});
afterAll(() => fleet.remove());

step("every process is killed: plain up brings all of it back, and every row is there", async () => {
  asApplication("INSERT INTO kept SELECT generate_series(1, 1000)");
  await fleet.killAll();
  const text = await fleet.up();
  expect(text).not.toMatch(/errored/);
  await healthy("1000");
  expect(await serviceState(fleet, "db1", "postgres_exporter")).toMatch(/RUNNING|STARTING/);
  expect(await serviceState(fleet, "pool1", "pgbouncer_exporter")).toMatch(/RUNNING|STARTING/);
  await settled();
});

step("the engine's state is lost: up adopts what runs without a restart, and passwords are issued anew", async () => {
  const [started, before] = [startTimes(fleet), await logins(fleet)];
  rmSync(path.join(fleet.dir, "engine"), { recursive: true });
  mkdirSync(path.join(fleet.dir, "engine"));
  await fleet.up();
  expect(startTimes(fleet)).toEqual(started);
  const after = await logins(fleet);
  for (const role of Object.keys(before)) expect(after[role]!.password, role).not.toBe(before[role]!.password);
  expect(fleet.sql("db1", "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop_app'")).toBe(
    after.shop_app!.verifier,
  );
  // The replica's next connection needs the new password.
  fleet.sql("db1", "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
  await healthy("1000");
  expect(() => pooled(fleet, "shop_app", before.shop_app!.password, "SELECT 1")).toThrow(/authentication failed/);
  await settled();
});

step("services stopped by hand: the preview names each and starts none; up starts them", async () => {
  await stopByHand(fleet, "db2", "postgresql");
  await stopByHand(fleet, "db1", "postgres_exporter");
  await stopByHand(fleet, "pool1", "pgbouncer");
  const started = fleet.sql("db1", "SELECT pg_postmaster_start_time()");
  const preview = await fleet.preview();
  expect(preview).toContain("PostgreSQL on db2 does not run (STOPPED)");
  expect(preview).toContain("postgres_exporter on db1 does not run (STOPPED)");
  expect(preview).toMatch(/pool1[\s\S]{0,80}does not run/);
  expect(await serviceState(fleet, "db2", "postgresql")).toBe("STOPPED");
  await fleet.up();
  expect(await serviceState(fleet, "db1", "postgres_exporter")).toMatch(/RUNNING|STARTING/);
  await healthy("1000");
  expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(started);
});

step(
  "a file edited by hand and a replica's data lost: the preview shows the line; up puts the text back and clones",
  async () => {
    const file = path.join(current(fleet, "db1", "postgresql"), "20-reload.conf");
    const declared = fleet.sql("db1", "SHOW work_mem");
    const text = readFileSync(file, "utf8");
    appendFileSync(file, "work_mem = '77kB'\n");
    fleet.sql("db1", "SELECT pg_reload_conf()");
    await until("the server has read the edited file", 10_000, () => fleet.sql("db1", "SHOW work_mem") === "77kB");
    await stopByHand(fleet, "db2", "postgresql");
    rmSync(path.join(fleet.home("db2"), "data/db2"), { recursive: true });

    const preview = await fleet.preview();
    expect(preview).toMatch(/- work_mem = '77kB'/);
    expect(preview).toMatch(/has no data/);
    await fleet.up();
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(fleet.sql("db1", "SHOW work_mem")).toBe(declared);
    await healthy("1000");
    await settled();
  },
);

step(
  "folders and data that belong to somebody else are refused, named and left as they are; nothing else is touched",
  async () => {
    const [before, started] = [copyOfConfig(), startTimes(fleet)];
    const foreign = {
      // A home that is not ours, a home of another stack, and a data directory of another member in a home of ours.
      db5: { "notes.txt": "not yours\n" },
      db6: {
        "owner.json": JSON.stringify({ project: "postgres-fleet", stack: "other", cluster: "shop" }),
        "data/db6/PG_VERSION": "15\n",
      },
      db7: {
        "owner.json": JSON.stringify({ project: "postgres-fleet", stack: fleet.stack, cluster: "shop" }),
        "data/db7/PG_VERSION": "15\n",
        "data/db7.owner.json": JSON.stringify({
          project: "postgres-fleet",
          stack: fleet.stack,
          cluster: "shop",
          member: "db9",
        }),
      },
      // Data in a home of ours that nobody has marked.
      db8: {
        "owner.json": JSON.stringify({ project: "postgres-fleet", stack: fleet.stack, cluster: "shop" }),
        "data/db8/PG_VERSION": "15\n",
      },
    };
    for (const [host, files] of Object.entries(foreign)) {
      fleet.config.hosts[host] = { role: "replica", address: fleet.address(Number(host.slice(2))) };
      for (const [name, body] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(fleet.home(host), name)), { recursive: true });
        writeFileSync(path.join(fleet.home(host), name), body);
      }
    }
    const said = await fleet.upFails();
    expect(said).toMatch(/db5 is not empty \(notes\.txt\) and has no owner\.json/);
    expect(said).toMatch(/db6 belongs to .*stack other/);
    expect(said).toMatch(/data\/db7 on db7 belongs to .*member db9; this is .* member db7/);
    expect(said).toMatch(/data\/db8 on db8 has data and no owner file/);
    for (const [host, files] of Object.entries(foreign))
      for (const [name, body] of Object.entries(files))
        expect(readFileSync(path.join(fleet.home(host), name), "utf8")).toBe(body);
    expect(readdirSync(fleet.home("db5"))).toEqual(["notes.txt"]);
    expect(readdirSync(path.join(fleet.home("db8"), "data/db8"))).toEqual(["PG_VERSION"]);

    // What depends on a resource that failed is not known to the engine in that run: it must not count as removed.
    fleet.config = before;
    expect(startTimes(fleet)).toEqual(started);
    for (const [host, service] of [
      ["db1", "postgres_exporter"],
      ["db2", "postgres_exporter"],
      ["pool1", "pgbouncer"],
      ["pool1", "pgbouncer_exporter"],
    ] as const)
      expect(await serviceState(fleet, host, service), `${service} on ${host}`).toMatch(/RUNNING|STARTING/);
    await fleet.up();
    expect(readFileSync(path.join(fleet.home("db6"), "data/db6/PG_VERSION"), "utf8")).toBe("15\n");
    expect(startTimes(fleet)).toEqual(started);
    await healthy("1000");
    await settled();
  },
);

step("a value only the server can judge: refused by its own parser before it is in force, everywhere", async () => {
  const [before, started] = [copyOfConfig(), startTimes(fleet)];
  const generations = ["db1", "db2"].map((member) => current(fleet, member, "postgresql"));
  const zones = everywhere(fleet, "SHOW TimeZone");
  fleet.config.parameters = { TimeZone: "Mars/Olympus" };
  const said = await fleet.upFails();
  expect(said).toMatch(/invalid value for parameter "TimeZone": "Mars\/Olympus"/);
  expect(said).toMatch(/on db[12] refuses generation/);
  expect(["db1", "db2"].map((member) => current(fleet, member, "postgresql"))).toEqual(generations);
  expect(everywhere(fleet, "SHOW TimeZone")).toEqual(zones);
  fleet.config = before;
  await fleet.up();
  expect(startTimes(fleet)).toEqual(started);
  await healthy("1000");
});

step(
  "a value only a start can judge stops at the first replica; the primary never sees it, and going back mends all",
  async () => {
    const [before, started] = [copyOfConfig(), startTimes(fleet)];
    fleet.config.parameters = { shared_preload_libraries: "nosuchlib" };
    const said = await fleet.upFails();
    expect(said).toContain('could not access file "nosuchlib"');
    expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(started.db1);
    expect(asApplication("SELECT count(*) FROM kept")).toBe("1000");
    expect(await serviceState(fleet, "pool1", "pgbouncer_exporter")).toMatch(/RUNNING|STARTING/);
    fleet.config = before;
    await fleet.up();
    expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(started.db1);
    await healthy("1000");
    await settled();
  },
);

step("what initdb fixed cannot be changed: said in the preview already", async () => {
  const before = copyOfConfig();
  fleet.config.initdb = { ...(fleet.config.initdb as object), walSegmentSize: "32MB", dataChecksums: false };
  const said = await fleet.previewFails();
  expect(said).toMatch(
    /initdb settings of db\d were fixed when its data was made: dataChecksums is true, declared is false; walSegmentSizeMb is 16, declared is 32/,
  );
  fleet.config = before;
  expect(existsSync(path.join(fleet.home("db1"), "data/db1/PG_VERSION"))).toBe(true);
  expect(statSync(path.join(fleet.home("db1"), "data/db1")).mode & 0o777).toBe(0o700);
});
