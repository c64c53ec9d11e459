import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { explainReport } from "../../cli/explain.ts";
import { tuneReport } from "../../cli/tune.ts";
import { explainParameter } from "../../infra/tuning/explain.ts";
import { confValue, tuningConf, tuningReport, tuningTable } from "../../infra/tuning/report.ts";
import { type TuneInput, type TuningError, tune } from "../../infra/tuning/tune.ts";
import { fleet, member } from "./fleet.ts";

const guide: TuneInput = {
  version: 14,
  workload: "oltp",
  memoryMb: 32768,
  cpus: 8,
  diskMb: 512000,
  storage: "ssd",
  replicas: 2,
};
const options = {
  memory: "32GB",
  cpus: "8",
  disk: "500GB",
  storage: "ssd",
  workload: "oltp",
  version: "14",
  replicas: "2",
  otherServices: "0",
  set: [] as string[],
  format: "table",
};

describe("a tuning as JSON", () => {
  const report = tuningReport(tune(guide));

  test("every setting has value, unit where there is one, reason and class", () => {
    expect(report.settings.shared_buffers).toEqual({
      value: 8,
      unit: "GB",
      text: "8GB",
      reason: "25 % of 32GB",
      class: "restart",
      source: "tuned",
    });
    expect(report.settings.wal_level).toMatchObject({ value: "replica", class: "restart", source: "project" });
    expect(report.settings.wal_level).not.toHaveProperty("unit");
    expect(report.settings.random_page_cost!.value).toBe(1.1);
  });

  test("the budget has its terms by name, and they add up", () => {
    const { limit_mb, total_mb, terms, details } = report.budget;
    expect(limit_mb).toBeCloseTo(0.85 * 32768, 1);
    expect(Object.values(terms).reduce((a, b) => a + b, 0)).toBeCloseTo(total_mb, 0);
    expect(Object.keys(terms)).toEqual([
      "shared_memory",
      "page_tables",
      "autovacuum",
      "maintenance",
      "wal_senders",
      "backends",
      "workers",
      "work_mem",
    ]);
    expect(Object.keys(details)).toEqual(Object.keys(terms));
    expect(report.warnings).toEqual([]);
  });

  test("survives JSON", () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe("a tuning as a file and as a table", () => {
  test("the file has one line for each setting, with its reason, and the budget in its head", () => {
    const tuning = tune(guide);
    const lines = tuningConf(tuning, guide).split("\n");
    for (const [name, { value, reason }] of tuning.settings) {
      const line = lines.find((l) => l.startsWith(`${name} = `));
      expect(line).toContain(confValue(value));
      expect(line).toContain(`# ${reason}`);
    }
    const head = lines.filter((line) => line.startsWith("# ")).join("\n");
    for (const { name } of tuning.budget.terms) expect(head).toContain(name);
  });

  test("both say how many huge pages to reserve, and nothing of it where none are used", () => {
    const line = /^(?:# )?Huge pages, reserved before the server starts: sysctl vm\.nr_hugepages=(\d+)$/m;
    const tuning = tune(guide);
    const sharedMb = tuning.budget.terms.find(({ name }) => name === "shared memory")!.mb;
    for (const text of [tuningConf(tuning, guide), tuningTable(tuning)])
      expect(Number(line.exec(text)![1])).toBe(Math.ceil(sharedMb / 2));
    const off = tune({ ...guide, hugePages: "off" });
    for (const text of [tuningConf(off, guide), tuningTable(off)]) expect(text).not.toMatch(line);
  });

  test("what a file needs quoted is quoted", () => {
    expect(["8GB", "on", "0.9", "-1", "replica"].map(confValue)).toEqual(["8GB", "on", "0.9", "-1", "replica"]);
    expect(confValue("/bin/true")).toBe("'/bin/true'");
    expect(confValue("it's")).toBe("'it''s'");
    expect(confValue("a\\b")).toBe("'a\\\\b'");
    expect(confValue("1.5GB")).toBe("'1.5GB'");
    expect(confValue("")).toBe("''");
    expect(confValue("%t [%p]: ")).toBe("'%t [%p]: '");
  });

  test("the table names every setting and warns", () => {
    const small = tune({ ...guide, memoryMb: 512 });
    const table = tuningTable(small);
    for (const name of small.settings.keys()) expect(table).toMatch(new RegExp(`^${name} `, "m"));
    expect(table).toMatch(/^warning: memory is tight/m);
    expect(table).not.toMatch(/[ \t]$/m);
  });
});

describe("pgfleet tune", () => {
  test("prints the three formats", () => {
    expect(tuneReport(options)).toContain("shared_buffers");
    expect(tuneReport({ ...options, format: "conf" })).toMatch(/^shared_buffers = 8GB +# 25 % of 32GB$/m);
    expect(JSON.parse(tuneReport({ ...options, format: "json" })).settings.shared_buffers.text).toBe("8GB");
  });

  test.each<[Partial<typeof options> & { connections?: string }, RegExp]>([
    [{ memory: "0" }, /--memory/],
    [{ memory: "0GB" }, /memory: 0MB|--memory/],
    [{ memory: "64MB" }, /memory: 64MB .*nearest that works: 256MB/],
    [{ memory: "1PB" }, /--memory: "1PB"/],
    [{ memory: "1024TB" }, /memory: .*nearest that works/],
    [{ memory: "32 gb" }, /--memory: "32 gb".*"32GB"/],
    [{ memory: "32G" }, /--memory: "32G".*"32GB"/],
    [{ cpus: "0" }, /cpus: 0/],
    [{ cpus: "0.5" }, /--cpus: "0.5"/],
    [{ cpus: "1000000000" }, /cpus: 1000000000/],
    [{ version: "13" }, /--version: "13" is not one of 14, 15, 16, 17, 18, 19/],
    [{ version: "20" }, /--version: "20" is not one of 14, 15, 16, 17, 18, 19/],
    [{ version: "latest" }, /--version: "latest" is not one of 14/],
    [{ workload: "olap" }, /--workload: "olap" is not one of/],
    [{ format: "yaml" }, /--format: "yaml"/],
    [{ set: ["work_mem"] }, /--set: "work_mem" is not parameter=value/],
    [{ set: ["work_mem=64KB"] }, /write 64kB/],
    [{ set: ["work_men=8MB"] }, /nearest name: work_mem/],
    [{ set: ["wal_keep_segments=64"] }, /removed in PostgreSQL 13; use wal_keep_size/],
    [{ set: ["random_page_cost=-1"] }, /nearest that works: 0/],
    [{ set: ["shared_buffers=31GB"] }, /shared_buffers \S+ \(now 31GB\)/],
    [
      { set: ["min_wal_size=8GB", "max_wal_size=4GB"] },
      /min_wal_size 8GB is more than max_wal_size 4GB; nearest that works: min_wal_size 4GB/,
    ],
    [{ set: ["superuser_reserved_connections=50"], connections: "50" }, /Reserve at most 49 or allow 51 connections/],
    [{ set: ["wal_level=minimal"] }, /nearest that works: replica/],
    [{ set: ["port=5433"] }, /port cannot be overridden/],
    [{ connections: "100000" }, /needs .* may use/],
  ])("refuses %j", (change, message) => {
    expect(() => tuneReport({ ...options, ...change })).toThrow(message);
  });

  test("names every wrong option at once", () => {
    try {
      tuneReport({ ...options, memory: "1", cpus: "x", workload: "y" });
      expect.unreachable();
    } catch (error) {
      expect((error as TuningError).problems).toHaveLength(3);
    }
  });
});

describe("pgfleet explain", () => {
  const spec = fleet([member("db1", "primary", { parameters: { work_mem: "6MB" } }), member("db2", "replica")]);

  test("says for each host what a parameter is, why, what a change needs and where it comes from", () => {
    const text = explainReport(spec, { parameter: "work_mem", format: "table" });
    expect(text).toMatch(/^db1 +6MB +reload +override +set in parameters of the host/m);
    expect(text).toMatch(/^db2 +\S+MB +reload +tuned +what the memory budget leaves/m);
    const json = JSON.parse(explainReport(spec, { parameter: "work_mem", host: "db2", format: "json" }));
    expect(Object.keys(json.hosts)).toEqual(["db2"]);
    expect(json.hosts.db2).toMatchObject({ class: "reload", source: "tuned" });
  });

  test("one host as JSON has the shape of tune", () => {
    const json = JSON.parse(explainReport(spec, { host: "db1", format: "json" }));
    expect(Object.keys(json)).toEqual(["settings", "budget", "warnings"]);
    expect(Object.keys(JSON.parse(explainReport(spec, { format: "json" })).hosts)).toEqual(["db1", "db2"]);
  });

  test("a parameter the project does not set shows PostgreSQL's default", () => {
    const told = explainParameter(tune(guide), "vacuum_cost_page_miss", 14);
    expect(told).toMatchObject({ ok: true, setting: { value: 2, class: "reload", source: "postgresql" } });
    expect(explainParameter(tune(guide), "deadlock_timeout", 14)).toMatchObject({ ok: true, setting: { text: "1s" } });
  });

  test("a name that is not there is answered with the nearest", () => {
    expect(() => explainReport(spec, { parameter: "work_men", format: "table" })).toThrow(/nearest name: work_mem/);
    expect(() => explainReport(spec, { parameter: "wal_keep_segments", format: "table" })).toThrow(/use wal_keep_size/);
    expect(() => explainReport(spec, { host: "db3", format: "table" })).toThrow(/no host "db3".*db1, db2/);
    const pooled = fleet([member("db1", "primary"), member("pool1", "pooler")]);
    expect(() => explainReport(pooled, { host: "pool1", format: "table" })).toThrow(/runs no PostgreSQL/);
  });
});

test("the page about the guide shows what is rendered", () => {
  const page = readFileSync(new URL("../../docs/guide-differences.md", import.meta.url), "utf8");
  const { settings } = tune(guide);
  const example = page.slice(page.indexOf("## The example"), page.indexOf("## Replication"));
  const rows = [...example.matchAll(/^\| `(\w+)` \| [^|]* \| ([^|; ]+)/gm)];
  expect(rows.length).toBeGreaterThan(12);
  for (const [, name, value] of rows) expect([name, settings.get(name!)?.value]).toEqual([name, value]);
  expect(tune({ ...guide, pooledConnections: 100 }).settings.get("work_mem")!.value).toBe("15104kB");
  for (const [name] of settings) {
    if (name.startsWith("pg_stat_statements") || name.startsWith("auto_explain")) continue;
    const known = `${page}${readFileSync(new URL("../../docs/tuning.md", import.meta.url), "utf8")}`;
    if (/_threshold$|_scale_factor$|freeze_max_age$|^shared_preload/.test(name)) continue;
    expect([name, known.includes(`\`${name}\``) || known.includes(name)]).toEqual([name, true]);
  }
});
