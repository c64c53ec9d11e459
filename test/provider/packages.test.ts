import { describe, expect, test } from "vitest";
import { packageVersions } from "../../infra/platforms/packages.ts";
import { installFailure, toInstall } from "../../provider/packages.ts";
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
    ["E: Unable to locate package postgresql-19", /Unable to locate.*\n.*PGDG has every major/],
    ["E: Version '9' for 'pgbouncer' was not found", /correct version or packages in the stack file/],
    ["dpkg: error: cannot write: No space left on device", /disk is full: make room/],
    ["E: Could not get lock /var/lib/dpkg/lock-frontend", /Another apt/],
    ["Something else", /Something else\n.*run again/],
  ])("apt's %s comes with what to do", (said, expected) => {
    const text = installFailure("db1", ["postgresql-19"], `Reading package lists...\n${said}\n`);
    expect(text).toMatch(/^db1 cannot install postgresql-19:\n/);
    expect(text).toMatch(expected);
  });
});
