/**
 * What the templates promise, asked of the real programs: a fleet of four hosts on loopback addresses is rendered,
 * put on disk under a path with a blank in it, and started by its own supervisord files.
 */

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderFleet } from "../../infra/rendering/render.ts";
import type { HostLayout, HostPlan } from "../../infra/rendering/types.ts";
import { fleet, host, type InputOptions, input, override, tuning } from "../rendering/fixture.ts";
import {
  install,
  installedModes,
  isRoot,
  missingPrograms,
  mkdir,
  own,
  psqlAt,
  run,
  runFailing,
  serverUser,
  stop,
  supervise,
  until,
} from "./rendered-host.ts";

/** Every character that some quoting rule could trip over. */
const AWKWARD = String.raw`%m it's "q" \ back\n # hash ; semi %% `;
const REPLICATION_PASSWORD = "replication-secret-1";
const STATS_PASSWORD = "stats-secret-1";
const APP_PASSWORD = "app-secret-1";

const root = mkdtempSync("/tmp/pg fleet-");
/** Sockets: no blank, and short. */
const runRoot = mkdtempSync("/tmp/pgfleet-run-");
const spec = fleet({
  hosts: [
    host("db1", "primary", "127.0.99.1"),
    host("db-2", "replica", "127.0.99.2"),
    host("pool1", "pooler", "127.0.99.11"),
    host("mon1", "monitoring", "127.0.99.21"),
  ],
  databases: [
    { name: "app", owner: "app", extensions: [] },
    { name: "odd-Name", owner: "app", extensions: [] },
  ],
  monitoring: { hosts: ["mon1"], scrapeIntervalSeconds: 1, retentionDays: 1, prometheusPort: 9090 },
});
const options: InputOptions = {
  stateRoot: root,
  layout: { user: serverUser, runRoot, supervisorUser: isRoot ? "root" : serverUser },
  tuning: () => tuning({ log_line_prefix: override(AWKWARD), work_mem: override("7MB", "new-sessions") }),
};
const rendered = input(spec, options);
const layouts = rendered.layouts;
const layout = (name: string): HostLayout => layouts.get(name)!;
const planOf = (plans: HostPlan[], name: string): HostPlan => plans.find((plan) => plan.host === name)!;

interface Targets {
  data: { activeTargets: { health: string; labels: Record<string, string> }[] };
}

const missing = missingPrograms(layout("db1"));
const title =
  missing.length === 0 ? "rendered files in the real programs" : `SKIPPED, not installed: ${missing.join(", ")}`;

describe.skipIf(missing.length > 0)(title, () => {
  const running: ChildProcess[] = [];
  const psql = (name: string, sql: string): string => psqlAt(layout(name), sql);
  const tcp = (where: string, sql: string, password = APP_PASSWORD): string[] => [
    "env",
    `PGPASSWORD=${password}`,
    "psql",
    "-XAtq",
    `${where} connect_timeout=5`,
    "-c",
    sql,
  ];
  const get = async (url: string): Promise<string> => (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
  const bin = (program: string): string => join(layout("db1").programs.postgresBin, program);

  beforeAll(async () => {
    run(["chmod", "0755", root, runRoot]);
    const plans = renderFleet(rendered);
    const secrets: Record<string, string> = {
      "pgfleet_replicator.password": REPLICATION_PASSWORD,
      "pgfleet_stats.password": STATS_PASSWORD,
      "app.password": APP_PASSWORD,
      "reporter.password": "reporter-secret-1",
    };

    install(planOf(plans, "db1"), layout("db1"), secrets);
    run(
      [
        bin("initdb"),
        "-D",
        layout("db1").data,
        "-U",
        "postgres",
        "--auth=reject",
        "-k",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
      ],
      { as: serverUser },
    );
    running.push(supervise(layout("db1")));
    await until("the primary answers", () => psql("db1", "SELECT 1"));
    psql("db1", `CREATE ROLE pgfleet_replicator LOGIN REPLICATION PASSWORD '${REPLICATION_PASSWORD}'`);
    psql("db1", "CREATE ROLE pgfleet_exporter LOGIN IN ROLE pg_monitor");
    psql(
      "db1",
      `CREATE ROLE app LOGIN PASSWORD '${APP_PASSWORD}'; CREATE ROLE reporter LOGIN PASSWORD 'reporter-secret-1'`,
    );
    psql("db1", "CREATE DATABASE app OWNER app");
    psql("db1", 'CREATE DATABASE "odd-Name" OWNER app');
    psql("db1", "SELECT pg_create_physical_replication_slot('pgfleet_db_2')");
    for (const role of ["app", "reporter"]) {
      secrets[`${role}.verifier`] = psql("db1", `SELECT rolpassword FROM pg_authid WHERE rolname = '${role}'`);
    }

    install(planOf(plans, "db-2"), layout("db-2"), secrets);
    const passfile = join(layout("db-2").current, "postgresql", "replication.passfile");
    run(
      [
        bin("pg_basebackup"),
        "-D",
        layout("db-2").data,
        "-h",
        "127.0.99.1",
        "-U",
        "pgfleet_replicator",
        "-w",
        "-c",
        "fast",
        "-X",
        "stream",
        "--no-sync",
      ],
      {
        as: serverUser,
        environment: { PGPASSFILE: passfile },
      },
    );
    run(["touch", join(layout("db-2").data, "standby.signal")], { as: serverUser });
    for (const name of ["pool1", "mon1"]) install(planOf(plans, name), layout(name), secrets);
    for (const name of ["db-2", "pool1", "mon1"]) running.push(supervise(layout(name)));
    await until("the replica answers", () => psql("db-2", "SELECT pg_is_in_recovery()") === "t");
  });

  afterAll(async () => {
    const results = await Promise.allSettled(running.reverse().map(stop));
    for (const folder of [root, runRoot]) rmSync(folder, { recursive: true, force: true });
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw (failed as PromiseRejectedResult).reason;
  });

  test("every line of every server file is accepted and in force", () => {
    for (const name of ["db1", "db-2"]) {
      expect(
        psql(name, "SELECT sourcefile, sourceline, name, error FROM pg_file_settings WHERE error IS NOT NULL"),
      ).toBe("");
      expect(psql(name, "SELECT name FROM pg_settings WHERE pending_restart")).toBe("");
      expect(psql(name, "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL")).toBe("");
      expect(psql(name, "SELECT line_number, error FROM pg_ident_file_mappings WHERE error IS NOT NULL")).toBe("");
      const { settings } = planOf(renderFleet(rendered), name);
      for (const [parameter, value] of Object.entries(settings)) {
        // The server itself knows that 1024MB is 1GB.
        const shown = psql(name, `SELECT current_setting('${parameter}')`);
        const same =
          shown === value.trim() ||
          shown === value ||
          psql(name, `SELECT pg_size_bytes('${shown}') = pg_size_bytes('${value.replaceAll("'", "''")}')`) === "t";
        expect(same, `${parameter}: shown ${shown}, rendered ${value}`).toBe(true);
      }
    }
  });

  test("a value with quotes, backslashes and comment signs arrives unchanged", () => {
    expect(
      run(
        [
          bin("postgres"),
          "-D",
          layout("db1").data,
          "-c",
          `config_file=${layout("db1").current}/postgresql/postgresql.conf`,
          "-C",
          "work_mem",
        ],
        { as: serverUser },
      ),
    ).toBe("7168");
    expect(psql("db1", "SELECT '[' || current_setting('log_line_prefix') || ']'")).toBe(`[${AWKWARD}]`);
  });

  test("the replica streams under its own name, on its own slot", async () => {
    const row = "SELECT application_name, state FROM pg_stat_replication";
    await until("streaming", () => psql("db1", row) === "db-2|streaming");
    expect(psql("db1", "SELECT slot_name, active FROM pg_replication_slots")).toBe("pgfleet_db_2|t");
    expect(psql("db-2", "SELECT current_setting('cluster_name')")).toBe("main-db-2");
  });

  test("another generation takes over by switching one link and a reload", async () => {
    const changed = renderFleet(
      input(spec, { ...options, tuning: () => tuning({ work_mem: override("9MB", "new-sessions") }) }),
    );
    install(
      planOf(changed, "db1"),
      layout("db1"),
      { "pgfleet_replicator.password": REPLICATION_PASSWORD },
      "postgresql",
    );
    psql("db1", "SELECT pg_reload_conf()");
    await until("the new value", () => psql("db1", "SHOW work_mem") === "9MB");
    expect(psql("db1", "SELECT name FROM pg_settings WHERE pending_restart")).toBe("");
    expect(psql("db1", "SELECT count(*) FROM pg_file_settings WHERE name = 'log_line_prefix' AND error IS NULL")).toBe(
      "1",
    );
  });

  test("a generation that is not in force is read from its own folder", () => {
    const changed = renderFleet(
      input(spec, { ...options, tuning: () => tuning({ work_mem: override("13MB", "new-sessions") }) }),
    );
    const staged = join(layout("db1").gen, "staged");
    const { files } = planOf(changed, "db1").components.find((c) => c.name === "postgresql")!;
    mkdir(staged);
    for (const file of files) writeFileSync(join(staged, file.path), file.body);
    run(["chmod", "-R", "a+rX", staged]);
    const ask = (file: string): string =>
      run([bin("postgres"), "-D", layout("db1").data, "-c", `config_file=${file}`, "-C", "work_mem"], {
        as: serverUser,
      });
    expect(ask(join(staged, "postgresql.conf"))).toBe(String(13 * 1024));
    expect(psql("db1", "SHOW work_mem")).not.toBe("13MB");
  });

  test("the rollout's own file is read last, and need not be there", async () => {
    const file = join(layout("db1").rollout, "postgresql.conf");
    run(["sh", "-c", `printf "work_mem = '11MB'\\n" > "$1"`, "sh", file]);
    own(file);
    psql("db1", "SELECT pg_reload_conf()");
    await until("the rollout's value", () => psql("db1", "SHOW work_mem") === "11MB");
    rmSync(file);
    psql("db1", "SELECT pg_reload_conf()");
    await until("the declared value", () => psql("db1", "SHOW work_mem") !== "11MB");
  });

  test("nobody gets in by another way than pg_hba.conf says", () => {
    const at = "host=127.0.99.1 dbname=app";
    expect(run(tcp(`${at} user=app`, "SELECT current_user"))).toBe("app");
    expect(runFailing(tcp(`${at} user=app`, "SELECT 1", "wrong"))).toMatch(/password authentication failed/);
    expect(runFailing(tcp(`${at} user=postgres`, "SELECT 1"))).toMatch(/pg_hba.conf rejects connection/);
    expect(runFailing(tcp("host=127.0.99.1 dbname=postgres user=app", "SELECT 1"))).toMatch(
      /pg_hba.conf rejects connection/,
    );
    expect(runFailing(tcp(`${at} user=pgfleet_replicator`, "SELECT 1", REPLICATION_PASSWORD))).toMatch(
      /pg_hba.conf rejects connection/,
    );
    expect(runFailing(tcp(`host='${layout("db1").run}' dbname=app user=app`, "SELECT 1"))).toMatch(
      /pg_hba.conf rejects connection/,
    );
  });

  test.skipIf(!isRoot)("an OS user without a line in pg_ident.conf is not the superuser", () => {
    run(["chmod", "0755", layout("db1").run]);
    const command = ["psql", "-XAtq", "-h", layout("db1").run, "-U", "postgres", "-d", "postgres", "-c", "SELECT 1"];
    expect(runFailing(command, { as: "nobody" })).toMatch(/[Pp]eer authentication failed/);
    expect(run(command, { as: serverUser })).toBe("1");
  });

  test("PgBouncer takes reads and writes to the primary and _ro to a replica", async () => {
    const at = (database: string, user = "app"): string => `host=127.0.99.11 port=6432 dbname=${database} user=${user}`;
    await until("a query through the pooler", () => run(tcp(at("app"), "SELECT 1")) === "1");
    expect(run(tcp(at("app"), "SELECT pg_is_in_recovery()"))).toBe("f");
    expect(run(tcp(at("app_ro"), "SELECT pg_is_in_recovery()"))).toBe("t");
    expect(run(tcp(at("odd-Name"), "SELECT current_database()"))).toBe("odd-Name");
    expect(run(tcp(at("odd-Name_ro"), "SELECT current_database()"))).toBe("odd-Name");
    expect(runFailing(tcp(at("app"), "SELECT 1", "wrong"))).toMatch(/failed/);
    const passfile = { PGPASSFILE: join(layout("pool1").current, "client", "passfile") };
    expect(
      run(["psql", "-wXAtq", `${at("app")} connect_timeout=5`, "-c", "SELECT 1"], {
        as: serverUser,
        environment: passfile,
      }),
    ).toBe("1");
    expect(runFailing(tcp(at("app", "postgres"), "SELECT 1"))).toMatch(/failed|no such user/);
  });

  test("PgBouncer runs exactly what its file says", async () => {
    const socket = layout("pool1").run;
    const show = (what: string, format: string[]): string =>
      run(
        [
          "psql",
          "-XAtq",
          ...format,
          "-h",
          socket,
          "-p",
          "6432",
          "-U",
          "pgbouncer",
          "-d",
          "pgbouncer",
          "-c",
          `SHOW ${what}`,
        ],
        { as: serverUser },
      );
    const running = new Map(
      (await until("the console", () => show("CONFIG", [])))
        .split("\n")
        .map((line) => line.split("|") as [string, string]),
    );
    const ini = readFileSync(join(layout("pool1").current, "pgbouncer", "pgbouncer.ini"), "utf8");
    const section = ini.slice(ini.indexOf("[pgbouncer]\n"), ini.indexOf("[databases]\n"));
    const lines = section.split("\n").filter((line) => /^[a-z]/.test(line));
    expect(lines.length).toBeGreaterThan(15);
    for (const line of lines) {
      const [key, value] = line.split(/ = ?/) as [string, string];
      expect(`${key}=${running.get(key) ?? ""}`).toBe(`${key}=${value}`);
    }
    expect(
      show("DATABASES", [])
        .split("\n")
        .map((line) => line.split("|").slice(0, 4).join("|"))
        .sort(),
    ).toEqual([
      "app_ro|127.0.99.2|5432|app",
      "app|127.0.99.1|5432|app",
      "odd-Name_ro|127.0.99.2|5432|odd-Name",
      "odd-Name|127.0.99.1|5432|odd-Name",
      "pgbouncer||6432|pgbouncer",
    ]);
  });

  test("both exporters see their server, and Prometheus every target", async () => {
    await until("postgres_exporter", async () => /^pg_up 1$/m.test(await get("http://127.0.99.1:9187/metrics")));
    await until("pgbouncer_exporter", async () =>
      /^pgbouncer_up 1$/m.test(await get("http://127.0.99.11:9127/metrics")),
    );
    const targets = await until("every target", async () => {
      const answer = JSON.parse(await get("http://127.0.99.21:9090/api/v1/targets")) as Targets;
      const active = answer.data.activeTargets;
      return active.length > 0 && active.every((target) => target.health === "up") ? active : undefined;
    });
    expect(targets.map(({ labels }) => `${labels.job} ${labels.cluster} ${labels.host}`).sort()).toEqual([
      "pgbouncer main pool1",
      "postgres main db-2",
      "postgres main db1",
      "prometheus main mon1",
    ]);
    run([
      layout("mon1").programs.promtool,
      "check",
      "config",
      join(layout("mon1").current, "prometheus", "prometheus.yml"),
    ]);
  });

  test("no password is an argument, a variable or a log line of anything that runs", () => {
    const pids = running.flatMap((child) => [
      String(child.pid),
      ...run(["sh", "-c", "pgrep -P $1 || true", "sh", String(child.pid)])
        .split("\n")
        .filter(Boolean),
    ]);
    expect(pids.length).toBeGreaterThan(running.length + 5);
    const seen = pids.flatMap((pid) =>
      ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")),
    );
    const logs = [...layouts.values()].map((one) => run(["sh", "-c", 'cat "$1"/*.log', "sh", one.log]));
    for (const text of [...seen, ...logs]) {
      for (const secret of [REPLICATION_PASSWORD, STATS_PASSWORD, "SCRAM-SHA-256$"])
        expect(text.includes(secret)).toBe(false);
    }
  });

  test("files with a password are closed to others", () => {
    const modes = [...layouts.values()].flatMap(installedModes);
    expect(modes).toContain("postgresql/replication.passfile 0600");
    expect(modes).toContain("pgbouncer_exporter/stats.passfile 0600");
    expect(modes).toContain("pgbouncer/userlist.txt 0640");
    expect(modes.filter((mode) => !/ 06[04]0$/.test(mode))).toEqual([]);
  });

  test("a server that dies comes back, one that was asked to stop stays down", async () => {
    const started = (): string => psql("db-2", "SELECT pg_postmaster_start_time()");
    const control = [
      "supervisorctl",
      "-c",
      join(layout("db-2").current, "supervisor", "supervisord.conf"),
      "status",
      "postgresql",
    ];
    const state = async (wanted: string): Promise<true> =>
      until(`supervisor says ${wanted}`, () => {
        const status = runFailing(control);
        if (!status.includes(wanted)) throw new Error(status);
        return true;
      });
    const before = started();
    process.kill(Number(readFileSync(join(layout("db-2").data, "postmaster.pid"), "utf8").split("\n")[0]), "SIGKILL");
    await until("another process", () => started() !== before);
    // An exit within startsecs is a failed start, whatever its code.
    await state("RUNNING");
    run([bin("pg_ctl"), "-D", layout("db-2").data, "-m", "fast", "-w", "stop"], { as: serverUser });
    await state("EXITED");
  });
});
