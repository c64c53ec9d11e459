import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { addedAfter, changeClass, factOf, factsFor, majors, removedParameters } from "../../infra/tuning/facts.ts";

describe("parameter facts", () => {
  test("each major has its own parameters", () => {
    expect(majors.map((major) => factsFor(major).size)).toEqual([346, 353, 362, 378, 398, 419]);
  });

  test("one parameter a line, sorted, so that a new version reads as a diff", () => {
    for (const major of majors) {
      const url = new URL(`../../infra/tuning/facts/pg${major}.json`, import.meta.url);
      const lines = readFileSync(url, "utf8").trimEnd().split("\n").slice(1, -1);
      const names = lines.map((line) => /^"([^"]+)": \{.*\},?$/.exec(line)?.[1]);
      expect(names).toHaveLength(factsFor(major).size);
      expect(names).toEqual([...names].sort((a, b) => (a!.toLowerCase() < b!.toLowerCase() ? -1 : 1)));
    }
  });

  test("few parameters ever changed what a change of them needs", () => {
    const changed = new Set<string>();
    for (const [i, major] of majors.slice(1).entries()) {
      for (const [name, fact] of factsFor(major)) {
        const before = factsFor(majors[i]!).get(name);
        if (before && before.context !== fact.context) changed.add(name);
      }
    }
    expect([...changed]).toEqual(["autovacuum_max_workers", "wal_receiver_timeout"]);
  });

  test("every parameter that disappears is known as removed in that very major", () => {
    for (const [i, major] of majors.slice(1).entries()) {
      for (const name of factsFor(majors[i]!).keys()) {
        if (!factsFor(major).has(name)) expect([name, removedParameters()[name]?.removedIn]).toEqual([name, major]);
      }
    }
  });

  test("a replacement exists where it is offered", () => {
    for (const [name, { removedIn, replacement }] of Object.entries(removedParameters())) {
      if (!replacement) continue;
      const first = majors.find((major) => major >= removedIn);
      if (first) expect([name, factsFor(first).has(replacement)]).toEqual([name, true]);
    }
  });

  test("what came later is found in the first major that has it", () => {
    expect(addedAfter("transaction_timeout", 14)).toBe(17);
    expect(addedAfter("reserved_connections", 14)).toBe(16);
    expect(addedAfter("work_mem", 14)).toBe(15);
    expect(addedAfter("no_such_thing", 14)).toBeUndefined();
  });
});

describe("what a change needs", () => {
  test.each([
    ["work_mem", 14, "reload"],
    ["max_wal_size", 17, "reload"],
    ["wal_compression", 17, "reload"],
    ["shared_buffers", 17, "restart"],
    ["log_connections", 17, "new-sessions"],
    ["jit_debugging_support", 17, "new-sessions"],
    ["max_connections", 17, "ordered-restart"],
    ["max_worker_processes", 14, "ordered-restart"],
    ["max_wal_senders", 15, "ordered-restart"],
    ["max_prepared_transactions", 16, "ordered-restart"],
    ["max_locks_per_transaction", 18, "ordered-restart"],
    ["max_replication_slots", 18, "restart"],
    ["autovacuum_max_workers", 17, "restart"],
    ["autovacuum_max_workers", 18, "reload"],
    ["pg_stat_statements.max", 17, "restart"],
    ["pg_stat_statements.track", 17, "reload"],
    ["auto_explain.log_min_duration", 17, "reload"],
    ["timescaledb.max_background_workers", 17, "restart"],
  ] as const)("%s on %i: %s", (name, version, expected) => {
    expect(changeClass(name, version)).toBe(expected);
  });

  test("a name PostgreSQL does not have, or that cannot be set, is an error", () => {
    expect(() => changeClass("work_men", 17)).toThrow(/no parameter "work_men"/);
    expect(() => changeClass("block_size", 17)).toThrow(/cannot be set/);
  });

  test("extension facts know the version that brought them", () => {
    expect(factOf("auto_explain.log_parameter_max_length", 15)).toBeUndefined();
    expect(factOf("auto_explain.log_parameter_max_length", 16)?.unit).toBe("B");
  });
});
