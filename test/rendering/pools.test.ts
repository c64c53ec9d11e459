import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { poolLimits } from "../../infra/rendering/pools.ts";
import { DIRECT_CONNECTIONS } from "../../infra/tuning/input.ts";
import { fleet, host } from "./fixture.ts";

describe("max_db_connections", () => {
  test("whatever the fleet, all pools together fit into each server", () => {
    const shapes = fc.record({
      maxConnections: fc.integer({ min: 60, max: 5000 }),
      poolers: fc.integer({ min: 1, max: 4 }),
      databases: fc.integer({ min: 1, max: 4 }),
      replicas: fc.integer({ min: 0, max: 3 }),
      poolSize: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(shapes, ({ maxConnections, poolers, databases, replicas, poolSize }) => {
        const names = Array.from({ length: poolers }, (_, i) => `pool${i}`);
        const spec = fleet({
          hosts: [
            host("db1", "primary", "10.0.0.1"),
            ...Array.from({ length: replicas }, (_, i) => host(`r${i}`, "replica", `10.0.1.${i}`)),
          ],
          pooler: {
            hosts: names,
            poolMode: "transaction",
            maxClientConnections: 100,
            poolSize,
            reservePoolSize: 2,
            port: 6432,
            parameters: {},
          },
          databases: Array.from({ length: databases }, (_, i) => ({ name: `d${i}`, owner: "app", extensions: [] })),
        });
        const { maxDbConnections } = poolLimits(spec, maxConnections);
        const onPrimary = maxDbConnections * poolers * databases * (replicas > 0 ? 1 : 2);
        // One connection per entry is the least that works at all.
        if (maxDbConnections > 1) expect(onPrimary).toBeLessThanOrEqual(maxConnections - 3 - DIRECT_CONNECTIONS);
        expect(maxDbConnections).toBeGreaterThanOrEqual(1);
        expect(maxDbConnections).toBeLessThanOrEqual(2 * (poolSize + 2));
      }),
    );
  });

  test("says its arithmetic", () => {
    expect(poolLimits(fleet(), 100)).toEqual({
      maxDbConnections: 50,
      detail:
        "the smaller of 50 = 2 login roles × (20 + 5) and 72 = 90 % × (100 max_connections − 3 reserved − 16 direct) ÷ 1 PgBouncer ÷ 1 entries per server",
    });
  });
});
