/** What fails under a rollout: each fault ends in an error that names it, or the rollout goes on; the next `up` ends it. */

import { mkdirSync } from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { fill, finishes, mount, noMounts, pidOf, unmount, upWith } from "./support/faults.ts";
import { TestFleet } from "./support/fleet.ts";
import { pooler, reboot, stopService } from "./support/hand.ts";
import { startTimes } from "./support/observe.ts";
import { killGroup, until } from "./support/processes.ts";
import { steps } from "./support/steps.ts";

const fleet = new TestFleet("faults", { connections: 40, parameters: { shared_buffers: "96MB" } });
delete fleet.config.hosts.mon1;
fleet.env.PGFLEET_REPLAY_LIMIT_MS = "3000";
const step = steps();
const mountsMissing = noMounts(fleet);
const mounted: string[] = [];

let megabytes = 96;
/** Every member has to restart. */
const change = () => (fleet.config.parameters = { shared_buffers: `${++megabytes}MB` });
const connections = (count: number) => (fleet.config.connections = count);
const show = (host: string, name: string) => fleet.sql(host, `SHOW ${name}`);

beforeAll(async () => {
  if (!mountsMissing) {
    // One host with a small disk of its own: 512 MB hold a server and little more.
    mkdirSync(fleet.home("db3"), { recursive: true });
    mount("-t", "tmpfs", "-o", "size=512m,mode=755", "tmpfs", fleet.home("db3"));
    mounted.push(fleet.home("db3"));
  }
  await fleet.up();
  fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n", "shop");
});

afterAll(async () => {
  await fleet.killAll();
  for (const folder of mounted.reverse()) unmount(folder);
  await fleet.remove();
});

describe("in the middle of a rollout", () => {
  step("a replica's host goes down before its turn: the error names it, the primary is untouched", async () => {
    change();
    const before = startTimes(fleet);
    const { code, text } = await upWith(fleet, /step \d+ of \d+: restart db2/, () =>
      killGroup(`${fleet.home("db3")}/`),
    );
    expect(code, text).not.toBe(0);
    expect(text).toMatch(/step \d+ of \d+, .*db3.*: supervisord does not answer on .*db3/);
    expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(before.db1);
    expect(show("db2", "shared_buffers")).toBe(`${megabytes}MB`);
    await finishes(fleet);
  });

  step("the primary crashes: it comes back by itself, and the rollout ends now or with the next up", async () => {
    change();
    const { code, text } = await upWith(fleet, /step \d+ of \d+: restart db2/, () =>
      process.kill(pidOf(path.join(fleet.home("db1"), "data/db1/postmaster.pid")), "SIGKILL"),
    );
    if (code !== 0) expect(text).toMatch(/step \d+ of \d+, .*(db1|db2|db3|pool1).*: /);
    await finishes(fleet);
  });

  step("the pooler stops: the primary is not restarted over its head, and the error names the pooler", async () => {
    change();
    const before = startTimes(fleet);
    const { code, text } = await upWith(fleet, /step \d+ of \d+: restart db3/, () =>
      stopService(fleet, "pool1", "pgbouncer"),
    );
    expect(code, text).not.toBe(0);
    expect(text).toMatch(/PgBouncer on pool1, .*: /);
    expect(fleet.sql("db1", "SELECT pg_postmaster_start_time()")).toBe(before.db1);
    await finishes(fleet);
  });

  step("the pooler's console hangs: the error names the pooler, and nobody stays paused", async () => {
    change();
    const pid = pidOf(path.join(fleet.home("pool1"), "run/pgbouncer.pid"));
    try {
      const { code, text } = await upWith(fleet, /step \d+ of \d+: restart db3/, () => process.kill(pid, "SIGSTOP"));
      expect(code, text).not.toBe(0);
      expect(text).toMatch(/pool1.*(took longer than|timeout)/);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await finishes(fleet);
    expect(pooler(fleet, "pool1", "SHOW DATABASES")).not.toMatch(/^shop\t.*\t1\t0$/m);
  });

  step("a replica replays nothing: the wait is named, and what it holds stays held until it has", async () => {
    connections(35);
    fleet.sql("db2", "SELECT pg_wal_replay_pause()");
    const { code, text } = await fleet.startUp().done;
    expect(code, text).not.toBe(0);
    expect(text).toMatch(/waited 3 s in vain until db2 has replayed [0-9A-F/]+/);
    expect(show("db1", "max_connections")).toBe("35");
    expect(show("db2", "max_connections")).toBe("40");
    // Its files and the hold let it boot; and a boot ends the pause of the replay.
    await reboot(fleet, "db2");
    await finishes(fleet);
    expect(show("db2", "max_connections")).toBe("35");
  });
});

describe("a host that boots between two steps", () => {
  const points: [name: string, at: RegExp, host: string, by: number][] = [
    ["a standby, raised, while the primary is not", /step \d+ of \d+: checkpoint db1/, "db2", 45],
    ["a standby that holds the old value, while the primary is lowered", /step \d+ of \d+: restart db1/, "db3", 40],
    ["the primary, its new files in force, before its restart", /step \d+ of \d+: checkpoint db1/, "db1", 45],
  ];
  for (const [name, at, host, count] of points)
    step(`${name}: it starts, and the next up ends what is left`, async () => {
      connections(count);
      const { code, text } = await upWith(fleet, at, () => reboot(fleet, host));
      if (code !== 0) expect(text).toMatch(/step \d+ of \d+, .*: /);
      await finishes(fleet);
      for (const member of ["db1", "db2", "db3"]) expect(show(member, "max_connections")).toBe(`${count}`);
    });
});

describe("before a rollout", () => {
  step("a pooler that is down has no clients to hold back: members restart, and it is started", async () => {
    change();
    await stopService(fleet, "pool1", "pgbouncer");
    await finishes(fleet);
    expect(pooler(fleet, "pool1", "SHOW VERSION")).toContain("PgBouncer");
  });

  step("a full disk and a config folder that cannot be written: both are named, and no server is touched", async () => {
    if (mountsMissing) return console.warn(`SKIPPED: ${mountsMissing}`);
    const gen = path.join(fleet.home("db2"), "gen");
    const before = startTimes(fleet);
    change();
    const free = fill(fleet.home("db3"));
    mount("--bind", gen, gen);
    mounted.push(gen);
    mount("-o", "remount,ro,bind", gen);
    const text = await fleet.upFails();
    expect(text).toMatch(/db2.*(EROFS|read-only)|(EROFS|read-only).*db2/);
    expect(text).toMatch(/HostFiles \(?db3.*\s.*ENOSPC/);
    expect(startTimes(fleet)).toEqual(before);
    for (const member of ["db1", "db2", "db3"]) expect(show(member, "shared_buffers")).toBe(`${megabytes - 1}MB`);
    free();
    unmount(mounted.pop()!);
    await finishes(fleet);
    await until("db3 has the new value", 1000, () => show("db3", "shared_buffers") === `${megabytes}MB`);
  });
});
