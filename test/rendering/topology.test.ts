/** Who streams from whom, and who answers for a commit, in the files of each member. */

import { describe, expect, test } from "vitest";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import { body, fleet, host, input, override, tuning } from "./fixture.ts";

const with3 = (change: Partial<FleetSpec["hosts"][number]>): FleetSpec["hosts"] => [
  host("db1", "primary", "127.0.10.1"),
  host("db2", "replica", "127.0.10.2"),
  { ...host("db-3", "replica", "127.0.10.3"), ...change },
];
const alone = (spec: Partial<FleetSpec>) => {
  const { monitoring: _, pooler: __, ...rest } = fleet(spec);
  return rest;
};
const topology = (spec: FleetSpec, name: string) => body(renderFleet(input(spec)), name, "postgresql/80-topology.conf");
const source = (text: string) => /host=(\S+)/.exec(text)?.[1];

describe("upstream", () => {
  test("a member streams from the address of its upstream, the others from the primary", () => {
    const spec = alone({ hosts: with3({ upstream: "db2" }) });
    expect(topology(spec, "db-3")).toMatch(/^primary_conninfo .*host=127\.0\.10\.2 .*# streams from db2$/m);
    expect(topology(spec, "db-3")).toContain("# Its WAL comes through db2, a replica itself.");
    expect(source(topology(spec, "db2"))).toBe("127.0.10.1");
    expect(topology(spec, "db2")).not.toContain("Its WAL comes through");
    expect(topology(spec, "db1")).not.toContain("primary_conninfo =");
  });

  test("it follows the primary that is declared; the primary itself has none, whatever it had before", () => {
    const spec = alone({ hosts: with3({ upstream: "db2" }), primary: "db-3" });
    expect(topology(spec, "db-3")).not.toMatch(/^primary_conninfo/m);
    expect(source(topology(spec, "db1"))).toBe("127.0.10.3");
  });

  test("every member lets every other replicate from it, so that any can be an upstream", () => {
    const plans = renderFleet(input({ ...fleet(), platform: "existing" }));
    for (const [name, others] of [
      ["db1", ["127.0.10.2/32", "127.0.10.3/32"]],
      ["db2", ["127.0.10.1/32", "127.0.10.3/32"]],
    ] as const) {
      const lines = body(plans, name, "postgresql/pg_hba.conf").match(/^host +replication +pgfleet_replicator .*$/gm)!;
      expect(lines.map((line) => /\S+\/32/.exec(line)![0])).toEqual(others);
    }
  });
});

describe("synchronous", () => {
  const quorum = fleet({ cluster: { ...fleet().cluster, synchronous: "quorum" } });

  test("quorum: every member names all others, quoted, so that it holds after a switchover too", () => {
    for (const [name, list] of Object.entries({
      db1: `ANY 1 ("db2", "db-3")`,
      db2: `ANY 1 ("db1", "db-3")`,
      "db-3": `ANY 1 ("db1", "db2")`,
    })) {
      expect(topology(quorum, name)).toContain(`synchronous_standby_names = '${list}'`);
      expect(renderFleet(input(quorum)).find((plan) => plan.host === name)!.settings.synchronous_standby_names).toBe(
        list,
      );
    }
  });

  test("the names are those that members give when they stream", () => {
    expect(topology(quorum, "db-3")).toMatch(/application_name=db-3\b/);
  });

  test("off: the project leaves the parameter alone", () => {
    const tuned = () => tuning({ synchronous_standby_names: override("*") });
    for (const plan of renderFleet(input())) expect(plan.settings).not.toHaveProperty("synchronous_standby_names");
    expect(body(renderFleet(input(fleet(), { tuning: tuned })), "db1", "postgresql/90-override.conf")).toContain(
      "synchronous_standby_names = '*'",
    );
    expect(() => renderFleet(input(quorum, { tuning: tuned }))).toThrow(
      /parameter synchronous_standby_names .*is set by the project/,
    );
  });
});
