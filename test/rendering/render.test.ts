import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { renderFleet } from "../../infra/rendering/render.ts";
import { loadTemplates } from "../../infra/rendering/templates.ts";
import type { HostPlan } from "../../infra/rendering/types.ts";
import { body, fleet, host, input, override, TEMPLATES, tls, tuning } from "./fixture.ts";

const everyFile = (plans: HostPlan[]) =>
  plans.flatMap((plan) =>
    plan.components.flatMap((c) => c.files.map((f) => ({ ...f, host: plan.host, component: c.name }))),
  );

describe("what is rendered where", () => {
  test("components by what a host is", () => {
    expect(
      Object.fromEntries(renderFleet(input()).map((plan) => [plan.host, plan.components.map((c) => c.name)])),
    ).toEqual({
      db1: ["supervisor", "postgresql", "postgres_exporter"],
      db2: ["supervisor", "postgresql", "postgres_exporter"],
      "db-3": ["supervisor", "postgresql", "postgres_exporter"],
      pool1: ["supervisor", "pgbouncer", "pgbouncer_exporter", "client"],
      mon1: ["supervisor", "prometheus"],
    });
  });

  test("without monitoring there are no exporters, without a pooler nothing of PgBouncer", () => {
    const { monitoring: _, pooler: __, ...rest } = fleet();
    const names = renderFleet(input(rest)).flatMap((plan) => plan.components.map((c) => c.name));
    expect(new Set(names)).toEqual(new Set(["supervisor", "postgresql"]));
  });

  test("one host can be all of it", () => {
    const spec = fleet({
      hosts: [host("db1", "primary", "127.0.10.1")],
      pooler: { ...fleet().pooler!, hosts: ["db1"] },
      monitoring: { ...fleet().monitoring!, hosts: ["db1"] },
    });
    expect(renderFleet(input(spec))[0]!.components).toHaveLength(7);
    expect(body(renderFleet(input(spec)), "db1", "pgbouncer/pgbouncer.ini")).toContain("app_ro = host=127.0.10.1 ");
  });

  test.each(["db1", "db2", "pool1", "mon1"])("every file of %s, as it was agreed", async (name) => {
    const plans = renderFleet(
      input(fleet(), {
        tuning: () => tuning({ "auto_explain.log_min_duration": override("1s"), max_wal_size: override("2GB") }),
      }),
    );
    const text = everyFile(plans.filter((plan) => plan.host === name))
      .map((f) => `===== ${f.component}/${f.path}  ${f.mode}  ${f.change}\n${f.body}`)
      .join("\n");
    await expect(text).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  test("the same input gives the same text", () => {
    expect(renderFleet(input())).toEqual(renderFleet(input()));
  });
});

describe("what every file promises", () => {
  test("it says where it comes from and what not to edit", () => {
    for (const file of everyFile(renderFleet(input()))) {
      const [first, ...rest] = file.body.split("\n");
      expect(first).toMatch(
        new RegExp(`^[#;] ${file.path.replaceAll(".", "\\.")} of host ${file.host}, cluster main, stack local$`),
      );
      expect(rest.slice(0, 3).join("\n")).toContain(`templates/${file.component}/${file.path}.mustache`);
      expect(rest.slice(0, 3).join("\n")).toMatch(/Do not edit.*Pulumi\.local\.yaml/);
      expect(file.body.endsWith("\n")).toBe(true);
    }
  });

  test("a secret is a placeholder, its name is listed, and its file is closed to others", () => {
    const plans = renderFleet(input());
    for (const plan of plans) {
      for (const component of plan.components) {
        const found = component.files.flatMap((f) =>
          [...f.body.matchAll(/@@secret:(.+?)(?:\|[a-z]+)?@@/g)].map((match) => match[1]!),
        );
        expect(component.secrets).toEqual([...new Set(found)].sort());
      }
    }
    for (const file of everyFile(plans)) {
      expect(file.mode).toMatch(/^06[04]0$/);
      if (file.body.includes("@@secret:") && file.path.endsWith(".passfile")) expect(file.mode).toBe("0600");
    }
    expect(
      plans.find((plan) => plan.host === "pool1")!.components.find((c) => c.name === "pgbouncer")!.secrets,
    ).toEqual(["app.verifier", "pgfleet_stats.password", "reporter.verifier"]);
  });

  test("no placeholder is in a file that becomes a command line or an environment", () => {
    for (const file of everyFile(renderFleet(input())).filter((f) => /supervisor/.test(f.path)))
      expect(file.body).not.toContain("@@");
  });
});

describe("postgresql files", () => {
  const plans = renderFleet(
    input(fleet(), {
      tuning: () =>
        tuning({ shared_buffers: override("256MB", "restart"), work_mem: override("it's \\", "new-sessions") }),
    }),
  );

  test("a parameter is in the file of its class, an override in the last file and nowhere else", () => {
    expect(body(plans, "db1", "postgresql/10-restart.conf")).toMatch(/^max_connections /m);
    expect(body(plans, "db1", "postgresql/20-reload.conf")).not.toMatch(
      /^(max_connections|wal_level|shared_buffers|work_mem) /m,
    );
    expect(body(plans, "db1", "postgresql/10-restart.conf")).not.toMatch(/^shared_buffers /m);
    expect(body(plans, "db1", "postgresql/90-override.conf")).toMatch(/^shared_buffers = '256MB' +# .* \[restart\]$/m);
    expect(body(plans, "db1", "postgresql/90-override.conf")).toContain("'it''s \\\\'");
  });

  test("includes are in order; only the rollout's own file is outside the generation", () => {
    const includes = [...body(plans, "db1", "postgresql/postgresql.conf").matchAll(/^include\w* '(.*)'$/gm)].map(
      (match) => match[1],
    );
    expect(includes).toEqual([
      "00-connection.conf",
      "10-restart.conf",
      "20-reload.conf",
      "80-topology.conf",
      "90-override.conf",
      "/var/lib/pgfleet/local/db1/rollout/postgresql.conf",
    ]);
  });

  test("the plan's settings are what the files say, the last one winning", () => {
    expect(plans[0]!.settings).toMatchObject({
      shared_buffers: "256MB",
      work_mem: "it's \\",
      port: "5432",
      listen_addresses: "127.0.10.1",
      cluster_name: "main-db1",
    });
    const names = everyFile(plans)
      .filter((f) => f.host === "db1" && /^\d\d-/.test(f.path))
      .flatMap((f) => [...f.body.matchAll(/^([a-z_.]+) += /gm)].map((match) => match[1]!));
    expect(Object.keys(plans[0]!.settings).sort()).toEqual(names.sort());
    expect(plans.find((plan) => plan.host === "mon1")!.settings).toEqual({});
  });

  test("only replicas have an upstream: the declared primary", () => {
    expect(plans[0]!.settings).not.toHaveProperty("primary_conninfo");
    expect(plans[2]!.settings).toMatchObject({ primary_slot_name: "pgfleet_db_3" });
    const moved = renderFleet(input(fleet({ primary: "db2" })));
    expect(moved[0]!.settings.primary_conninfo).toContain("host=127.0.10.2 port=5432 user=pgfleet_replicator ");
    expect(moved[0]!.settings.primary_conninfo).toMatch(/application_name=db1( |$)/);
    expect(moved[1]!.settings).not.toHaveProperty("primary_conninfo");
    expect(moved[0]!.settings.primary_conninfo).not.toContain("password");
  });

  test("the budget is in the restart file, term by term", () => {
    const text = body(plans, "db1", "postgresql/10-restart.conf");
    expect(text).toContain("#   shared memory  140 MB  128 MB shared_buffers + 12 MB fixed\n");
    expect(text).toContain("#   limit          820 MB  what this server may use\n");
  });

  test("a reason with a line break stays one comment", () => {
    const evil = tuning({ work_mem: { value: "4MB", reason: "a\nfsync = off", class: "reload", source: "tuned" } });
    expect(body(renderFleet(input(fleet(), { tuning: () => evil })), "db1", "postgresql/20-reload.conf")).not.toMatch(
      /^fsync/m,
    );
  });
});

describe("PgBouncer's files", () => {
  const ini = body(renderFleet(input()), "pool1", "pgbouncer/pgbouncer.ini");

  test("who may use the console stands before everything else, and no comment is behind a value", () => {
    const keys = ini
      .split("\n")
      .filter((line) => /^[a-z_]+ =/.test(line))
      .map((line) => line.split(" ")[0]);
    expect(keys.slice(0, 4)).toEqual(["admin_users", "stats_users", "auth_type", "auth_file"]);
    for (const line of ini.split("\n")) if (!/^[#;]/.test(line)) expect(line).not.toMatch(/[#;]/);
    expect(ini.indexOf("[pgbouncer]")).toBeLessThan(ini.indexOf("[databases]"));
  });

  test("reads go to the replicas, everything else to the declared primary", () => {
    expect(ini).toContain(
      "\napp = host=127.0.10.1 port=5432 dbname=app\napp_ro = host=127.0.10.2,127.0.10.3 port=5432 dbname=app\n",
    );
    const moved = body(renderFleet(input(fleet({ primary: "db2" }))), "pool1", "pgbouncer/pgbouncer.ini");
    expect(moved).toContain("\napp = host=127.0.10.2 port=5432 dbname=app\napp_ro = host=127.0.10.1,127.0.10.3 ");
  });

  test.each([
    [undefined, false],
    ["1.18.0", false],
    ["1.20.1", false],
    ["1.21.0", true],
    ["1.26.1", true],
  ])("keys newer than version %s are left out", (pgbouncer, expected) => {
    const layout = pgbouncer ? { versions: { pgbouncer } } : {};
    expect(
      body(renderFleet(input(fleet(), { layout })), "pool1", "pgbouncer/pgbouncer.ini").includes(
        "max_prepared_statements = ",
      ),
    ).toBe(expected);
  });

  test("a password is never an argument of either exporter", () => {
    for (const pgbouncerExporterKind of ["python", "go"] as const) {
      const plans = renderFleet(input(fleet(), { layout: { pgbouncerExporterKind } }));
      const text = body(plans, "pool1", "pgbouncer_exporter/supervisor.conf");
      expect(text).toMatch(/PGPASSFILE="\S+stats\.passfile"/);
      expect(text).toMatch(
        pgbouncerExporterKind === "go"
          ? /^command=\S+ '?--pgBouncer\.connectionString=postgres:\/\/pgfleet_stats@\/pgbouncer\?host=%%2F/m
          : /^command=\/usr\/bin\/python3 -I \S+exporter\.py --listen=127\.0\.10\.11:9127 /m,
      );
      expect(everyFile(plans).some((f) => f.path === "exporter.py")).toBe(pgbouncerExporterKind === "python");
    }
  });
});

describe("supervisor's files", () => {
  test("without root there is no user= line", () => {
    const files = everyFile(renderFleet(input(fleet(), { layout: { user: "anna" } }))).filter(
      (f) => f.path === "supervisor.conf",
    );
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(file.body).not.toMatch(/^user=/m);
    for (const file of everyFile(renderFleet(input())).filter((f) => f.path === "supervisor.conf"))
      expect(file.body).toMatch(/^user=postgres$/m);
  });

  test("a pooler host allows as many open files as its connections need", () => {
    const spec = fleet({ pooler: { ...fleet().pooler!, maxClientConnections: 5000 } });
    const descriptors = (name: string): number =>
      Number(/^minfds=(\d+)$/m.exec(body(renderFleet(input(spec)), name, "supervisor/supervisord.conf"))![1]);
    expect(descriptors("pool1")).toBeGreaterThan(5000 + 100);
    expect(descriptors("db1")).toBe(1024);
  });
});

describe("errors", () => {
  test("all problems at once", () => {
    const spec = fleet({
      databases: ["app", "app_ro", "pgbouncer"].map((name) => ({ name, owner: "app", extensions: [] })),
      roles: [
        { ...fleet().roles[0]!, name: "pgfleet_stats" },
        { ...fleet().roles[0]!, name: "two words" },
      ],
      pooler: { ...fleet().pooler!, hosts: ["pool1", "pool9"] },
    });
    const broken = input(spec, {
      tuning: () => tuning({ port: override("1"), log_line_prefix: override("a\nb"), "x y": override("1") }),
    });
    (broken.layouts as Map<string, unknown>).delete("mon1");
    (broken.tunings as Map<string, unknown>).delete("db2");
    let message = "";
    try {
      renderFleet(broken);
    } catch (error) {
      message = (error as Error).message;
    }
    for (const part of [
      `"app_ro" is PgBouncer's name for the replicas of "app"`,
      `"pgbouncer" is PgBouncer's console`,
      `"pgfleet_stats" is the project's own`,
      `"two words" may log in`,
      `pooler.hosts: there is no host "pool9"`,
      `host "mon1" has no layout`,
      `host "db2" is a member and has no tuning`,
      `host "db1": parameter port (override) is set by the project`,
      `host "db1": parameter log_line_prefix (override) has a control character (0x0a)`,
      `host "db1": parameter x y (override) is not a parameter name`,
    ]) {
      expect(message).toContain(part);
    }
  });

  test("a mistake in a template is reported once, not once per host", () => {
    const templates = new Map(loadTemplates(TEMPLATES));
    templates.set("postgresql/pg_hba.conf", {
      path: "templates/postgresql/pg_hba.conf.mustache",
      text: "{{#groups}}\n{{linez}}{{/groups}}",
    });
    expect(() => renderFleet({ ...input(), templates })).toThrow(
      /^templates\/postgresql\/pg_hba\.conf\.mustache:2: unknown name "linez" \(did you mean "lines"\?\)$/,
    );
  });

  test("a template that is gone is named", () => {
    const templates = new Map(loadTemplates(TEMPLATES));
    templates.delete("pgbouncer/userlist.txt");
    expect(() => renderFleet({ ...input(), templates })).toThrow('there is no template "pgbouncer/userlist.txt"');
  });
});

describe("an overlay", () => {
  const overlay = (files: Record<string, string>): string => {
    const folder = mkdtempSync(join(tmpdir(), "pgfleet-overlay-"));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return folder;
  };

  test("replaces single files", () => {
    const folder = overlay({ "postgresql/pg_ident.conf.mustache": "{{> _header}}\n# mine\n" });
    try {
      const text = body(
        renderFleet({ ...input(), templates: loadTemplates(TEMPLATES, folder) }),
        "db1",
        "postgresql/pg_ident.conf",
      );
      expect(text).toContain("# mine");
      expect(text).toMatch(/from pgfleet-overlay-\w+\/postgresql\/pg_ident\.conf\.mustache/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("refuses a file that would never be used", () => {
    const folder = overlay({ "postgresql/pg_hbaa.conf.mustache": "" });
    try {
      expect(() => loadTemplates(TEMPLATES, folder)).toThrow(
        'replaces nothing: there is no template "postgresql/pg_hbaa.conf"; the nearest is "postgresql/pg_hba.conf"',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("every template in the project is used", () => {
    const templates = loadTemplates(TEMPLATES);
    // Some files are only on machines that belong to the fleet.
    const fleets = [fleet({ tls }), fleet({ platform: "existing", tls })];
    const rendered = new Set(
      fleets.flatMap((spec) => everyFile(renderFleet(input(spec))).map((f) => `${f.component}/${f.path}`)),
    );
    // All units are made from one template, and one of them needs a file beside it; see systemd.test.ts.
    rendered.add("systemd/program.service");
    rendered.add("postgresql/reserve-huge-pages.sh");
    // What a machine is told at its first boot is no file of the fleet; see platforms/aws/program.test.ts.
    rendered.add("aws/user-data.sh");
    const partials = [...templates.values()].flatMap(({ text }) =>
      [...text.matchAll(/\{\{>\s*(\S+?)\s*\}\}/g)].map((match) => match[1]!),
    );
    expect([...templates.keys()].filter((name) => !rendered.has(name) && !partials.includes(name))).toEqual([]);
  });
});
