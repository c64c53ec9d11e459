import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FleetSpec, PoolerSpec } from "../../infra/config/spec.ts";
import { poolGateProblems } from "../../infra/rendering/pool-gate.ts";
import { entryLimit, poolEntries, poolLimits } from "../../infra/rendering/pools.ts";
import { fleet, host, input, override, tuning } from "./fixture.ts";

const pooler = (changes: Partial<PoolerSpec> = {}): PoolerSpec => ({ ...fleet().pooler!, ...changes });
const gate = (spec: FleetSpec, maxConnections = 100): string[] =>
  poolGateProblems(
    input(spec, { tuning: () => tuning({ max_connections: override(String(maxConnections), "ordered-restart") }) }),
  );

describe("the connection gate", () => {
  test("defaults are never refused: they shrink", () => {
    expect(gate(fleet(), 30)).toEqual([]);
  });

  test("sizes of the config that fit pass, one more does not, and the sum is there term by term", () => {
    // 90 % of 100 − 3 − 16 is 72: two roles, one process, a database whose two entries lead to different servers.
    expect(gate(fleet({ pooler: pooler({ sizesGiven: true, poolSize: 31, reservePoolSize: 5 }) }))).toEqual([]);
    const [problem, ...more] = gate(fleet({ pooler: pooler({ sizesGiven: true, poolSize: 32, reservePoolSize: 5 }) }));
    expect(problem).toContain("all pools full are 74 connections to the primary, and 72 are there for them");
    expect(problem).toContain("74  app: 1 PgBouncer process × (app 37 + reporter 37)");
    expect(problem).toContain("90 % × (100 − 3 − 16) = 72");
    expect(problem).toContain("pooler.databases.app.maxConnections (72 for each fits)");
    // The advice holds: with that many connections it passes.
    const advised = Number(/connections to at least (\d+)/.exec(problem!)![1]);
    expect(gate(fleet({ pooler: pooler({ sizesGiven: true, poolSize: 32 }) }), advised)).toEqual([]);
    expect(more).toHaveLength(1);
  });

  test("every process and every pooler counts", () => {
    const sized = { sizesGiven: true, poolSize: 10, reservePoolSize: 0 } as const;
    expect(gate(fleet({ pooler: pooler({ ...sized, processes: 3 }) }))).toEqual([]);
    expect(gate(fleet({ pooler: pooler({ ...sized, processes: 4 }) }))[0]).toContain("4 PgBouncer processes");
  });

  test("a cap of an entry is what counts of it, and a cap of a role what counts of its pools", () => {
    const big = { sizesGiven: true, poolSize: 100, reservePoolSize: 0 } as const;
    expect(gate(fleet({ pooler: pooler(big) }))).toHaveLength(2);
    expect(gate(fleet({ pooler: pooler({ ...big, databases: { app: { maxConnections: 72 } } }) }))).toEqual([]);
    const users = { app: { maxConnections: 60 }, reporter: { maxConnections: 12 } };
    expect(gate(fleet({ pooler: pooler({ ...big, users }) }))).toEqual([]);
  });

  test("a role with a limit that may also come without the pooler counts beyond its pools", () => {
    const roles = fleet().roles.map((role) => (role.name === "reporter" ? { ...role, connectionLimit: 60 } : role));
    const sized = pooler({ sizesGiven: true, poolSize: 20, reservePoolSize: 0 });
    expect(gate(fleet({ roles, pooler: sized }))[0]).toContain("40  reporter, without a pooler: 60");
    expect(gate(fleet({ roles, pooler: sized, allowedNetworks: [] }))).toEqual([]);
  });

  test("whatever is set, what passes the gate fits into each server", () => {
    const size = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined });
    const shapes = fc.record({
      maxConnections: fc.integer({ min: 60, max: 600 }),
      processes: fc.integer({ min: 1, max: 4 }),
      replicas: fc.integer({ min: 0, max: 2 }),
      poolSize: size,
      own: size,
      most: size,
      user: size,
    });
    fc.assert(
      fc.property(shapes, ({ maxConnections, processes, replicas, poolSize, own, most, user }) => {
        const entry = { ...(own ? { poolSize: own } : {}), ...(most ? { maxConnections: most } : {}) };
        const spec = fleet({
          hosts: [
            host("db1", "primary", "10.0.0.1"),
            ...Array.from({ length: replicas }, (_, i) => host(`r${i}`, "replica", `10.0.1.${i}`)),
            host("pool1", "pooler", "10.0.0.9"),
          ],
          databases: ["d0", "d1"].map((name) => ({ name, owner: "app", extensions: [] })),
          allowedNetworks: [],
          pooler: pooler({
            processes,
            ...(poolSize ? { poolSize, sizesGiven: true as const } : {}),
            databases: { d0: entry },
            ...(user ? { users: { app: { maxConnections: user } } } : {}),
          }),
        });
        if (gate(spec, maxConnections).length > 0) return;
        const { maxDbConnections } = poolLimits(spec, maxConnections);
        const entries = poolEntries(spec).filter((one) => replicas === 0 || !one.readOnly);
        // What PgBouncer would open: the pools, within max_db_connections of the entry.
        const open = entries.map((one) =>
          Math.min(
            entryLimit(one, maxDbConnections),
            one.pools.reduce((sum, pool) => sum + pool.connections, 0),
          ),
        );
        // One connection for each entry is the least that works at all.
        const least = processes * entries.length;
        const total = processes * open.reduce((sum, one) => sum + one, 0);
        expect(total).toBeLessThanOrEqual(Math.max(least, maxConnections - 3 - 16));
      }),
      { numRuns: 300 },
    );
  });
});
