// The whole life of a fleet with the real engine and real servers: made, changed, grown, shrunk, taken down, made again.
import { existsSync, readFileSync, statSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import {
  counts,
  current,
  everywhere,
  logins,
  pooled,
  replayed,
  serviceState,
  slots,
  startTimes,
  streaming,
  targets,
  targetsUp,
} from "./support/observe.ts";
import { processesOf, until } from "./support/processes.ts";
import { steps } from "./support/steps.ts";

const fleet = new TestFleet("life");
const step = steps();

let password = "";
const asApplication = (query: string): string => pooled(fleet, "shop_app", password, query);
const dataOf = (host: string): string => path.join(fleet.home(host), "data", host);
const identity = (host: string) => ({
  inode: statSync(dataOf(host)).ino,
  made: statSync(path.join(dataOf(host), "PG_VERSION")).mtimeMs,
});

beforeAll(async () => {
  expect(counts(await fleet.up())).not.toHaveProperty("errored");
});
afterAll(() => fleet.remove());

step(
  "the first up gives a primary, two replicas on slots of their own, and a pooler that lets the application in",
  async () => {
    expect(everywhere(fleet, "SELECT pg_is_in_recovery()")).toEqual({ db1: "f", db2: "t", db3: "t" });
    await streaming(fleet, ["db2", "db3"]);
    expect(fleet.sql("db1", "SHOW data_checksums")).toBe("on");

    password = (await logins(fleet)).shop_app!.password;
    fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept (n int)", "shop");
    expect(asApplication("INSERT INTO kept VALUES (1), (2); SELECT count(*) FROM kept")).toBe("2");
    await replayed(fleet, ["db2", "db3"]);
    for (const replica of ["db2", "db3"]) expect(fleet.sql(replica, "SELECT sum(n) FROM kept", "shop")).toBe("3");
    expect(() => pooled(fleet, "shop_app", `${password}x`, "SELECT 1")).toThrow(/SASL authentication failed/);
  },
);

step("Prometheus has every target, and each is up", async () => {
  const urls = Object.keys(await targetsUp(fleet, 5))
    .map((url) => new URL(url).host)
    .sort();
  expect(urls).toEqual(
    [
      `${fleet.address(1)}:9187`,
      `${fleet.address(2)}:9187`,
      `${fleet.address(3)}:9187`,
      `${fleet.address(10)}:9127`,
      `${fleet.address(20)}:9090`,
    ].sort(),
  );
});

step("Prometheus knows when each certificate ends, and no alert fires", async () => {
  const of = async (query: string) => {
    const url = `http://${fleet.address(20)}:9090/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(url)).json()) as { data: { result: { metric: { host: string } }[] } };
    return answer.data.result.map(({ metric }) => metric.host).sort();
  };
  const query = "pgfleet_certificate_not_after_seconds - time() > 364 * 86400";
  await until("rules were evaluated", 60_000, async () => (await of(query)).length > 0);
  expect(await of(query)).toEqual(["db1", "db2", "db3", "pool1"]);
  expect(await of("ALERTS")).toEqual([]);
});

step("the second up changes nothing and finds nothing different on the hosts", async () => {
  const before = startTimes(fleet);
  const text = await fleet.up();
  expect(Object.keys(counts(text))).toEqual(["unchanged"]);
  expect(text).not.toMatch(/drift|warning|\[diff:/);
  expect(startTimes(fleet)).toEqual(before);
});

step(
  "more memory: the preview shows the lines of each member and touches nothing; after up all servers run with it",
  async () => {
    const [before, started] = [everywhere(fleet, "SHOW shared_buffers"), startTimes(fleet)];
    const files = current(fleet, "db1", "postgresql");
    fleet.config.memory = "2GB";
    const preview = await fleet.preview();
    for (const member of ["db1", "db2", "db3"]) {
      const about = preview.slice(preview.indexOf(`Host$pgfleet:index:HostFiles::${member}`));
      const body = about.slice(0, about.indexOf("[id=") + 1 || undefined);
      expect(body, member).toMatch(/- shared_buffers +=/);
      expect(body, member).toMatch(/\+ shared_buffers +=/);
    }
    expect(preview).not.toContain("HostFiles::mon1");
    expect(startTimes(fleet)).toEqual(started);
    expect(everywhere(fleet, "SHOW shared_buffers")).toEqual(before);
    expect(current(fleet, "db1", "postgresql")).toBe(files);

    await fleet.up();
    const after = everywhere(fleet, "SHOW shared_buffers");
    expect(new Set(Object.values(after)).size).toBe(1);
    expect(after.db1).not.toBe(before.db1);
    expect(everywhere(fleet, "SELECT count(*) FROM pg_settings WHERE pending_restart")).toEqual({
      db1: "0",
      db2: "0",
      db3: "0",
    });
    expect(preview).toContain(`+ shared_buffers                      = '${after.db1}'`);
    await streaming(fleet, ["db2", "db3"]);
    expect(asApplication("SELECT count(*) FROM kept")).toBe("2");
  },
);

let db4 = { inode: 0, made: 0 };
const replicas = ["db2", "db3", "db4"];

step("three lines make a db4: it streams from a slot of its own and is watched", async () => {
  const started = startTimes(fleet);
  fleet.config.hosts.db4 = { role: "replica", address: fleet.address(4) };
  await fleet.up();
  await streaming(fleet, replicas);
  expect(startTimes(fleet)).toMatchObject(started);
  await targetsUp(fleet, 6);
  expect(Object.keys(await targets(fleet)).some((url) => url.includes(`${fleet.address(4)}:9187`))).toBe(true);
  db4 = identity("db4");
});

step("without them its services, slot and target are gone, and its data is still there", async () => {
  delete fleet.config.hosts.db4;
  await fleet.up();
  await streaming(fleet, ["db2", "db3"]);
  expect(processesOf(fleet.home("db4"))).toEqual([]);
  expect(await serviceState(fleet, "db4", "postgresql")).toBe("DOWN");
  await targetsUp(fleet, 5);
  expect(identity("db4")).toEqual(db4);
  expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
});

step("put back, it is adopted with the data it had, and streams", async () => {
  asApplication("INSERT INTO kept VALUES (4)");
  fleet.config.hosts.db4 = { role: "replica", address: fleet.address(4) };
  await fleet.up();
  await streaming(fleet, replicas);
  expect(identity("db4")).toEqual(db4);
  await replayed(fleet, ["db4"]);
  expect(fleet.sql("db4", "SELECT sum(n) FROM kept", "shop")).toBe("7");
});

step(
  "a parameter, a network and a role that are declared arrive everywhere, and are gone everywhere without their lines",
  async () => {
    const hba = (member: string) =>
      readFileSync(path.join(current(fleet, member, "postgresql"), "pg_hba.conf"), "utf8");
    const userlist = () => readFileSync(path.join(current(fleet, "pool1", "pgbouncer"), "userlist.txt"), "utf8");
    const [before, started, tuned] = [
      { ...fleet.config, roles: { ...(fleet.config.roles as object) } },
      startTimes(fleet),
      everywhere(fleet, "SHOW log_min_duration_statement"),
    ];
    fleet.config.parameters = { log_min_duration_statement: "1234ms" };
    fleet.config.allowedNetworks = ["10.11.12.0/24"];
    fleet.config.roles = { ...(fleet.config.roles as object), shop_extra: { access: "readonly" } };
    await fleet.up();
    expect(new Set(Object.values(everywhere(fleet, "SHOW log_min_duration_statement")))).toEqual(new Set(["1234ms"]));
    for (const member of ["db1", ...replicas]) expect(hba(member), member).toMatch(/^hostssl .*shop_extra/m);
    expect(pooled(fleet, "shop_extra", (await logins(fleet)).shop_extra!.password, "SELECT sum(n) FROM kept")).toBe(
      "7",
    );

    fleet.config = before;
    await fleet.up();
    expect(everywhere(fleet, "SHOW log_min_duration_statement")).toEqual(tuned);
    for (const member of ["db1", ...replicas]) expect(hba(member), member).not.toMatch(/shop_extra|10\.11\.12/);
    expect(userlist()).not.toContain("shop_extra");
    expect(startTimes(fleet)).toEqual(started);
  },
);

step("destroy leaves no process of it, and all data", async () => {
  const before = identity("db1");
  await fleet.destroy();
  expect(processesOf(fleet.dir)).toEqual([]);
  for (const member of ["db1", "db2", "db3", "db4"])
    expect(existsSync(path.join(dataOf(member), "PG_VERSION")), member).toBe(true);
  expect(identity("db1")).toEqual(before);
});

step("up after that takes the data over: every row is there, and every replica streams", async () => {
  await fleet.up();
  await streaming(fleet, replicas);
  expect(identity("db4")).toEqual(db4);
  password = (await logins(fleet)).shop_app!.password;
  expect(asApplication("SELECT sum(n) FROM kept")).toBe("7");
  expect(slots(fleet)).toHaveProperty("pgfleet_db4");
  expect(Object.keys(counts(await fleet.up()))).toEqual(["unchanged"]);
});

step("without monitoring its host is empty and its exporters are gone from the others", async () => {
  delete fleet.config.hosts.mon1;
  await fleet.up();
  expect(processesOf(fleet.home("mon1"))).toEqual([]);
  for (const host of ["db1", "db2"]) expect(await serviceState(fleet, host, "postgres_exporter"), host).toBe("UNKNOWN");
  expect(await serviceState(fleet, "pool1", "pgbouncer_exporter")).toBe("UNKNOWN");
  await streaming(fleet, replicas);
});
