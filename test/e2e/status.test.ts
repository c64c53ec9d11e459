/** `pgfleet status` and `pgfleet verify` on a fleet that runs. */

import { execFile, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FleetStatus } from "../../cli/status/types.ts";
import type { VerifyResult } from "../../cli/verify/checks.ts";
import { ROOT, TestFleet } from "./support/fleet.ts";
import { until } from "./support/processes.ts";

const fleet = new TestFleet("status");

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs pgfleet on the fleet, by the entry that `npx pgfleet` starts. */
function pgfleet(command: string, ...args: string[]): Promise<Run> {
  const words = [
    path.join(ROOT, "cli/pgfleet.js"),
    command,
    "--stack",
    fleet.stack,
    "--config-file",
    fleet.configFile,
    ...args,
  ];
  return run(process.execPath, words, fleet.env);
}

function run(program: string, words: string[], env: NodeJS.ProcessEnv): Promise<Run> {
  return new Promise((resolve) => {
    execFile(program, words, { cwd: fleet.dir, env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 137) : 0, stdout, stderr });
    });
  });
}

async function status(...args: string[]): Promise<FleetStatus> {
  return JSON.parse((await pgfleet("status", "--format", "json", ...args)).stdout) as FleetStatus;
}

const said = (found: FleetStatus, host: string | null): string[] =>
  found.problems.filter((p) => p.host === host).map((p) => p.text);
const well = (found: FleetStatus): void => expect(found.problems).toEqual([]);

/** Passwords of the fleet, as its passfile has them. */
const passwords = (): string[] =>
  fs
    .readFileSync(path.join(fleet.home("pool1"), "current/client/passfile"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":").slice(4).join(":"));

beforeAll(async () => {
  await fleet.up();
});

afterAll(async () => {
  await fleet.remove();
});

describe("a fleet as declared", () => {
  test("status --wait: every host runs, replicas stream on their own slots, every target is up", async () => {
    const found = await status("--wait");
    well(found);
    expect(found.hosts.map((host) => [host.name, host.state])).toEqual(
      ["db1", "db2", "db3", "pool1", "mon1"].map((name) => [name, "running"]),
    );
    const by = Object.fromEntries(found.hosts.map((host) => [host.name, host]));
    expect(by.db1!.server).toMatchObject({ liveRole: "primary", replicas: ["db2", "db3"] });
    expect(by.db2!.server!.replication).toMatchObject({ streaming: true, from: "db1", slot: "pgfleet_db2" });
    expect(by.db3!.server!.replication).toMatchObject({ streaming: true, from: "db1", slot: "pgfleet_db3" });
    expect(by.mon1!.prometheus).toMatchObject({ targetsUp: 5, targetsDeclared: 5 });
    expect(by.pool1!.exporters).toMatchObject([{ name: "pgbouncer_exporter", state: "running" }]);
  });

  test("the table ends with a line for a shell that works as printed, and no output shows a password", async () => {
    const { code, stdout } = await pgfleet("status");
    expect(code, stdout).toBe(0);
    const line = stdout.trim().split("\n").at(-1)!.trim();
    expect(line).toContain("psql -h");
    const answer = await run("/bin/sh", ["-c", `echo 'SELECT current_user;' | ${line} -XAt`], {
      PATH: process.env.PATH,
    });
    expect(answer).toMatchObject({ code: 0, stdout: "shop_app\n" });
    const secret = passwords();
    expect(secret).toHaveLength(2);
    for (const password of secret) expect(stdout).not.toContain(password);
  });

  test("the passfile is closed to others, and up puts it back when its link is gone", async () => {
    const link = path.join(fleet.home("pool1"), "current/client");
    const mode = (): string => (fs.statSync(path.join(link, "passfile")).mode & 0o777).toString(8);
    expect(mode()).toBe("600");
    fs.rmSync(link);
    expect(said(await status(), "pool1")).toEqual(["client is not installed; `pulumi up` installs it"]);
    await fleet.up();
    expect(mode()).toBe("600");
  });

  test("verify: every check passes, in words and as JSON, and nothing is left behind", async () => {
    const { code, stdout } = await pgfleet("verify", "--format", "json");
    const result = JSON.parse(stdout) as VerifyResult;
    expect(result.checks.filter((check) => !check.ok)).toEqual([]);
    expect(code).toBe(0);
    const names = result.checks.map((check) => check.name);
    for (const name of [
      "db2 shows what was written",
      "db3 refuses a write",
      "pool1 refuses a wrong password",
      "Prometheus on mon1 has every target",
    ]) {
      expect(names).toContain(name);
    }
    expect(fleet.sql("db1", "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgfleet_verify'", "shop")).toBe("0");
    expect(fs.readdirSync(path.join(fleet.home("pool1"), "run")).filter((name) => name.includes("passfile"))).toEqual(
      [],
    );
    for (const password of passwords()) expect(stdout).not.toContain(password);
    const asTable = await pgfleet("verify");
    expect(asTable.stdout).toMatch(/✓ a write through pool1 reaches db1 {2}\d+ ms/);
    expect(asTable.code).toBe(0);
  });
});

test("verify that is interrupted takes its table away", async () => {
  const words = [
    path.join(ROOT, "cli/pgfleet.js"),
    "verify",
    "--stack",
    fleet.stack,
    "--config-file",
    fleet.configFile,
  ];
  const child = spawn(process.execPath, words, { env: fleet.env, stdio: ["ignore", "pipe", "ignore"] });
  let shown = "";
  let interrupted = false;
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    if (interrupted || !shown.includes("takes a table")) return;
    interrupted = true;
    // As a terminal does, which sends it to every process in the foreground.
    for (let i = 0; i < 2; i++) child.kill("SIGINT");
  });
  expect(await ended).toBe(1);
  expect(shown).toMatch(/the test's table is gone again/);
  expect(shown).toMatch(/; cancelled\n$/);
  expect(fleet.sql("db1", "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgfleet_verify'", "shop")).toBe("0");
});

describe("a fleet that is not", () => {
  test("ALTER SYSTEM, a pending restart, a hand-edited file and a bad hba line are each named; undone, they are gone", async () => {
    const hba = path.join(fleet.home("db2"), "current/postgresql/pg_hba.conf");
    const before = fs.readFileSync(hba, "utf8");
    fleet.sql("db1", "ALTER SYSTEM SET max_connections = 77");
    fleet.sql("db1", "SELECT pg_reload_conf()");
    fs.writeFileSync(hba, `${before}host all all nowhere/99 trust\n`);
    // The server takes a reload in its own time.
    await until("status tells of all of it", 10_000, async () => {
      const found = await status();
      const [db1, db2] = [said(found, "db1").join("\n"), said(found, "db2").join("\n")];
      return (
        /ALTER SYSTEM has set max_connections/.test(db1) &&
        /waits for a restart: .*max_connections/.test(db1) &&
        /pg_hba\.conf:\d+ is not what/.test(db2) &&
        /invalid/.test(db2)
      );
    });
    fleet.sql("db1", "ALTER SYSTEM RESET max_connections");
    fleet.sql("db1", "SELECT pg_reload_conf()");
    fs.writeFileSync(hba, before);
    fleet.sql("db2", "SELECT pg_reload_conf()");
    await until("status is well again", 10_000, async () => (await status()).ok);
  });

  test("a slot of nobody is an orphan, a dropped slot is missing", async () => {
    fleet.sql("db1", "SELECT pg_create_physical_replication_slot('left_behind', true)");
    expect(said(await status(), "db1")).toEqual([
      "slot left_behind belongs to no declared replica of it and keeps WAL",
    ]);
    fleet.sql("db1", "SELECT pg_drop_replication_slot('left_behind')");
    well(await status());
  });

  test("a stopped replica, a stopped pooler and a hanging server hide nothing of the others", async () => {
    const pid = (name: string, file: string): number =>
      Number(fs.readFileSync(path.join(fleet.home(name), file), "utf8").split("\n")[0]);
    const supervisor = pid("db3", "run/supervisord.pid");
    const [replica, hanging, pooler] = [
      pid("db3", "data/db3/postmaster.pid"),
      pid("db2", "data/db2/postmaster.pid"),
      pid("pool1", "run/pgbouncer.pid"),
    ];
    process.kill(supervisor, "SIGSTOP");
    process.kill(replica, "SIGINT");
    process.kill(hanging, "SIGSTOP");
    process.kill(pooler, "SIGSTOP");
    try {
      await until(
        "the replica is gone",
        20_000,
        () => !fs.existsSync(path.join(fleet.home("db3"), "data/db3/postmaster.pid")),
      );
      const { code, stdout } = await pgfleet("status", "--format", "json");
      const found = JSON.parse(stdout) as FleetStatus;
      expect(code).toBe(1);
      const states = Object.fromEntries(found.hosts.map((host) => [host.name, host.state]));
      expect(states).toMatchObject({ db1: "running", db2: "no answer", pool1: "no answer", mon1: "running" });
      expect(states.db3).not.toBe("running");
      for (const name of ["db2", "db3", "pool1"])
        expect(said(found, name).join("\n"), name).toMatch(/does not (answer|run)/);
      const table = await pgfleet("status");
      expect(table.stdout).toMatch(/^✗ pool1: PgBouncer does not answer/m);
      expect(table.stdout).not.toContain("PGPASSFILE");
      process.kill(hanging, "SIGCONT");
      const verified = JSON.parse((await pgfleet("verify", "--format", "json")).stdout) as VerifyResult;
      const failed = verified.checks.filter((check) => !check.ok).map((check) => check.name);
      expect(failed).toContain("shop_app logs in through pool1");
      expect(failed).toContain("db3 shows what was written");
      expect(failed.filter((name) => /db1|db2/.test(name))).toEqual([]);
      expect(verified.ok).toBe(false);
    } finally {
      for (const stopped of [pooler, hanging, supervisor]) process.kill(stopped, "SIGCONT");
    }
    // A clean end was asked for, so supervisord leaves it at that; the next up does not.
    await fleet.up();
    well(await status("--wait"));
  });
});
