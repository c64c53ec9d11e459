import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { packageVersions } from "../../infra/platforms/packages.ts";
import { installFailure, KEEP_USER, toInstall } from "../../provider/packages.ts";
import { config, specOf } from "../config/support.ts";

const { spec } = specOf(
  config({
    platform: "existing",
    version: 17,
    packages: { pgbouncer: "1.24.1-1" },
    monitoring: {},
    hosts: {
      db1: { role: "primary", address: "10.0.0.1" },
      pool1: { role: "pooler", address: "10.0.0.2" },
      mon1: { role: "monitoring", address: "10.0.0.3" },
    },
  }),
);
const wanted = (name: string) => packageVersions(spec, spec.hosts.find((host) => host.name === name)!);

describe("the servers' user on a machine that was made anew", () => {
  const folder = fs.mkdtempSync("/tmp/pgf-user-");
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  /** @param users name → number, as the machine has them */
  const keep = (files: number, users: Record<string, number>) => {
    const script = (name: string, text: string) =>
      fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const cases = (by: (name: string, id: number) => string) =>
      `case "$*" in ${Object.entries(users)
        .map(([name, id]) => by(name, id))
        .join(" ")} *) exit 1 ;; esac`;
    script("stat", `echo ${files}`);
    script(
      "id",
      cases((name, id) => `"-u -- ${name}") echo ${id} ;;`),
    );
    script(
      "getent",
      cases((name, id) => `"passwd ${id}") echo ${name}:x:${id}: ;;`),
    );
    for (const name of ["groupadd", "useradd"]) script(name, `echo "${name} $*"`);
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    const { stdout, stderr } = spawnSync("sh", ["-c", KEEP_USER, "sh", "postgres", "/data"], { encoding: "utf8", env });
    return stdout + stderr;
  };

  test("has the number that its files on the data volume have", () => {
    expect(keep(107, {})).toBe(
      "groupadd --system --gid 107 -- postgres\nuseradd --system --uid 107 --gid 107 --home-dir /var/lib/postgresql --shell /bin/bash -- postgres\n",
    );
    expect(keep(107, { postgres: 107 })).toBe("");
    // There is nothing of its yet.
    expect(keep(0, {})).toBe("");
  });

  test("is not given it silently when that is another's, or it has another one", () => {
    expect(keep(107, { sshd: 107 })).toMatch(/user number 107, which is sshd/);
    expect(keep(107, { postgres: 112 })).toMatch(/user number 107, and postgres is 112/);
  });
});

describe("packages", () => {
  test("a host gets those of its parts, at the versions of the stack file", () => {
    expect(wanted("db1")).toEqual({ "postgresql-17": "", "prometheus-postgres-exporter": "" });
    expect(wanted("pool1")).toEqual({
      pgbouncer: "1.24.1-1",
      "postgresql-client-17": "",
      "prometheus-pgbouncer-exporter": "",
      "python3-psycopg2": "",
    });
    expect(wanted("mon1")).toEqual({ prometheus: "" });
  });

  test("what is there is not upgraded, unless another version was asked for", () => {
    const found = { pgbouncer: { version: "1.24.1-1", held: true }, prometheus: { version: "2.53", held: false } };
    expect(toInstall({ pgbouncer: "", prometheus: "2.53" }, found)).toEqual([]);
    expect(toInstall({ pgbouncer: "1.25", prometheus: "", "postgresql-17": "" }, found)).toEqual([
      "pgbouncer=1.25",
      "postgresql-17",
    ]);
  });

  test.each([
    ["E: Unable to locate package postgresql-19", /Unable to locate.*\n.*packageSource: pgdg, which has every major/],
    ["E: Version '9' for 'pgbouncer' was not found", /correct version or packages in the stack file/],
    ["dpkg: error: cannot write: No space left on device", /disk is full: make room/],
    ["E: Could not get lock /var/lib/dpkg/lock-frontend", /Another apt/],
    ["Something else", /Something else\n.*run again/],
  ])("apt's %s comes with what to do", (said, expected) => {
    const text = installFailure("db1", ["postgresql-19"], `Reading package lists...\n${said}\n`, "distribution");
    expect(text).toMatch(/^db1 cannot install postgresql-19:\n/);
    expect(text).toMatch(expected);
  });

  test("with PGDG the way out is not PGDG", () => {
    const text = installFailure("db1", ["postgresql-19"], "E: Unable to locate package postgresql-19", "pgdg");
    expect(text).toMatch(/Neither PGDG nor its other sources.*Correct version or packages/);
  });
});
