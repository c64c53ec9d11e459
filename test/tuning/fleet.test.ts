import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hotStandbyParameters } from "../../infra/tuning/facts.ts";
import { otherServicesMb, pooledConnections } from "../../infra/tuning/fleet-input.ts";
import { BudgetError, FleetTuningError, tune, tuneCluster, tuneFleet, tuneMember } from "../../infra/tuning/tune.ts";
import { fleet, member } from "./fleet.ts";

const pooler = {
  hosts: ["pool1"],
  poolMode: "transaction" as const,
  maxClientConnections: 1000,
  poolSize: 20,
  reservePoolSize: 5,
  port: 6432,
  parameters: {},
};

describe("the five values of a cluster", () => {
  test("are equal on members of any sizes", () => {
    const size = fc.record({
      memoryMb: fc.integer({ min: 2048, max: 262144 }),
      cpus: fc.integer({ min: 1, max: 128 }),
      diskMb: fc.integer({ min: 10240, max: 1048576 }),
    });
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 5 }), (sizes) => {
        const spec = fleet(sizes.map((s, i) => member(`db${i}`, i === 0 ? "primary" : "replica", s)));
        const { tunings } = tuneFleet(spec);
        for (const name of hotStandbyParameters) {
          const values = new Set([...tunings.values()].map((tuning) => tuning.settings.get(name)!.value));
          expect([name, values.size]).toEqual([name, 1]);
          expect([...tunings.values()][0]!.settings.get(name)!.class).toBe("ordered-restart");
        }
      }),
      { numRuns: 300 },
    );
  });

  test("max_connections is what the smallest member's memory allows", () => {
    const small = member("db2", "replica", { memoryMb: 4096 });
    const alone = tuneCluster(fleet([member("db1", "primary", { memoryMb: 4096 })])).max_connections;
    const mixed = tuneCluster(fleet([member("db1", "primary", { memoryMb: 65536 }), small]));
    expect(tuneCluster(fleet([member("db1", "primary", { memoryMb: 65536 })])).max_connections).toBe(200);
    expect(mixed.max_connections).toBe(alone);
    expect(alone).toBeLessThan(100);
  });

  test("archiving that is set for one host alone is warned of where it is missing", () => {
    const parameters = { archive_command: "cp %p /mnt/%f" };
    const warnings = (spec: ReturnType<typeof fleet>) =>
      [...tuneFleet(spec).tunings].flatMap(([name, tuning]) => (tuning.warnings.length > 0 ? [name] : []));
    const alone = [member("db1", "primary", { parameters }), member("db2", "replica")];
    expect(warnings(fleet(alone))).toEqual(["db2"]);
    expect(warnings(fleet([member("db1", "primary"), member("db2", "replica")], { parameters }))).toEqual([]);
    expect(warnings(fleet([member("db1", "primary"), member("db2", "replica")]))).toEqual([]);
  });

  test("max_connections is taken from `connections`, and refused where a member cannot hold it", () => {
    const hosts = [member("db1", "primary"), member("db2", "replica", { memoryMb: 2048 })];
    expect(tuneCluster(fleet(hosts, { connections: 300 })).max_connections).toBe(300);
    const error = refusal(() => tuneFleet(fleet(hosts, { connections: 300 })));
    expect(error).toBeInstanceOf(FleetTuningError);
    expect([...(error as FleetTuningError).errors.keys()]).toEqual(["db2"]);
    const [, connections] = /connections (\d+) \(now 300\)/.exec(
      (error as FleetTuningError).errors.get("db2")!.message,
    )!;
    expect(() => tuneFleet(fleet(hosts, { connections: Number(connections) }))).not.toThrow();
    expect(() => tuneFleet(fleet(hosts, { connections: Number(connections) + 1 }))).toThrow(/db2/);
  });

  test("max_worker_processes follows the most cpus of any member, with room beside them", () => {
    const of = (...cpus: number[]): number =>
      tuneCluster(fleet(cpus.map((n, i) => member(`db${i}`, i === 0 ? "primary" : "replica", { cpus: n }))))
        .max_worker_processes;
    expect([of(1), of(8), of(16, 4), of(4, 16), of(64)]).toEqual([16, 16, 24, 24, 72]);
  });

  test("max_wal_senders has two for each standby and four more, in steps of ten", () => {
    const of = (replicas: number): number =>
      tuneCluster(
        fleet([member("db0", "primary"), ...Array.from({ length: replicas }, (_, i) => member(`r${i}`, "replica"))]),
      ).max_wal_senders;
    expect([0, 1, 3, 4, 8, 9].map(of)).toEqual([10, 10, 10, 20, 20, 30]);
  });

  test("an override for the cluster wins, one for a host is refused", () => {
    const spec = fleet([member("db1", "primary"), member("db2", "replica")], { parameters: { max_wal_senders: "25" } });
    const { tunings } = tuneFleet(spec);
    for (const tuning of tunings.values()) {
      expect(tuning.settings.get("max_wal_senders")).toMatchObject({ value: "25", source: "override" });
    }
    const bad = fleet([member("db1", "primary", { parameters: { max_wal_senders: "25" } })]);
    expect(() => tuneFleet(bad)).toThrow(/must be equal on all members/);
  });

  test("a member that is resized keeps all but max_connections; given connections, all", () => {
    const before = tuneCluster(fleet([member("db1", "primary"), member("db2", "replica")], { connections: 100 }));
    const after = tuneCluster(
      fleet([member("db1", "primary"), member("db2", "replica", { memoryMb: 65536 })], { connections: 100 }),
    );
    expect(after).toEqual(before);
  });
});

describe("a member of a fleet", () => {
  test("makes room for the other services on its host", () => {
    const host = member("db1", "primary");
    const monitoring = { hosts: ["mon1"], scrapeIntervalSeconds: 15, retentionDays: 15, prometheusPort: 9090 };
    const bare = fleet([host]);
    const watched = fleet([host], {}, { monitoring });
    expect(otherServicesMb(watched, host)).toBeGreaterThan(otherServicesMb(bare, host));
    const pooled = fleet([host], {}, { pooler: { ...pooler, hosts: ["db1"] } });
    expect(otherServicesMb(pooled, host)).toBeGreaterThan(otherServicesMb(bare, host));
    const everything = fleet([host], {}, { monitoring: { ...monitoring, hosts: ["db1"] } });
    const difference = otherServicesMb(everything, host) - otherServicesMb(bare, host);
    const limits = [bare, everything].map((spec) => tuneMember(spec, host, tuneCluster(bare)).budget.limitMb);
    expect(limits[0]! - limits[1]!).toBeCloseTo(difference, 6);
  });

  test("behind a pooler has more work_mem: only pooled and direct connections run queries at once", () => {
    const host = member("db1", "primary", { memoryMb: 65536 });
    const direct = tuneFleet(fleet([host])).tunings.get("db1")!;
    const pooled = tuneFleet(fleet([host], {}, { pooler })).tunings.get("db1")!;
    expect(pooledConnections(fleet([host], {}, { pooler }))).toBe(50);
    const mb = (text: string): number => Number.parseInt(text, 10);
    expect(mb(pooled.settings.get("work_mem")!.value)).toBeGreaterThan(2 * mb(direct.settings.get("work_mem")!.value));
    expect(pooled.budget.terms.find((t) => t.name === "work_mem")!.detail).toContain("66 pooled and direct");
  });

  test("asks for huge pages whatever its size, but not where the kernel is the machine's", () => {
    for (const memoryMb of [512, 4096, 65536]) {
      const host = member("db1", "primary", { memoryMb });
      const of = (platform: "local" | "docker" | "existing" | "aws"): string =>
        tuneFleet(fleet([host], {}, { platform }))
          .tunings.get("db1")!
          .settings.get("huge_pages")!.value;
      expect([of("local"), of("docker"), of("existing"), of("aws")]).toEqual(["off", "off", "try", "try"]);
    }
  });

  test("overrides of the host win over those of the cluster, and say so", () => {
    const hosts = [member("db1", "primary", { parameters: { work_mem: "6MB" } }), member("db2", "replica")];
    const { tunings } = tuneFleet(fleet(hosts, { parameters: { work_mem: "5MB", jit: "yes" } }));
    expect(tunings.get("db1")!.settings.get("work_mem")).toMatchObject({
      value: "6MB",
      source: "override",
      class: "reload",
    });
    expect(tunings.get("db1")!.settings.get("work_mem")!.reason).toMatch(/parameters of the host instead of/);
    expect(tunings.get("db2")!.settings.get("work_mem")!.value).toBe("5MB");
    expect(tunings.get("db2")!.settings.get("jit")!.value).toBe("on");
  });

  test("every host that cannot hold its share is named at once, equal ones together", () => {
    const hosts = ["db1", "db2", "db3"].map((name, i) =>
      member(name, i === 0 ? "primary" : "replica", { memoryMb: 512 }),
    );
    const error = refusal(() => tuneFleet(fleet(hosts, { connections: 100 })));
    expect(error.message).toMatch(/^hosts db1, db2, db3: memory cannot hold/);
    expect(error.message.match(/limit/g)).toHaveLength(1);
  });
});

test("the same input gives the same settings in the same order", () => {
  const input = { version: 18, workload: "mixed", memoryMb: 24576, cpus: 12, diskMb: 204800, storage: "nvme" } as const;
  expect([...tune(input).settings]).toEqual([...tune({ ...input }).settings]);
});

function refusal(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof BudgetError || error instanceof FleetTuningError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
