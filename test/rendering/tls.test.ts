import { describe, expect, test } from "vitest";
import type { FleetSpec, HbaRuleSpec, TlsSpec } from "../../infra/config/spec.ts";
import { existingLayouts } from "../../infra/platforms/existing.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import type { HostPlan } from "../../infra/rendering/types.ts";
import { body, fleet, input, tls } from "./fixture.ts";

const rendered = (changes: Partial<NonNullable<FleetSpec["tls"]>> = {}, more: Partial<FleetSpec> = {}): HostPlan[] =>
  renderFleet(input(fleet({ tls: { ...tls, ...changes }, ...more })));
const settingsOf = (plans: HostPlan[], host: string): Record<string, string> =>
  plans.find((plan) => plan.host === host)!.settings;
/** First words of the lines that let somebody in over TCP. */
const admitting = (plans: HostPlan[], host = "db1"): string[] =>
  body(plans, host, "postgresql/pg_hba.conf")
    .split("\n")
    .filter((line) => /^host/.test(line) && !line.includes("reject"))
    .map((line) => line.split(/\s+/)[0]!);
const ini = (plans: HostPlan[], key: string): string | undefined =>
  new RegExp(`^${key} = (.*)$`, "m").exec(body(plans, "pool1", "pgbouncer/pgbouncer.ini"))?.[1];

describe("required", () => {
  const plans = rendered();

  test("nobody comes in over TCP without TLS, members and poolers included", () => {
    expect(new Set(admitting(plans))).toEqual(new Set(["hostssl"]));
    expect(ini(plans, "client_tls_sslmode")).toBe("require");
  });

  test("a PgBouncer that takes several hosts for one name checks the authority alone", () => {
    const two = fleet().hosts.filter(({ name }) => name !== "db-3");
    const of = (version: string, hosts: FleetSpec["hosts"]): string | undefined =>
      ini(
        renderFleet(input(fleet({ tls, hosts }), { layout: { versions: { pgbouncer: version } } })),
        "server_tls_sslmode",
      );
    expect(of("1.18.0", fleet().hosts)).toBe("verify-ca");
    expect(of("1.18.0", two)).toBe("verify-full");
    expect(of("1.25.0", fleet().hosts)).toBe("verify-full");
  });

  test("the fleet's own connections check name and authority", () => {
    const folder = "/var/lib/pgfleet/local";
    expect(settingsOf(plans, "db2").primary_conninfo).toContain(
      `sslmode=verify-full sslrootcert=${folder}/db2/current/postgresql/root.crt`,
    );
    expect(ini(plans, "server_tls_ca_file")).toBe(`${folder}/pool1/current/pgbouncer/root.crt`);
  });

  test("a server reads its own certificate from the generation in force", () => {
    expect(settingsOf(plans, "db1")).toMatchObject({
      ssl: "on",
      ssl_cert_file: "/var/lib/pgfleet/local/db1/current/postgresql/server.crt",
      ssl_key_file: "/var/lib/pgfleet/local/db1/current/postgresql/server.key",
      ssl_ca_file: "/var/lib/pgfleet/local/db1/current/postgresql/root.crt",
      ssl_min_protocol_version: "TLSv1.2",
    });
    expect(body(plans, "db1", "postgresql/server.key")).toContain("\n@@secret:db1.key@@\n");
    expect(body(plans, "db1", "postgresql/server.crt")).toContain("\n@@secret:db1.certificate@@\n");
    expect(body(plans, "pool1", "pgbouncer/server.key")).toContain("\n@@secret:pool1.key@@\n");
  });

  test("keys are for their server alone, and none is where no server is", () => {
    const files = plans.flatMap((plan) =>
      plan.components.flatMap((c) => c.files.map((f) => ({ at: `${plan.host}/${c.name}/${f.path}`, ...f }))),
    );
    const keys = files.filter(({ body: text }) => /@@secret:[a-z0-9-]+\.key@@/.test(text));
    expect(keys.map(({ at, mode }) => `${at} ${mode}`)).toEqual([
      "db1/postgresql/server.key 0600",
      "db2/postgresql/server.key 0600",
      "db-3/postgresql/server.key 0600",
      "pool1/pgbouncer/server.key 0600",
    ]);
    expect(
      files.filter(({ path }) => path.endsWith(".crt") || path.endsWith(".key")).map((f) => f.change),
    ).not.toContain("restart");
  });

  test("people find what to trust beside their passfile", () => {
    expect(body(plans, "pool1", "client/root.crt")).toContain("@@secret:pool1.ca@@");
  });
});

test("clients: prefer opens the way for applications alone", () => {
  const plans = rendered({ clients: "prefer" });
  expect(ini(plans, "client_tls_sslmode")).toBe("prefer");
  expect(ini(plans, "server_tls_sslmode")).toMatch(/^verify-/);
  const text = body(plans, "db1", "postgresql/pg_hba.conf");
  expect(text).toMatch(/^hostssl +replication/m);
  expect(text).toMatch(/^host +app /m);
});

test("offered: everything speaks TLS, and nothing asks for it", () => {
  const plans = rendered({ required: false });
  expect(new Set(admitting(plans))).toEqual(new Set(["host"]));
  expect(settingsOf(plans, "db1").ssl).toBe("on");
  expect(settingsOf(plans, "db2").primary_conninfo).toContain("sslmode=prefer");
  expect([ini(plans, "client_tls_sslmode"), ini(plans, "server_tls_sslmode")]).toEqual(["prefer", "prefer"]);
});

test("without TLS there is not a word of it", () => {
  const plans = renderFleet(input(fleet()));
  const all = plans.flatMap((plan) => plan.components.flatMap((c) => c.files));
  expect(all.filter(({ path }) => /\.(crt|key)$/.test(path))).toEqual([]);
  expect(all.map(({ body: text }) => text).join("\n")).not.toMatch(/hostssl|_tls_|^ssl/m);
});

test.each<[string, Partial<NonNullable<FleetSpec["tls"]>>, string[]]>([
  ["another authority to trust", { caTrusted: [1, 2] }, ["root.crt"]],
  ["another one that signs", { caVersion: 2, caTrusted: [1, 2] }, ["root.crt", "server.crt", "server.key"]],
  ["renewal", { renew: 2 }, ["server.crt", "server.key"]],
  ["another lifetime", { validDays: 90 }, ["server.crt", "server.key"]],
])("%s is seen where files are compared, and needs a reload", (_what, change, files) => {
  const at = (plans: HostPlan[]) => plans[0]!.components.find((c) => c.name === "postgresql")!.files;
  const [before, after] = [at(rendered()), at(rendered(change))];
  const differing = after.filter((file, i) => file.body !== before[i]!.body);
  expect(differing.map(({ path }) => path)).toEqual(files);
  expect(new Set(differing.map((file) => file.change))).toEqual(new Set(["reload"]));
});

test("a rule of the config is about TLS connections like the project's own lines", () => {
  const rule = { index: 0, databases: ["app"], users: ["reporter"], from: ["10.9.0.0/16"], options: {}, order: 600 };
  const hba = [{ ...rule, method: "scram-sha-256" as const }];
  const line = (plans: HostPlan[]): string | undefined =>
    /^(host\w*) .*10\.9\.0\.0\/16/m.exec(body(plans, "db1", "postgresql/pg_hba.conf"))?.[1];
  expect(line(rendered({}, { hba }))).toBe("hostssl");
  expect(line(rendered({ clients: "prefer" }, { hba }))).toBe("host");
});

test("clients: prefer lets no rule of the config open replication, or the fleet's own hosts, without TLS", () => {
  const rule = { index: 0, databases: ["app"], users: ["reporter"], from: ["10.9.0.0/16"], options: {}, order: 600 };
  const type = (changes: Partial<HbaRuleSpec>, tlsChanges: Partial<TlsSpec> = { clients: "prefer" }) => {
    const hba = [{ ...rule, method: "scram-sha-256" as const, ...changes }];
    return /# hba\[0\].*\n(host\w*) /.exec(body(rendered(tlsChanges, { hba }), "db1", "postgresql/pg_hba.conf"))?.[1];
  };
  expect(type({ databases: ["replication"] })).toBe("hostssl");
  expect(type({ from: ["cluster"] })).toBe("hostssl");
  expect(type({ from: ["pooler"] })).toBe("hostssl");
  // Who is refused is refused either way; and offered TLS is for nobody a duty.
  expect(type({ databases: ["replication"], method: "reject" })).toBe("host");
  expect(type({ databases: ["replication"] }, { required: false })).toBe("host");
});

test.each(["db2", "pool1"])("every file of %s with TLS, as it was agreed", async (name) => {
  const plans = rendered().filter((plan) => plan.host === name);
  const text = plans
    .flatMap((plan) => plan.components)
    .filter((c) => ["postgresql", "pgbouncer", "client"].includes(c.name))
    .flatMap((c) => c.files.map((f) => `===== ${c.name}/${f.path}  ${f.mode}  ${f.change}\n${f.body}`))
    .join("\n");
  await expect(text).toMatchFileSnapshot(`golden/tls-${name}.txt`);
});

describe.each(["local", "existing"] as const)("platform %s", (platform) => {
  const spec = fleet({ platform, tls, pooler: { ...fleet().pooler!, processes: 2 } });
  const layouts = platform === "existing" ? existingLayouts(spec) : input(spec).layouts;
  const plans = renderFleet({ ...input(spec), layouts });

  test("every file in force that another file names is there", () => {
    const missing: string[] = [];
    let named = 0;
    for (const { host, components } of plans) {
      const { current } = layouts.get(host)!;
      const there = new Set(components.flatMap((c) => c.files.map((f) => `${current}/${c.name}/${f.path}`)));
      for (const { path, body: text } of components.flatMap((c) => c.files))
        for (const [name] of text.matchAll(new RegExp(`${current}/[a-z_]+/[\\w.-]+\\w`, "g"))) {
          named++;
          if (!there.has(name)) missing.push(`${host} ${path}: ${name}`);
        }
    }
    expect(missing).toEqual([]);
    expect(named).toBeGreaterThan(30);
  });
});
