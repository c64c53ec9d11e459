import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { serviceError } from "../../../provider/failure.ts";
import { PartialFailure, UNKNOWN } from "../../../provider/types.ts";
import { Envelope, formatPath } from "../../../provider/wire.ts";
import { type Json, json, partialState, SIGNATURE, secret, struct, UNKNOWN_TEXT } from "./harness.ts";

/** A value as the engine has it: data, with secrets and unknowns at any place. */
type Node =
  | { kind: "scalar"; value: null | boolean | number | string; secret: boolean }
  | { kind: "unknown"; secret: boolean }
  | { kind: "array"; items: Node[]; secret: boolean }
  | { kind: "object"; entries: Record<string, Node>; secret: boolean };

const key = fc
  .oneof(fc.constantFrom("a", "b", "password", "x.y", "0", "host 1"), fc.string({ unit: "grapheme" }))
  .filter((text) => text !== "__proto__" && text !== SIGNATURE);
const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", "postgres", "5432", "secret", "[secret]"),
);
const secretFlag = fc.boolean();
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("scalar" as const), value: scalar, secret: secretFlag }),
    fc.record({ kind: fc.constant("unknown" as const), secret: secretFlag }),
    fc.record({
      kind: fc.constant("array" as const),
      items: fc.array(tie("node"), { maxLength: 4 }),
      secret: secretFlag,
    }),
    fc.record({
      kind: fc.constant("object" as const),
      entries: fc.dictionary(key, tie("node"), { maxKeys: 4 }),
      secret: secretFlag,
    }),
  ),
}));
const root = fc.dictionary(key, node, { maxKeys: 5 });

function toWire(node: Node, inside = false): Json {
  const below = inside || node.secret;
  const value =
    node.kind === "scalar"
      ? node.value
      : node.kind === "unknown"
        ? UNKNOWN_TEXT
        : node.kind === "array"
          ? node.items.map((item) => toWire(item, below))
          : mapEntries(node.entries, (entry) => toWire(entry, below));
  return node.secret && !inside ? secret(value) : value;
}

function toPlain(node: Node): Json {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "unknown") return UNKNOWN;
  return node.kind === "array" ? node.items.map(toPlain) : mapEntries(node.entries, toPlain);
}

function mapEntries<T>(entries: Record<string, T>, f: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, f(value)]));
}

/** What anybody may read: the wire form without what the engine will encrypt. */
function visible(value: Json): Json {
  if (Array.isArray(value)) return value.map(visible);
  if (typeof value !== "object" || value === null) return value;
  return SIGNATURE in value ? "hidden" : mapEntries(value, visible);
}

describe("opening and sealing", () => {
  test("what was opened is plain data, and sealing it gives back what came", () => {
    fc.assert(
      fc.property(root, (entries) => {
        const wire = mapEntries(entries, (entry) => toWire(entry));
        const envelope = new Envelope();
        const plain = envelope.open(struct(wire));
        expect(plain).toEqual(mapEntries(entries, toPlain));
        expect(json(envelope.seal(plain, "keep"))).toEqual(wire);
      }),
      { numRuns: 500 },
    );
  });

  test("wherever a resource puts a secret, it is not readable", () => {
    const canary = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => `c4nary${text}~`);
    const place = fc.constantFrom("whole", "inside", "key", "json");
    fc.assert(
      fc.property(
        root,
        fc.array(canary, { minLength: 1, maxLength: 3 }),
        root,
        fc.array(place, { minLength: 1 }),
        (before, canaries, after, places) => {
          const envelope = new Envelope();
          const wire = { ...mapEntries(before, (entry) => toWire(entry)), mine: [{ deep: canaries.map(secret) }] };
          envelope.open(struct(wire));
          const copies = places.map((place, i) => {
            const text = canaries[i % canaries.length]!;
            if (place === "whole") return { copied: text };
            if (place === "inside") return { copied: [`before ${text} after`] };
            return place === "key" ? { copied: { [text]: 1 } } : { copied: JSON.stringify({ text }) };
          });
          const sealed = json(envelope.seal({ ...mapEntries(after, toPlain), copies, mine: 1 }, "keep"));
          expect(JSON.stringify(visible(sealed))).not.toContain("c4nary");
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a secret that the engine keeps only in state stays secret", () => {
    const envelope = new Envelope();
    envelope.open(struct({ made: { token: secret("t"), n: 1 } }));
    envelope.open(struct({ name: "x" }));
    expect(json(envelope.seal({ name: "x", made: { token: "other", n: 2 } }))).toEqual({
      name: "x",
      made: { token: secret("other"), n: 2 },
    });
  });

  test("a scalar where a secret lay below is secret, null is not", () => {
    const envelope = new Envelope();
    envelope.open(struct({ a: { b: secret("xyzw") }, c: { d: secret("xyzw") } }));
    expect(json(envelope.seal({ a: "derived", c: null }))).toEqual({ a: secret("derived"), c: null });
  });

  test("the resource's secret keys are secret even when nobody said so, dotted ones below a map", () => {
    const envelope = new Envelope(["token", "bootstrap.verifier", "absent"]);
    const plain = envelope.open(struct({ token: "t0ken", bootstrap: { verifier: "v3rifier", kind: "init" } }));
    expect(json(envelope.seal(plain))).toEqual({
      token: secret("t0ken"),
      bootstrap: { verifier: secret("v3rifier"), kind: "init" },
    });
    expect(envelope.redact("t0ken v3rifier init")).toBe("[secret] [secret] init");
  });

  test("what was given in plain stays readable in its place, although it equals a secret", () => {
    const envelope = new Envelope();
    const plain = envelope.open(struct({ user: "postgres", password: secret("postgres") }));
    expect(json(envelope.seal({ ...plain, elsewhere: "postgres" }))).toEqual({
      user: "postgres",
      password: secret("postgres"),
      elsewhere: secret("postgres"),
    });
  });

  test("absent properties are left out, null is kept, holes in lists become null", () => {
    const sealed = new Envelope().seal({
      a: undefined,
      b: null,
      c: [undefined, null, { d: undefined }],
      e: "",
      f: 0,
      g: false,
    });
    expect(json(sealed)).toEqual({ b: null, c: [null, null, {}], e: "", f: 0, g: false });
  });

  test("every unknown of the engine is UNKNOWN, whatever its type, also inside a secret", () => {
    const unknowns = ["04da6b54-80e4-46f7-96ec-b56ff0331ba9", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"];
    expect(new Envelope().open(struct({ list: unknowns, hidden: secret({ a: UNKNOWN_TEXT }) }))).toEqual({
      list: [UNKNOWN, UNKNOWN],
      hidden: { a: UNKNOWN },
    });
  });
});

describe("refusals name the place and never the value", () => {
  const cyclic: Json = { name: "x" };
  cyclic.self = cyclic;
  test.each<[string, Json, RegExp]>([
    ["not a number", { a: [{ b: Number.NaN }] }, /^a\[0\]\.b: NaN is not a number that state can hold$/],
    ["infinity", { a: Number.POSITIVE_INFINITY }, /^a: Infinity is not/],
    ["a date", { a: new Date() }, /^a: a value of type Date is not plain data$/],
    ["a map", { a: new Map() }, /type Map/],
    ["bytes", { a: Buffer.from("x") }, /type Buffer/],
    ["a function", { a: () => 1 }, /type function/],
    ["a big integer", { a: 1n }, /type bigint/],
    ["broken text", { a: "\ud800" }, /^a: is text that is not valid Unicode$/],
    ["an unknown", { "a b": { c: UNKNOWN } }, /^\["a b"\]\.c: is still unknown after the operation$/],
    ["a cycle", cyclic, /^self\.self.*contains itself$/],
    ["the sentinel's key", { a: { [SIGNATURE]: "c4nary" } }, /^a: has a property name that is reserved$/],
  ])("%s", (_name, value, message) => {
    const envelope = new Envelope();
    expect(() => envelope.seal(value)).toThrow(message);
    expect(() => envelope.seal({ token: value })).toThrow(/^token/);
    const whole = new Envelope(["token"]);
    expect(() => whole.seal({ token: value })).toThrow(/^token/);
  });

  test.each([
    ["an asset", "c44067f5952c0a294b673a41bacd8c17"],
    ["an archive", "0def7320c3a5731c473e5ecbe6d01bc7"],
    ["a reference to a resource", "5cf8f73096256a8f31e491e813e4eb8e"],
    ["an output value", "d0e6a833031e9bbcd3f4e8bde6ca49a4"],
    ["a value of an unknown kind", "00000000000000000000000000000000"],
  ])("%s as input", (what, signature) => {
    const wire = struct({ files: [{ body: { [SIGNATURE]: signature, text: "c4nary" } }] });
    expect(() => new Envelope().open(wire)).toThrow(`files[0].body: ${what} is not accepted; give plain data`);
  });

  test("paths are written as the engine writes them", () => {
    expect(formatPath(["a", 0, "b-c", "x.y", 'q"', "1"])).toBe('a[0].b-c["x.y"]["q\\""]["1"]');
  });
});

test("no error text shows a secret, in whatever form it was put there", () => {
  const forms: ((text: string) => string)[] = [
    (text) => text,
    (text) => JSON.stringify(text),
    (text) => `'${text.replaceAll("'", "''")}'`,
    (text) => encodeURIComponent(text),
    (text) => Buffer.from(text).toString("base64"),
    (text) => `${text}${text}`,
  ];
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
      fc.constantFrom(...forms),
      fc.boolean(),
      (text, form, partial) => {
        const canary = `c4nary${text}`;
        const envelope = new Envelope();
        const plain = envelope.open(struct({ list: [secret({ password: canary })], words: "open" }));
        const message = `cannot log in as ${form(canary)} at host`;
        const thrown = partial ? new PartialFailure(message, "id", { ...plain, note: message }) : new Error(message);
        const error = serviceError(thrown, { envelope, recordsState: true, aborted: false });
        const shown = `${error.message} ${error.details} ${JSON.stringify(visible(partialState(error) ?? {}))}`;
        for (const each of forms) expect(shown).not.toContain(each(canary));
        expect(error.details).toContain("cannot log in as");
      },
    ),
    { numRuns: 500 },
  );
});
