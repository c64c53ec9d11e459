// The life of a fleet on machines of their own: the real engine, ssh, systemd, and the distribution's packages.

import { afterAll, beforeAll, expect } from "vitest";
import { counts, everywhere, logins, replayed, startTimes, streaming } from "../e2e/support/observe.ts";
import { until } from "../e2e/support/processes.ts";
import { steps } from "../e2e/support/steps.ts";
import { hostsMissing } from "./support/docker.ts";
import { HostsFleet, type Name } from "./support/fleet.ts";
import { pretend } from "./support/pretend.ts";
import { startWriter } from "./support/writer.ts";

const missing = hostsMissing();
if (missing) console.warn(`SKIPPED, nothing on machines with systemd is tested: ${missing}`);
const step = steps(missing);

let fleet: HostsFleet;
let password = "";
const asApplication = (query: string): string => fleet.pooled("shop_app", password, query);
const on = (host: Name, ...argv: string[]): string | undefined => fleet.machines.ask(host, ...argv);
const shell = (host: Name, line: string): string => fleet.machines.exec(host, ["sh", "-c", line]).trim();
const show = (name: string): Record<string, string> => everywhere(fleet, `SHOW ${name}`);
const active = (host: Name, service: string) => on(host, "systemctl", "is-active", fleet.unit(host, service));
const settled = async (): Promise<void> => {
  const text = await fleet.up();
  expect(Object.keys(counts(text)), text).toEqual(["unchanged"]);
};
const ssh = (host: Name, keys: object): void => {
  fleet.config.hosts[host]!.ssh = keys;
};
/** Each host is a Machine first: what is wrong with it is said before anything is written to it. */
const untouched = (): void => {
  for (const host of ["db1", "db2", "pool1"] as const)
    expect(shell(host, "ls -d /var/lib/pgfleet /usr/lib/postgresql /usr/sbin/pgbouncer 2>/dev/null; :"), host).toBe("");
};

beforeAll(async () => {
  if (missing) return;
  fleet = new HostsFleet("hosts");
  await fleet.init();
  await fleet.boot("db1", "db2", "pool1");
});
afterAll(() => fleet?.remove());

step("a wrong user, a sudo that asks and a host key that changed are each said, and nothing is touched", async () => {
  ssh("db1", { user: "careful" });
  ssh("db2", { user: "nobody-there" });
  shell("pool1", "rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh");
  const text = await fleet.upFails();
  expect(text).toMatch(/host db1 cannot be reached: sudo asks careful for a password.*NOPASSWD/);
  expect(text).toMatch(/host db2 cannot be reached: .* does not let nobody-there in/);
  expect(text).toMatch(/host pool1 cannot be reached: the host key of .* is not the one in .*known_hosts/);
  untouched();
  for (const host of ["db1", "db2"] as const) delete fleet.config.hosts[host]!.ssh;
  fleet.machines.learnKey("pool1", fleet.at("pool1"));
});

step("another system, a clock off by minutes, too little memory: each is said, and nothing is touched", async () => {
  const back = [
    pretend(fleet.machines, "db1", "date", 'exec /bin/date -d "-10 minutes" "$@"'),
    pretend(fleet.machines, "db2", "uname", "echo armv7l"),
  ];
  shell(
    "pool1",
    "cp --remove-destination /etc/os-release /etc/os-release.was; echo 'ID=other\nPRETTY_NAME=Other' > /etc/os-release.new; mv /etc/os-release.new /etc/os-release",
  );
  fleet.config.hosts.db2!.memory = "8TB";
  const text = await fleet.upFails();
  expect(text).toMatch(/the clock of db1 is \d+(\.\d)? s behind .*NTP/);
  expect(text).toMatch(/db2 is armv7l/);
  expect(text).toMatch(/db2 has \d+ MB of memory, and the stack file says 8388608 MB/);
  expect(text).toMatch(/pool1 runs Other, and the fleet installs the packages of Debian and Ubuntu/);
  untouched();
  shell("pool1", "mv /etc/os-release.was /etc/os-release");
  delete fleet.config.hosts.db2!.memory;
  for (const undo of back) undo();
});

step(
  "the first up installs packages, starts no service of theirs, and gives a fleet that an application gets into",
  async () => {
    expect(counts(await fleet.up())).not.toHaveProperty("errored");
    await streaming(fleet, ["db2"]);
    await fleet.learnRoots();
    password = (await logins(fleet)).shop_app!.password;
    fleet.sql("db1", "SET ROLE shop_owner; CREATE TABLE kept (n int)", "shop");
    expect(asApplication("INSERT INTO kept VALUES (1), (2); SELECT count(*) FROM kept")).toBe("2");
    await replayed(fleet, ["db2"]);

    const held = (host: Name) => shell(host, "apt-mark showhold").split("\n");
    for (const host of ["db1", "db2"] as const) {
      expect(held(host)).toEqual(["postgresql-17", "prometheus-postgres-exporter"]);
      expect(shell(host, "pg_lsclusters -h")).toBe("");
      expect(shell(host, "pgrep -c -u postgres -f 'bin/[p]ostgres -D'")).toBe("1");
    }
    expect(held("pool1")).toContain("pgbouncer");
    for (const unit of ["pgbouncer", "prometheus", "prometheus-pgbouncer-exporter"])
      expect(on("pool1", "sh", "-c", `systemctl is-enabled ${unit}.service || :`), unit).toBe("masked");
    for (const host of ["db1", "db2", "pool1"] as const)
      expect(on(host, "systemctl", "is-system-running"), host).toBe("running");
    for (const [host, service] of [
      ["db1", "postgresql"],
      ["db1", "postgres_exporter"],
      ["pool1", "pgbouncer"],
      ["pool1", "pgbouncer_exporter"],
      ["pool1", "prometheus"],
    ] as const)
      expect(active(host, service), service).toBe("active");
  },
);

step("Prometheus has every target, and each is up", async () => {
  const urls = await until("four targets are up", 90_000, async () => {
    const response = await fetch(`http://${fleet.at("pool1")}:9090/api/v1/targets?state=active`);
    const { data } = (await response.json()) as { data: { activeTargets: { scrapeUrl: string; health: string }[] } };
    const up = data.activeTargets
      .filter(({ health }) => health === "up")
      .map(({ scrapeUrl }) => new URL(scrapeUrl).host);
    if (up.length < 4) throw new Error(JSON.stringify(data.activeTargets));
    return up.sort();
  });
  const [db1, db2, pool1] = [fleet.at("db1"), fleet.at("db2"), fleet.at("pool1")];
  expect(urls).toEqual([`${db1}:9187`, `${db2}:9187`, `${pool1}:9090`, `${pool1}:9127`].sort());
});

step("kernel settings lie in their places, and a container is said to be one", async () => {
  expect(shell("db1", "grep -c = /etc/sysctl.d/60-pgfleet.conf")).not.toBe("0");
  expect(shell("db1", "systemctl is-enabled disable-transparent-huge-pages")).toBe("enabled");
  expect(shell("db1", `systemctl show -p MemoryMax --value ${fleet.unit("db1", "postgresql")}`)).toMatch(/^\d+$/);
});

step("a second up changes nothing", async () => {
  const started = startTimes(fleet);
  await settled();
  expect(startTimes(fleet)).toEqual(started);
});

step("more memory: every server runs with it", async () => {
  const before = show("shared_buffers");
  fleet.config.memory = "2GB";
  const text = await fleet.up();
  const after = show("shared_buffers");
  expect(new Set(Object.values(after)).size).toBe(1);
  expect(after.db1).not.toBe(before.db1);
  expect(text).toMatch(/db1 is a container, .*vm\.overcommit_kbytes/);
  expect(shell("db1", "cat /etc/sysctl.d/60-pgfleet.conf")).toContain("2048 MB");
  await streaming(fleet, ["db2"]);
  expect(asApplication("SELECT count(*) FROM kept")).toBe("2");
});

step("more connections, then fewer: both orders are kept, and nothing waits for a restart", async () => {
  for (const connections of [60, 30]) {
    fleet.config.connections = connections;
    await fleet.up();
    expect(show("max_connections")).toEqual({ db1: String(connections), db2: String(connections) });
    expect(everywhere(fleet, "SELECT count(*) FROM pg_settings WHERE pending_restart")).toEqual({ db1: "0", db2: "0" });
    await streaming(fleet, ["db2"]);
  }
});

step("where its kernel may be written, a unit reserves the huge pages that its server asks for", async () => {
  const unit = fleet.unit("db2", "postgresql");
  const value = "/proc/sys/vm/nr_hugepages";
  const before = shell("db2", `cat ${value}`);
  // The kernel is that of the machine the container runs on: only this value can be written, and it is put back.
  shell(
    "db2",
    `mkdir /run/kernel && mount -t proc proc /run/kernel && mount --bind /run/kernel/sys/vm/nr_hugepages ${value}`,
  );
  try {
    shell("db2", `systemctl restart ${unit}`);
    await streaming(fleet, ["db2"]);
    expect(shell("db2", `cat ${value}`)).toBe(show("shared_memory_size_in_huge_pages").db2);
    const pid = shell("db2", `systemctl show -p MainPID --value ${unit}`);
    expect(shell("db2", `awk '/^HugetlbPages:/ { print $2 }' /proc/${pid}/status`)).toMatch(/^[1-9]/);
  } finally {
    shell("db2", `systemctl stop ${unit}; echo ${before} > ${value}; umount ${value} /run/kernel; rmdir /run/kernel`);
  }
  shell("db2", `systemctl start ${unit}`);
  await streaming(fleet, ["db2"]);
  await settled();
});

step("the primary moves and comes back while an application writes: no write fails, none is lost", async () => {
  for (const primary of ["db2", "db1"] as const) {
    const other = primary === "db1" ? "db2" : "db1";
    const writer = startWriter(fleet, "shop_app", password);
    await writer.hasWritten(5);
    fleet.config.primary = primary;
    await fleet.up();
    await writer.hasWritten(5);
    const { written, failed } = writer.stop();
    expect(failed).toEqual([]);
    expect(everywhere(fleet, "SELECT pg_is_in_recovery()")).toEqual({ [primary]: "f", [other]: "t" });
    await streaming(fleet, [other], primary);
    expect(asApplication("SELECT count(*) FROM kept WHERE n > 1000")).toBe(String(written));
  }
});

step("what somebody changed by hand is in the preview, and up puts it back", async () => {
  const current = `${fleet.home("db1")}/current/postgresql`;
  shell("db1", `sed -i 's/^work_mem .*/work_mem = 99MB/' ${current}/20-reload.conf`);
  shell("db1", "sed -i 's/^vm.swappiness = .*/vm.swappiness = 80/' /etc/sysctl.d/60-pgfleet.conf");
  shell("db1", "apt-mark unhold postgresql-17");
  shell("db2", `systemctl stop ${fleet.unit("db2", "postgres_exporter")}`);
  shell("pool1", `systemctl disable --now ${fleet.unit("pool1", "pgbouncer")}`);
  const preview = await fleet.preview();
  expect(preview).toMatch(/work_mem = 99MB/);
  expect(preview).toMatch(/vm\.swappiness = 80/);
  expect(preview).toMatch(/postgresql-17 on db1 is not held/);
  expect(preview).toMatch(/postgres_exporter on db2 does not run/);
  expect(preview).toMatch(/pool1/);
  await fleet.up();
  expect(shell("db1", `grep -c '99MB' ${current}/20-reload.conf || :`)).toBe("0");
  expect(shell("db1", "grep swappiness /etc/sysctl.d/60-pgfleet.conf")).toBe("vm.swappiness = 1");
  expect(shell("db1", "apt-mark showhold")).toContain("postgresql-17");
  expect(active("db2", "postgres_exporter")).toBe("active");
  expect(asApplication("SELECT 1")).toBe("1");
  expect(shell("pool1", `systemctl is-enabled ${fleet.unit("pool1", "pgbouncer")}`)).toBe("enabled");
  await settled();
});

step("a host without power is named, and the others go on; it comes back by itself, and up finishes", async () => {
  fleet.machines.cut("db2");
  fleet.config.parameters = { log_min_duration_statement: "1234ms" };
  const text = await fleet.upFails();
  expect(text).toMatch(/host db2 cannot be reached/);
  expect(asApplication("INSERT INTO kept VALUES (7); SELECT count(*) FROM kept WHERE n = 7")).toBe("1");
  await fleet.machines.start("db2");
  await streaming(fleet, ["db2"]);
  await fleet.up();
  expect(show("log_min_duration_statement")).toEqual({ db1: "1234ms", db2: "1234ms" });
  await settled();
});

step("the primary's host boots again, and everything of it is there without anybody", async () => {
  fleet.machines.cut("db1");
  await fleet.machines.start("db1");
  await until("the application gets in", 120_000, () => asApplication("SELECT count(*) FROM kept WHERE n = 7") === "1");
  await streaming(fleet, ["db2"]);
  expect(active("db1", "postgres_exporter")).toBe("active");
  await settled();
});

step("destroy leaves no unit, and all data", async () => {
  await fleet.destroy();
  for (const host of ["db1", "db2", "pool1"] as const) {
    expect(shell(host, "ls /etc/systemd/system | grep pgfleet || :"), host).toBe("");
    expect(shell(host, "pgrep -u postgres || :"), host).toBe("");
    expect(shell(host, "apt-mark showhold"), host).toBe("");
  }
  expect(shell("db1", `cat ${fleet.home("db1")}/data/db1/PG_VERSION`)).toBe("17");
});
