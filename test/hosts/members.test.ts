// Members come and go on machines of their own: what a newcomer is refused for, and a host that never comes back.

import { afterAll, beforeAll, expect } from "vitest";
import { counts, replayed, slots, streaming } from "../e2e/support/observe.ts";
import { steps } from "../e2e/support/steps.ts";
import { hostsMissing } from "./support/docker.ts";
import { HostsFleet, type Name } from "./support/fleet.ts";
import { pretend } from "./support/pretend.ts";

const missing = hostsMissing();
if (missing) console.warn(`SKIPPED, members on machines with systemd are not tested: ${missing}`);
const step = steps(missing);

let fleet: HostsFleet;
const shell = (host: Name, line: string): string => fleet.machines.exec(host, ["sh", "-c", line]).trim();
const settled = async (): Promise<void> => {
  const text = await fleet.up();
  expect(Object.keys(counts(text)), text).toEqual(["unchanged"]);
};
const add = (): void => {
  fleet.config.hosts.db3 = { role: "replica", address: fleet.at("db3"), disk: "1GB" };
};

beforeAll(async () => {
  if (missing) return;
  fleet = new HostsFleet("joins");
  const { db1 } = fleet.config.hosts;
  fleet.config.hosts = { db1: db1! };
  delete fleet.config.monitoring;
  await fleet.init();
  await fleet.boot("db1");
  await fleet.up();
  fleet.sql("db1", "CREATE TABLE kept AS SELECT generate_series(1, 2) AS n", "shop");
});
afterAll(() => fleet?.remove());

step(
  "a replica is not cloned to a host that sorts text differently, nor where there is no room, nor over foreign data",
  async () => {
    await fleet.bootWith("db3", { mounts: { "/var/lib/pgfleet": "1100m" } });
    const data = `${fleet.home("db3")}/data/db3`;
    shell("db3", `mkdir -p /var/lib/pgfleet/${fleet.stack}`);
    add();
    const back = pretend(fleet.machines, "db3", "getconf", "echo glibc 2.36");
    expect(await fleet.upFails()).toMatch(/db3 is not cloned from db1: glibc 2\.41 on db1 and glibc 2\.36 on db3/);
    expect(shell("db3", `ls ${data}* 2>/dev/null | grep -v owner || :`)).toBe("");
    back();

    shell("db3", `mkdir -p ${data} && echo mine > ${data}/PG_VERSION && mv ${data}.owner.json /root`);
    expect(await fleet.upFails()).toMatch(/data\/db3 on db3 has data and no owner file .* not touched/);
    expect(shell("db3", `cat ${data}/PG_VERSION`)).toBe("mine");
    shell("db3", `echo 15 > ${data}/PG_VERSION && mv /root/db3.owner.json ${data}.owner.json`);
    expect(await fleet.upFails()).toMatch(/the data of db3 on db3 is PostgreSQL 15, declared is 17/);
    shell("db3", `rm -r ${data}`);

    shell("db3", "head -c 1060m /dev/zero > /var/lib/pgfleet/filler");
    const text = await fleet.upFails();
    expect(text).toMatch(/db3.*(No space left|disk|full)/);
    expect(text).not.toMatch(/^\s+at .*\.ts:\d+/m);
    shell("db3", "rm /var/lib/pgfleet/filler");
  },
);

step("with room for it, it comes and streams from a slot of its own, and nobody is restarted for it", async () => {
  const started = () => fleet.sql("db1", "SELECT pg_postmaster_start_time()");
  const before = started();
  await fleet.up();
  await streaming(fleet, ["db3"]);
  expect(started()).toBe(before);
  await replayed(fleet, ["db3"]);
  expect(fleet.sql("db3", "SELECT sum(n) FROM kept", "shop")).toBe("3");
  await settled();
});

step("without its lines it is gone: units, slot, kernel settings and holds; its data stays", async () => {
  delete fleet.config.hosts.db3;
  await fleet.up();
  expect(slots(fleet)).toEqual({});
  expect(shell("db3", "ls /etc/systemd/system | grep pgfleet || :")).toBe("");
  expect(shell("db3", "ls /etc/sysctl.d/60-pgfleet.conf 2>/dev/null || :")).toBe("");
  expect(shell("db3", "apt-mark showhold")).toBe("");
  expect(shell("db3", "pgrep -u postgres || :")).toBe("");
  expect(shell("db3", `cat ${fleet.home("db3")}/data/db3/PG_VERSION`)).toBe("17");
});

step("with its lines again it is adopted with the data it had", async () => {
  const made = shell("db3", `stat -c %i ${fleet.home("db3")}/data/db3`);
  add();
  await fleet.up();
  await streaming(fleet, ["db3"]);
  expect(shell("db3", `stat -c %i ${fleet.home("db3")}/data/db3`)).toBe(made);
  expect(shell("db3", "apt-mark showhold")).toBe("postgresql-17");
});

step("a host that never comes back is forgotten when gone names it, and not before", async () => {
  fleet.machines.remove("db3");
  delete fleet.config.hosts.db3;
  expect(await fleet.upFails()).toMatch(/db3/);
  fleet.config.gone = ["db3"];
  expect(await fleet.up()).toMatch(/db3 is named under gone and cannot be reached/);
  expect(slots(fleet)).toEqual({});
  await settled();
});
