/**
 * TLS in the real programs: a primary, a replica and a pooler with rendered files and certificates of an authority as
 * the project makes them. Who gets in how, whom the fleet itself refuses to speak to, and another authority under load.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conninfo } from "../../infra/rendering/quoting.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { replicationTls } from "../../infra/rendering/tls-files.ts";
import type { HostLayout } from "../../infra/rendering/types.ts";
import { type Issued, issueCertificate, makeAuthority } from "../../provider/tls/issue.ts";
import { fleet, host, type InputOptions, input, tls } from "../rendering/fixture.ts";
import {
  install,
  isRoot,
  missingPrograms,
  psqlAt,
  run,
  runFailing,
  serverUser,
  stop,
  supervise,
  until,
} from "./rendered-host.ts";

const PASSWORD = "app-secret-1";
const HOSTS = { db1: "127.0.98.1", "db-2": "127.0.98.2", pool1: "127.0.98.11" } as const;
type Name = keyof typeof HOSTS;
const SERVERS: Name[] = ["db1", "db-2"];

const root = mkdtempSync("/tmp/pg tls-");
const runRoot = mkdtempSync("/tmp/pgfleet-tls-run-");
const { monitoring: _, ...plain } = fleet({
  hosts: [
    host("db1", "primary", HOSTS.db1),
    host("db-2", "replica", HOSTS["db-2"]),
    host("pool1", "pooler", HOSTS.pool1),
  ],
  tls,
});
const options: InputOptions = {
  stateRoot: root,
  layout: { user: serverUser, runRoot, supervisorUser: isRoot ? "root" : serverUser },
};
const rendered = input(plain, options);
const layout = (name: Name): HostLayout => rendered.layouts.get(name)!;
const {
  prometheus: __,
  promtool: ___,
  postgresExporter: ____,
  pgbouncerExporter: _____,
  ...programs
} = layout("db1").programs;
const missing = missingPrograms({ ...layout("db1"), programs: programs as HostLayout["programs"] });
const title = missing.length === 0 ? "TLS in the real programs" : `SKIPPED, not installed: ${missing.join(", ")}`;

describe.skipIf(missing.length > 0)(title, () => {
  const running: ChildProcess[] = [];
  const secrets: Record<string, string> = {
    "pgfleet_replicator.password": "replication-secret-1",
    "pgfleet_stats.password": "stats-secret-1",
    "app.password": PASSWORD,
    "reporter.password": "reporter-secret-1",
  };
  let first: Issued;
  let second: Issued;
  /** What a client trusts. */
  const trusted = join(runRoot, "root.crt");
  const strange = join(runRoot, "strange.crt");
  const bin = (program: string): string => join(layout("db1").programs.postgresBin, program);

  const psql = (name: Name, sql: string): string => psqlAt(layout(name), sql);
  const console = (command: string): string =>
    run(
      [
        bin("psql"),
        "-XAtq",
        "-h",
        layout("pool1").run,
        "-p",
        "6432",
        "-U",
        "pgbouncer",
        "-d",
        "pgbouncer",
        "-c",
        command,
      ],
      { as: serverUser },
    );
  const client = (where: string, sql = "SELECT 'in'"): string[] => [
    "env",
    `PGPASSWORD=${PASSWORD}`,
    bin("psql"),
    "-XAtq",
    `${where} user=app dbname=app connect_timeout=5`,
    "-c",
    sql,
  ];

  async function certify(name: Name, authority: Issued, bundle: string, address: string = HOSTS[name]): Promise<void> {
    const issued = await issueCertificate(authority, { host: name, addresses: [address], days: 30 });
    secrets[`${name}.ca`] = bundle;
    secrets[`${name}.certificate`] = issued.certificate;
    secrets[`${name}.key`] = issued.key;
  }
  const put = (name: Name, only?: string): void =>
    install(renderFleet(rendered).find((plan) => plan.host === name)!, layout(name), secrets, only);
  async function reload(name: Name): Promise<void> {
    put(name, name === "pool1" ? "pgbouncer" : "postgresql");
    if (name === "pool1") {
      console("RELOAD");
      return;
    }
    const before = psql(name, "SELECT pg_conf_load_time()");
    psql(name, "SELECT pg_reload_conf()");
    await until(`${name} has read its files`, () => psql(name, "SELECT pg_conf_load_time()") !== before);
  }

  beforeAll(async () => {
    run(["chmod", "0755", root, runRoot]);
    first = await makeAuthority("test authority 1");
    second = await makeAuthority("test authority 2");
    writeFileSync(trusted, `${first.certificate}\n`);
    writeFileSync(strange, `${second.certificate}\n`);
    for (const name of Object.keys(HOSTS) as Name[]) await certify(name, first, first.certificate);
    put("db1");
    run([bin("initdb"), "-D", layout("db1").data, "-U", "postgres", "--auth=reject", "--no-sync", "--locale=C.UTF-8"], {
      as: serverUser,
    });
    running.push(supervise(layout("db1")));
    await until("the primary answers", () => psql("db1", "SELECT 1"));
    psql("db1", "CREATE ROLE pgfleet_replicator LOGIN REPLICATION PASSWORD 'replication-secret-1'");
    psql(
      "db1",
      `CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE reporter LOGIN PASSWORD 'reporter-secret-1'`,
    );
    psql("db1", "CREATE DATABASE app OWNER app");
    psql("db1", "SELECT pg_create_physical_replication_slot('pgfleet_db_2')");
    for (const role of ["app", "reporter"])
      secrets[`${role}.verifier`] = psql("db1", `SELECT rolpassword FROM pg_authid WHERE rolname = '${role}'`);
    put("db-2");
    const files = join(layout("db-2").current, "postgresql");
    // As a clone connects.
    const source = conninfo({
      host: HOSTS.db1,
      user: "pgfleet_replicator",
      passfile: join(files, "replication.passfile"),
      ...replicationTls(tls, files),
    });
    run([bin("pg_basebackup"), "-D", layout("db-2").data, "-d", source, "-w", "-c", "fast", "--no-sync"], {
      as: serverUser,
    });
    run(["touch", join(layout("db-2").data, "standby.signal")], { as: serverUser });
    put("pool1");
    for (const name of ["db-2", "pool1"] as const) running.push(supervise(layout(name)));
    await until("the replica streams", () => psql("db1", "SELECT state FROM pg_stat_replication") === "streaming");
    await until("the pooler answers", () => console("SHOW VERSION") !== undefined);
  });

  afterAll(async () => {
    const results = await Promise.allSettled(running.reverse().map(stop));
    for (const folder of [root, runRoot]) rmSync(folder, { recursive: true, force: true });
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw (failed as PromiseRejectedResult).reason;
  });

  const ways: [string, string, number][] = [
    ["the primary", HOSTS.db1, 5432],
    ["the replica", HOSTS["db-2"], 5432],
    ["the pooler", HOSTS.pool1, 6432],
  ];
  describe.each(ways)("a client of %s", (_what, address, port) => {
    const at = `host=${address} port=${port}`;
    test.each(["prefer", "require"])("with sslmode=%s gets in", (mode) => {
      expect(run(client(`${at} sslmode=${mode}`))).toBe("in");
    });
    test.each(["verify-ca", "verify-full"])("with sslmode=%s and the right authority gets in", (mode) => {
      expect(run(client(`${at} sslmode=${mode} sslrootcert=${trusted}`))).toBe("in");
    });
    test("without TLS is refused", () => {
      expect(runFailing(client(`${at} sslmode=disable`))).toMatch(
        port === 6432 ? /SSL required/ : /pg_hba\.conf rejects connection .* no encryption/,
      );
    });
    test("refuses an authority that it does not know, and a server with another name", () => {
      expect(runFailing(client(`${at} sslmode=verify-full sslrootcert=${strange}`))).toContain(
        "certificate verify failed",
      );
      const named = at.replace("host=", "host=db9 hostaddr=");
      expect(runFailing(client(`${named} sslmode=verify-full sslrootcert=${trusted}`))).toContain(
        'does not match host name "db9"',
      );
    });
    test("speaks TLS 1.2 at least", () => {
      expect(
        runFailing(client(`${at} sslmode=require ssl_min_protocol_version=TLSv1 ssl_max_protocol_version=TLSv1.1`)),
      ).not.toContain("in\n");
    });
    test("node-postgres, as `pgfleet clients` says it", async () => {
      const connect = async (ca: string): Promise<string> => {
        const one = new pg.Client({
          host: address,
          port,
          user: "app",
          password: PASSWORD,
          database: "app",
          ssl: { ca: readFileSync(ca, "utf8"), host: address },
        });
        one.on("error", () => {});
        await one.connect();
        await one.end();
        return "in";
      };
      expect(await connect(trusted)).toBe("in");
      await expect(connect(strange)).rejects.toThrow();
    });
  });

  test("every connection between hosts is TLS", () => {
    const mine = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (const database of ["app", "app_ro"])
      expect(
        run(
          client(`host=${HOSTS.pool1} port=6432`, mine).map((word) =>
            word.replace("dbname=app ", `dbname=${database} `),
          ),
        ),
      ).toMatch(/^t\|TLSv1\.[23]$/);
    const senders = "SELECT s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)";
    expect(psql("db1", senders)).toBe("t");
  });

  test("the pooler's own socket needs none", () => {
    expect(
      run([
        "env",
        "PGPASSWORD=stats-secret-1",
        bin("psql"),
        "-XAtq",
        "-h",
        layout("pool1").run,
        "-p",
        "6432",
        "-U",
        "pgfleet_stats",
        "-d",
        "pgbouncer",
        "-c",
        "SHOW LISTS",
      ]),
    ).toContain("databases");
  });

  test("nobody of the fleet speaks to a server that shows a certificate for another address", async () => {
    await certify("db1", first, first.certificate, "127.0.98.77");
    await reload("db1");
    try {
      console("RECONNECT");
      const through = client(`host=${HOSTS.pool1} port=6432`);
      await until("the pooler refuses", () => /in$/.test(runFailing(through)) === false);
      psql("db1", "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
      const log = join(layout("db-2").log, "postgresql.log");
      await until("the replica refuses", () => readFileSync(log, "utf8").includes("does not match host name"));
      expect(psql("db1", "SELECT count(*) FROM pg_stat_replication")).toBe("0");
    } finally {
      await certify("db1", first, first.certificate);
      await reload("db1");
    }
    await until("the replica streams", () => psql("db1", "SELECT state FROM pg_stat_replication") === "streaming");
    await until("the pooler serves", () => run(client(`host=${HOSTS.pool1} port=6432`)) === "in");
  });

  test("another authority in three steps: clients that connect all the time see no error", async () => {
    const script = join(runRoot, "one.sql");
    writeFileSync(script, "SELECT 1;\n");
    const both = `${first.certificate}\n${second.certificate}`;
    const load = spawn(
      bin("pgbench"),
      [
        "-n",
        "-C",
        "-c",
        "2",
        "-T",
        "600",
        "-f",
        script,
        "-P",
        "1",
        "-h",
        HOSTS.pool1,
        "-p",
        "6432",
        "-U",
        "app",
        "app",
      ],
      {
        env: { PATH: process.env.PATH, PGPASSWORD: PASSWORD, PGSSLMODE: "verify-full", PGSSLROOTCERT: trusted },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let said = "";
    for (const stream of [load.stdout, load.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    const reports = (): number => said.match(/^progress: [\d.]+ s, [1-9]/gm)?.length ?? 0;
    const goesOn = async (): Promise<void> => {
      const before = reports();
      await until("clients go on", () => reports() > before + 1 || load.exitCode !== null);
      expect(load.exitCode, said).toBeNull();
    };
    try {
      await goesOn();
      for (const [authority, bundle] of [
        [undefined, both],
        [second, both],
        [second, second.certificate],
      ] as const) {
        // Clients read it all the time, so it is never half written.
        writeFileSync(`${trusted}.new`, `${bundle}\n`);
        renameSync(`${trusted}.new`, trusted);
        for (const name of [...SERVERS, "pool1"] as Name[]) {
          if (authority) await certify(name, authority, bundle);
          else secrets[`${name}.ca`] = bundle;
          await reload(name);
          console("RECONNECT");
        }
        await goesOn();
      }
    } finally {
      load.kill("SIGINT");
    }
    expect(said).not.toMatch(/error|[1-9]\d* failed|abort/i);
    expect(run(client(`host=${HOSTS.db1} sslmode=verify-full sslrootcert=${strange}`))).toBe("in");
    expect(psql("db1", "SELECT state FROM pg_stat_replication")).toBe("streaming");
  });
});
