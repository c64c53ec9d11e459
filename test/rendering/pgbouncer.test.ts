import { describe, expect, test } from "vitest";
import type { FleetSpec, PoolerSpec } from "../../infra/config/spec.ts";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { body, fleet, input } from "./fixture.ts";

const withPooler = (changes: Partial<PoolerSpec>): FleetSpec => fleet({ pooler: { ...fleet().pooler!, ...changes } });
const render = (changes: Partial<PoolerSpec>, pgbouncer = "1.18.0") =>
  renderFleet(input(withPooler(changes), { layout: { versions: { pgbouncer } } }));
const file = (changes: Partial<PoolerSpec>, name = "pgbouncer.ini", pgbouncer?: string): string =>
  body(render(changes, pgbouncer), "pool1", `pgbouncer/${name}`);

describe("pools of single databases and roles", () => {
  test("an entry has its own sizes, its read-only one too unless that has others", () => {
    const ini = file({ databases: { app: { poolSize: 9, reservePoolSize: 0 }, app_ro: { maxConnections: 12 } } });
    expect(ini).toMatch(/^app = .* pool_size=9 reserve_pool=0 max_db_connections=18$/m);
    expect(ini).toMatch(/^app_ro = .* pool_size=9 reserve_pool=0 max_db_connections=12$/m);
  });

  test("a role has its own, where the version has them", () => {
    expect(file({ users: { reporter: { maxConnections: 4 } } })).toMatch(
      /^\[users\]\nreporter = max_user_connections=4$/m,
    );
    expect(file({})).not.toContain("[users]");
    expect(() => render({ users: { reporter: { poolSize: 4 } } })).toThrow(
      /users\.reporter\.poolSize: PgBouncer 1\.18\.0/,
    );
    expect(file({ users: { reporter: { poolSize: 4 } } }, "pgbouncer.ini", "1.23.1")).toContain(
      "reporter = pool_size=4",
    );
  });

  test("prepared statements from 1.21 on", () => {
    expect(file({})).not.toContain("max_prepared_statements");
    expect(file({}, "pgbouncer.ini", "1.21.0")).toContain("\nmax_prepared_statements = 200\n");
    expect(file({ maxPreparedStatements: 50 }, "pgbouncer.ini", "1.21.0")).toContain(
      "\nmax_prepared_statements = 50\n",
    );
    expect(() => render({ maxPreparedStatements: 50 })).toThrow("pooler.maxPreparedStatements: PgBouncer 1.18.0");
  });

  test("users of the console have a password in the userlist", () => {
    const ini = parseSettings(file({ adminUsers: ["app"], statsUsers: ["reporter"] }).split("[databases]")[0]!);
    expect(ini.admin_users).toBe("pgbouncer,app");
    expect(ini.stats_users).toBe("pgfleet_stats,reporter");
    const list = file({}, "userlist.txt");
    for (const name of ["app", "reporter", "pgfleet_stats"]) expect(list).toContain(`"${name}" "@@secret:`);
  });
});

describe("several processes", () => {
  test("are all asked by the exporter", () => {
    const sockets = (processes: number) =>
      body(render({ processes }), "pool1", "pgbouncer_exporter/supervisor.conf").match(/--socket=\S+/g);
    const run = "--socket=/var/lib/pgfleet/local/pool1/run";
    expect(sockets(1)).toEqual([run]);
    expect(sockets(3)).toEqual([run, `${run}/pgbouncer-2`, `${run}/pgbouncer-3`]);
  });

  test("share the port, and nothing else", () => {
    const all = ["pgbouncer.ini", "pgbouncer-2.ini", "pgbouncer-3.ini"].map((name) => file({ processes: 3 }, name));
    const settings = all.map((text) => parseSettings(text.split("[databases]")[0]!));
    for (const one of settings) expect(one).toMatchObject({ so_reuseport: "1", listen_port: "6432" });
    for (const key of ["unix_socket_dir", "pidfile"]) expect(new Set(settings.map((one) => one[key])).size).toBe(3);
    const shared = (text: string) =>
      text.replace(/^(unix_socket_dir|pidfile|# Process|# pgbouncer|# pgbouncer-\d).*$/gm, "");
    expect(shared(all[1]!)).toBe(shared(all[0]!).replace(/pgbouncer\.ini of/, "pgbouncer-2.ini of"));
  });

  test("each is a program, with one to take over while the version can", () => {
    const programs = (version: string): string[] =>
      [...file({ processes: 2 }, "supervisor.conf", version).matchAll(/^\[program:(.*)\]\ncommand=(.*)$/gm)].map(
        ([, name, command]) => `${name} ${command!.split("/").at(-1)}`,
      );
    expect(programs("1.18.0")).toEqual([
      "pgbouncer pgbouncer.ini",
      "pgbouncer_takeover pgbouncer.ini",
      "pgbouncer_2 pgbouncer-2.ini",
      "pgbouncer_takeover_2 pgbouncer-2.ini",
    ]);
    expect(programs("1.26.1")).toEqual(["pgbouncer pgbouncer.ini", "pgbouncer_2 pgbouncer-2.ini"]);
  });

  test("know each other from 1.23 on, so that a cancel finds its query", () => {
    expect(file({ processes: 2 }, "pgbouncer-2.ini")).not.toMatch(/peer/);
    const ini = file({ processes: 2 }, "pgbouncer-2.ini", "1.23.1");
    expect(ini).toContain("\npeer_id = 2\n");
    expect(ini).toMatch(/^\[peers\]\n1 = host=\S+\/run port=6432\n2 = host=\S+\/run\/pgbouncer-2 port=6432$/m);
  });

  test("one alone has neither", () => {
    expect(file({}, "pgbouncer.ini", "1.26.1")).not.toMatch(/so_reuseport|peer/);
    expect(
      render({})
        .flatMap((plan) => plan.components)
        .flatMap((c) => c.files.map((f) => f.path)),
    ).not.toContain("pgbouncer-2.ini");
  });
});
