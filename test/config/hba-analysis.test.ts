/** Which lines can never decide: asked of the analysis, and of every connection of a small world. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deadLines } from "../../infra/config/hba-analysis.ts";
import type { HbaLine } from "../../infra/rendering/hba-lines.ts";

/** All of 10.0.0.0/29, one address outside of it, one of IPv6. */
const ADDRESSES = [...Array.from({ length: 8 }, (_, i) => `10.0.0.${i}`), "192.168.0.1", "fd00::1"];
const DATABASES = ["a", "b", "another", "replication"];
const USERS = ["u", "v", "another"];

interface Connection {
  transport: "socket" | "tls" | "plain";
  database: string;
  user: string;
  address: string;
}

const world: Connection[] = ["socket", "tls", "plain"].flatMap((transport) =>
  DATABASES.flatMap((database) =>
    USERS.flatMap((user) =>
      (transport === "socket" ? [""] : ADDRESSES).map(
        (address) => ({ transport, database, user, address }) as Connection,
      ),
    ),
  ),
);

/** PostgreSQL's own words: hba.c, check_hba. */
function matches(line: HbaLine, { transport, database, user, address }: Connection): boolean {
  if ((line.type === "local") !== (transport === "socket")) return false;
  if (line.type === "hostssl" && transport !== "tls") return false;
  if (line.type === "hostnossl" && transport !== "plain") return false;
  if (line.type !== "local" && line.address !== "all" && !inside(address, line.address)) return false;
  const forDatabase = line.databases.some((word) =>
    database === "replication" ? word === "replication" : word === "all" || word === database,
  );
  return forDatabase && line.users.some((word) => word === "all" || word === user);
}

function inside(address: string, network: string): boolean {
  const [start = "", prefix] = network.split("/");
  if (start.includes(":") !== address.includes(":")) return false;
  if (start.includes(":")) return prefix === "0" || start === address;
  const value = (text: string): number => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const block = 2 ** (32 - Number(prefix));
  return Math.floor(value(start) / block) === Math.floor(value(address) / block);
}

const networks = fc.oneof(
  fc.integer({ min: 29, max: 32 }).chain((prefix) => {
    const size = 2 ** (32 - prefix);
    return fc.integer({ min: 0, max: 8 / size - 1 }).map((i) => `10.0.0.${i * size}/${prefix}`);
  }),
  fc.constantFrom("all", "0.0.0.0/0", "::/0", "fd00::1/128", "192.168.0.1/32"),
);
const words = (...all: string[]) => fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 2 });
const line = fc.record({
  type: fc.constantFrom("host" as const, "host" as const, "hostssl" as const, "hostnossl" as const, "local" as const),
  databases: words("all", "a", "b", "replication"),
  users: words("all", "u", "v"),
  address: networks,
  method: fc.constantFrom("scram-sha-256", "reject"),
});
const lines = fc.array(
  line.map((one): HbaLine => ({ ...one, address: one.type === "local" ? "" : one.address, options: [] })),
  { minLength: 1, maxLength: 7 },
);

describe("lines that never decide", () => {
  test("are exactly those that no connection of the whole world meets first", () => {
    fc.assert(
      fc.property(lines, (all) => {
        // Networks wider than this world's are all of it and more: no line is dead in the world and alive outside.
        const outside = all.some((one) => ["all", "0.0.0.0/0", "::/0"].includes(one.address));
        const first = new Set(world.map((connection) => all.findIndex((one) => matches(one, connection))));
        const never = all.flatMap((_, i) => (first.has(i) ? [] : [i]));
        const found = deadLines(all).map((dead) => dead.line);
        // What is found is never met by anybody.
        expect(never).toEqual(expect.arrayContaining(found));
        if (!outside) expect(found).toEqual(never);
      }),
      { numRuns: 500 },
    );
  });

  test("what is said to decide instead does, for every connection", () => {
    fc.assert(
      fc.property(lines, (all) => {
        for (const dead of deadLines(all)) {
          const met = world.filter((connection) => matches(all[dead.line]!, connection));
          const deciders = new Set(met.map((connection) => all.findIndex((one) => matches(one, connection))));
          for (const decider of deciders) expect(dead.by).toContain(decider);
          if (!dead.contradicted) for (const i of deciders) expect(all[i]!.method).toBe(all[dead.line]!.method);
        }
      }),
      { numRuns: 300 },
    );
  });

  const one = (changes: Partial<HbaLine> = {}): HbaLine => ({
    type: "host",
    databases: ["a"],
    users: ["u"],
    address: "10.0.0.0/24",
    method: "scram-sha-256",
    options: [],
    ...changes,
  });

  test("two halves are the whole, in IPv6 too", () => {
    const halves = [
      one({ address: "fd00::/65" }),
      one({ address: "fd00:0:0:0:8000::/65" }),
      one({ address: "fd00::/64" }),
    ];
    expect(deadLines(halves)).toEqual([{ line: 2, by: [0, 1], contradicted: false }]);
    expect(deadLines([halves[0]!, halves[2]!])).toEqual([]);
  });

  test("members of a role are covered by everybody and by the same role, not by its name", () => {
    const members = one({ users: ["+g"] });
    expect(deadLines([one({ users: ["g"] }), members])).toEqual([]);
    expect(deadLines([members, members])).toHaveLength(1);
    expect(deadLines([one({ users: ["all"] }), members])).toHaveLength(1);
  });

  test("a narrow exception before a wide rule is what order is for", () => {
    expect(deadLines([one({ address: "10.0.0.7/32", method: "reject" }), one()])).toEqual([]);
  });

  test("replication is no database: all does not have it", () => {
    expect(deadLines([one({ databases: ["all"] }), one({ databases: ["replication"] })])).toEqual([]);
  });
});
