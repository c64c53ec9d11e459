import { describe, expect, test } from "vitest";
import { localLayout } from "../../infra/platforms/layout.ts";
import { layoutProblems } from "../../infra/rendering/layout-check.ts";
import { host } from "./fixture.ts";

const db1 = host("db1", "primary", "127.0.10.1");
const options = { version: 15, user: "postgres" } as const;

describe("local layout", () => {
  test("a host's tree", () => {
    const layout = localLayout("/var/lib/pgfleet/local/", db1, options);
    expect(layout).toMatchObject({
      home: "/var/lib/pgfleet/local/db1",
      gen: "/var/lib/pgfleet/local/db1/gen",
      current: "/var/lib/pgfleet/local/db1/current",
      data: "/var/lib/pgfleet/local/db1/data/db1",
      run: "/var/lib/pgfleet/local/db1/run",
      supervisorUser: "root",
      programs: { postgresBin: "/usr/lib/postgresql/15/bin", pgbouncer: "/usr/sbin/pgbouncer" },
    });
    expect(layoutProblems(db1, layout)).toEqual([]);
  });

  test("sockets can live elsewhere, programs too, and without root supervisord is the same user", () => {
    const layout = localLayout("/s", db1, {
      ...options,
      user: "anna",
      runRoot: "/tmp/p/",
      programs: { pgbouncer: "/opt/pgbouncer" },
    });
    expect(layout).toMatchObject({
      run: "/tmp/p/db1",
      supervisorUser: "anna",
      programs: { pgbouncer: "/opt/pgbouncer", prometheus: "/usr/bin/prometheus" },
    });
  });

  test("no host's data can be where Prometheus keeps its own", () => {
    const mon = host("prometheus", "primary", "127.0.10.1");
    const layout = localLayout("/s", mon, options);
    expect(layout.prometheusData).not.toBe(layout.data);
  });
});

describe("layout check", () => {
  test.each([
    ["a socket path that is too long", `/${"x".repeat(90)}`, /a unix socket's path at most 107/],
    ["a quote", "/it's", /layout.home "\/it's\/db1" has the character "'"/],
    ["a percent sign", "/100%", /has the character "%"/],
    ["a glob", "/a*b", /has the character "\*"/],
    ["a semicolon", "/a;b", /has the character ";"/],
    ["a line break", "/a\nb", /has the character "\\n"/],
    ["a relative path", "state", /is not an absolute path/],
    ["a blank in a socket's path", "/my projects", /layout.run .* has the character " "/],
  ])("%s is refused, with the host", (_, root, message) => {
    const problems = layoutProblems(db1, localLayout(root, db1, options));
    expect(problems.join("\n")).toMatch(message);
    expect(problems.join("\n")).toContain('host "db1"');
  });

  test("a blank elsewhere is fine when sockets are in a folder of their own", () => {
    expect(layoutProblems(db1, localLayout("/my projects", db1, { ...options, runRoot: "/tmp/p" }))).toEqual([]);
  });

  test("PostgreSQL never runs as root, and data ends with the member's name", () => {
    const layout = { ...localLayout("/s", db1, { ...options, user: "root" }), data: "/s/db1/data" };
    const problems = layoutProblems(db1, layout).join("\n");
    expect(problems).toContain("refuses to run as root");
    expect(problems).toContain("must end with the member's name");
    const pool = host("pool1", "pooler", "127.0.10.2");
    expect(layoutProblems(pool, { ...layout, data: "/x" }).join()).not.toContain("member's name");
  });
});
