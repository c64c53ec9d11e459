import { describe, expect, test } from "vitest";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { existingLayouts } from "../../infra/platforms/existing.ts";
import { systemdCommand, systemdWord } from "../../infra/rendering/quoting.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import type { HostPlan } from "../../infra/rendering/types.ts";
import { fleet, input } from "./fixture.ts";

const existing = (over: Partial<FleetSpec> = {}): HostPlan[] => {
  const spec = fleet({ platform: "existing", ...over });
  return renderFleet({ ...input(spec), layouts: existingLayouts(spec) });
};
const unit = (plans: HostPlan[], host: string, component: string, file: string): string =>
  plans
    .find((plan) => plan.host === host)!
    .components.find((c) => c.name === component)!
    .files.find((f) => f.path === file)!.body;

describe("hosts with systemd", () => {
  test("have a unit for each service, and nothing of supervisor", () => {
    const files = existing().flatMap(({ host, components }) =>
      components.flatMap((c) => c.files.map((f) => `${host} ${c.name}/${f.path}`)),
    );
    expect(files.filter((file) => file.includes("supervisor"))).toEqual([]);
    expect(files.filter((file) => /^\S+ \w+\/\w+\.service$/.test(file)).sort()).toMatchInlineSnapshot(`
      [
        "db-3 postgres_exporter/postgres_exporter.service",
        "db-3 postgresql/postgresql.service",
        "db1 postgres_exporter/postgres_exporter.service",
        "db1 postgresql/postgresql.service",
        "db2 postgres_exporter/postgres_exporter.service",
        "db2 postgresql/postgresql.service",
        "mon1 prometheus/prometheus.service",
        "pool1 pgbouncer/pgbouncer.service",
        "pool1 pgbouncer_exporter/pgbouncer_exporter.service",
      ]
    `);
  });

  test("PostgreSQL's unit", async () => {
    await expect(unit(existing(), "db1", "postgresql", "postgresql.service")).toMatchFileSnapshot(
      "golden/postgresql.service",
    );
  });

  test("kernel settings are files of members alone, and limits are in the units", () => {
    const os = Object.fromEntries(
      existing().map(({ host, components }) => [
        host,
        components.filter(({ name }) => name === "os").flatMap(({ files }) => files.map(({ path }) => path)),
      ]),
    );
    const files = ["etc/sysctl.d/60-pgfleet.conf", "etc/systemd/system/disable-transparent-huge-pages.service"];
    expect(os).toEqual({ "db-3": files, db1: files, db2: files, mon1: [], pool1: [] });
  });

  test("each PgBouncer process has a unit, and none takes over from another", () => {
    const { pooler } = fleet();
    const plans = existing({ pooler: { ...pooler!, processes: 2 } });
    const host = pooler!.hosts[0]!;
    for (const [service, ini] of [
      ["pgbouncer", "pgbouncer.ini"],
      ["pgbouncer_2", "pgbouncer-2.ini"],
    ]) {
      const text = unit(plans, host, "pgbouncer", `${service}.service`);
      expect(text).toMatch(new RegExp(`^ExecStart=/usr/sbin/pgbouncer /\\S+/current/pgbouncer/${ini}$`, "m"));
      expect(text).toMatch(/^Type=notify$/m);
      expect(text).not.toContain("MemoryMax");
    }
  });

  test("words of a unit arrive as they are", () => {
    expect(systemdWord('A=b "c" \\ 100%')).toBe('"A=b \\"c\\" \\\\ 100%%"');
    expect(systemdCommand(["/bin/x", "--a=$HOME", "it's"])).toBe(`/bin/x "--a=$$HOME" "it's"`);
    expect(() => systemdWord("a\nExecStartPre=evil")).toThrow(/a unit's value/);
  });
});
