/** A rendered fleet in one file: what comes out is what went in, and nothing is said twice. */

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { BUNDLE_VERSION, type Bundle, bundleParts, readBundle, textsOf } from "../../infra/preview/bundle.ts";
import { type PackedData, pack, unpack } from "../../infra/preview/pack.ts";
import type { Side } from "../../infra/preview/types.ts";
import { compared, edited, RESIZE, STACK, side } from "./fixture.ts";
import { kinds, secret } from "./kinds.ts";
import { manyHosts } from "./synthetic.ts";

// Nothing here waits; a machine that is busy with other things may be slow.
vi.setConfig({ testTimeout: 120_000 });

type Rendered = Extract<Side, { kind: "rendered" }>;
const rendered = (text: string): Rendered => side(text) as Rendered;
const fileOf = ({ fleet, secrets }: Rendered, known?: ReadonlySet<string>): Buffer =>
  Buffer.concat(bundleParts(fleet, secrets, known));
const nothing = (): undefined => undefined;
const through = (one: Side | string): Side => {
  const before = typeof one === "string" ? side(one) : one;
  return before.kind === "rendered" ? { kind: "rendered", ...(readBundle(fileOf(before), nothing) as Bundle) } : before;
};

describe("packed data", () => {
  test("comes out as JSON would bring it", () => {
    const keys = fc.string().filter((key) => key !== "__proto__");
    const data = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false, undefined, 0, -1, 3, 1.5, "", "0", "a\0b"),
        fc.string(),
        fc.array(tie("value"), { maxLength: 5 }),
        fc.dictionary(keys, tie("value"), { maxKeys: 5 }),
      ),
    })).value;
    const json = (value: unknown): unknown => JSON.parse(JSON.stringify({ value }));
    fc.assert(
      fc.property(data, (value) => {
        const packed = JSON.parse(JSON.stringify(pack({ value }))) as PackedData;
        expect(JSON.stringify(unpack(packed))).toBe(JSON.stringify(json(value)));
      }),
      { numRuns: 300 },
    );
  });

  test("says once what is the same, and names of keys once", () => {
    const one = (i: number) => ({ name: `db${i}`, settings: { work_mem: { value: "4MB", reason: "as tuned" } } });
    const { nodes, names } = pack(Array.from({ length: 100 }, (_, i) => one(i)));
    expect(names).toEqual([["value", "reason"], ["work_mem"], ["name", "settings"]]);
    expect(nodes).toHaveLength(1 + 1 + 100 + 1);
  });
});

describe("a bundle", () => {
  test.each(kinds)("$name: compares as the fleet itself, at the base", ({ before, after }) => {
    expect(compared(through(before), after)).toEqual(compared(before, after));
  });

  test("has the plan, the fingerprints of secrets and every text", () => {
    const one = rendered(secret("v1:AAAA:canary"));
    const file = fileOf(one);
    const read = readBundle(file, nothing)!;
    expect(read.secrets).toEqual(one.secrets);
    expect(Object.keys(read.secrets.values)).toHaveLength(1);
    expect(file.includes("canary")).toBe(false);
    const plain = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (key, inner) => (key === "generation" ? undefined : inner)));
    expect(plain(read.fleet.plan)).toEqual(plain(one.fleet.plan));
    for (const { path } of one.fleet.plan.hosts.flatMap(({ components }) => components.flatMap(({ files }) => files)))
      expect(read.fleet.body(path), path).toBe(one.fleet.body(path));
    expect(() => read.fleet.body("db1/postgresql/none.conf")).toThrow("no file db1/postgresql/none.conf");
  });

  test("leaves out what the reader has, and asks the reader for it", () => {
    const [before, after] = [rendered(STACK), rendered(edited(RESIZE))];
    const paths = textsOf(after.fleet.plan);
    const file = fileOf(before, new Set(paths.keys()));
    expect(file.length).toBeLessThan(fileOf(before).length);
    const hba = before.fleet.body("db2/postgresql/pg_hba.conf");
    expect(fileOf(before).includes(hba)).toBe(true);
    expect(file.includes(hba)).toBe(false);
    const asked: string[] = [];
    const read = readBundle(file, (sha256) => {
      asked.push(sha256);
      return after.fleet.body(paths.get(sha256)!);
    })!;
    expect(read.fleet.body("db2/postgresql/pg_hba.conf")).toBe(hba);
    expect(asked).toHaveLength(1);
    expect(compared({ kind: "rendered", ...read }, after)).toEqual(compared(before, after));
  });

  test("of 1,000 hosts has little to say about each", () => {
    const perHost = (count: number): number =>
      fileOf(manyHosts(STACK, count, false) as Rendered, hashes).length / count;
    const hashes = new Set(textsOf((manyHosts(STACK, 1000) as Rendered).fleet.plan).keys());
    expect(perHost(1000)).toBeLessThan(5000);
  });

  test("of another version, cut off, or no bundle at all is not read", () => {
    const file = fileOf(rendered(STACK));
    expect(readBundle(file, nothing)).toBeDefined();
    const other = file.toString("utf8").replace(`"version":${BUNDLE_VERSION},`, `"version":${BUNDLE_VERSION + 1},`);
    for (const bad of [
      Buffer.from(other),
      file.subarray(0, -1),
      Buffer.from(""),
      Buffer.from("{}\n"),
      Buffer.from("x\n"),
    ])
      expect(readBundle(bad, nothing)).toBeUndefined();
  });

  test("tells when the other revision names generations otherwise: all of them change", () => {
    const [before, after] = [rendered(STACK), rendered(STACK)];
    for (const host of before.fleet.plan.hosts)
      for (const component of host.components)
        Object.defineProperty(component, "generation", { value: "0".repeat(16), enumerable: true });
    expect(compared(STACK, STACK).comparison.plan.steps).toEqual([]);
    expect(compared(through(before), after).comparison.plan.steps.length).toBeGreaterThan(0);
  });
});
