/**
 * The engine's encoding of secrets, unknowns and absent values. Nothing behind this file sees a sentinel, and
 * nothing a resource returns reaches the engine without passing here.
 */

import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { Redactor } from "./redact.ts";
import { UNKNOWN } from "./types.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const REFUSED: Readonly<Record<string, string>> = {
  c44067f5952c0a294b673a41bacd8c17: "an asset",
  "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
  "5cf8f73096256a8f31e491e813e4eb8e": "a reference to a resource",
  d0e6a833031e9bbcd3f4e8bde6ca49a4: "an output value",
};
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** The engine has one sentinel per type; a value that is not known has no type that matters here. */
const UNKNOWN_TEXTS: ReadonlySet<string> = new Set([
  UNKNOWN_TEXT,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);
const MAX_DEPTH = 200;

type Json = Record<string, unknown>;

/** A value that cannot cross the edge. The message names the property and never holds a value. */
export class WireError extends Error {
  constructor(path: Path, problem: string) {
    super(`${path.length === 0 ? "the whole value" : formatPath(path)}: ${problem}`);
  }
}

type Path = readonly (string | number)[];

/** Where secrets are: a tree of property names (array positions as digits). */
interface Marks {
  secret: boolean;
  readonly children: Map<string, Marks>;
}

/** The secrets of one request: opens what came in, seals what goes out, and redacts what is said meanwhile. */
export class Envelope {
  readonly redactor = new Redactor();
  readonly #marks: Marks = { secret: false, children: new Map() };
  readonly #opened: { value: unknown; marks: Marks }[] = [];

  readonly #everySecret: Redactor | undefined;

  /**
   * `secrets`: keys, or dotted paths of keys, that are secret whatever the program marked.
   * `everySecret`: learns what this envelope learns, for messages outside of any request.
   */
  constructor(secrets: readonly string[] = [], everySecret?: Redactor) {
    this.#everySecret = everySecret;
    for (const key of secrets) markAt(this.#marks, key.split(".")).secret = true;
  }

  /** The plain value of what the engine sent, with UNKNOWN for what it does not know. Throws WireError. */
  open(struct: structs.Struct | undefined): Json {
    const marks: Marks = { secret: false, children: new Map() };
    const value = unwrap(struct?.toJavaScript() ?? {}, [], marks) as Json;
    merge(this.#marks, marks);
    this.learn(value);
    this.#opened.push({ value, marks });
    return value;
  }

  /** Makes known the secrets of a value that a resource is about to return, before a message is redacted. */
  learn(value: unknown): void {
    collect(value, this.#marks, this.redactor);
    if (this.#everySecret !== undefined) collect(value, this.#marks, this.#everySecret);
  }

  /**
   * The engine's form of `value`: secret wherever any opened value was secret, at the resource's own secret keys,
   * and wherever a known secret turns up. Absent properties are left out. Throws WireError.
   */
  seal(value: object, unknowns: "keep" | "refuse" = "refuse"): structs.Struct {
    this.learn(value);
    const wrapper = new Wrapper(this.redactor, unknowns);
    const sealed = wrapper.wrap(value, [], this.#marks, this.#opened) as Record<string, structs.JavaScriptValue>;
    return structs.Struct.fromJavaScript(sealed);
  }

  redact(text: string): string {
    return this.redactor.redact(text);
  }
}

function unwrap(value: unknown, path: Path, marks: Marks): unknown {
  if (typeof value === "string") return UNKNOWN_TEXTS.has(value) ? UNKNOWN : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => unwrap(item, [...path, index], child(marks, index)));
  const object = value as Json;
  if (SIGNATURE in object) {
    const signature = String(object[SIGNATURE]);
    if (signature !== SECRET) {
      throw new WireError(
        path,
        `${REFUSED[signature] ?? "a value of an unknown kind"} is not accepted; give plain data`,
      );
    }
    marks.secret = true;
    return unwrap(object.value ?? null, path, marks);
  }
  return Object.fromEntries(
    Object.entries(object).map(([key, item]) => [key, unwrap(item, [...path, key], child(marks, key))]),
  );
}

interface Cursor {
  value: unknown;
  marks: Marks | undefined;
}

class Wrapper {
  readonly #redactor: Redactor;
  readonly #unknowns: "keep" | "refuse";

  constructor(redactor: Redactor, unknowns: "keep" | "refuse") {
    this.#redactor = redactor;
    this.#unknowns = unknowns;
  }

  /** `given`: the same place in each opened value; what was given in plain at a place may stay plain there. */
  wrap(value: unknown, path: Path, marks: Marks | undefined, given: readonly Cursor[]): unknown {
    if (path.length > MAX_DEPTH) throw new WireError(path.slice(0, 8), "is nested too deeply, or contains itself");
    if (path.length > 0 && marks?.secret) return asSecret(this.#plain(value, path));
    if (Array.isArray(value)) {
      return value.map((item, index) =>
        this.wrap(item ?? null, [...path, index], marks?.children.get(String(index)), step(given, index)),
      );
    }
    if (isPlainObject(value)) {
      const keys = Object.keys(value).filter((key) => value[key] !== undefined);
      if (path.length > 0 && keys.some((key) => this.#betrays(key) && !given.some((g) => has(g, key)))) {
        return asSecret(this.#plain(value, path));
      }
      return Object.fromEntries(
        keys.map((key) => [
          checkedKey(key, path),
          this.wrap(value[key], [...path, key], marks?.children.get(key), step(given, key)),
        ]),
      );
    }
    const scalar = this.#scalar(value, path);
    // A secret used to lie below this place: what stands here now may be made of it.
    if (marks !== undefined && holdsSecret(marks) && value !== null && value !== UNKNOWN) return asSecret(scalar);
    const isGiven = given.some((cursor) => cursor.value === value && cursor.marks?.secret !== true);
    return this.#betrays(value) && !isGiven ? asSecret(scalar) : scalar;
  }

  #betrays(value: unknown): boolean {
    return (typeof value === "string" || typeof value === "number") && this.#redactor.mentions(String(value));
  }

  #plain(value: unknown, path: Path): unknown {
    return new Wrapper(new Redactor(), this.#unknowns).wrap(value, path, undefined, []);
  }

  #scalar(value: unknown, path: Path): unknown {
    if (value === UNKNOWN) {
      if (this.#unknowns === "refuse") throw new WireError(path, "is still unknown after the operation");
      return UNKNOWN_TEXT;
    }
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "number") {
      if (!Number.isFinite(value)) throw new WireError(path, `${value} is not a number that state can hold`);
      return value;
    }
    if (typeof value === "string") {
      if (!value.isWellFormed()) throw new WireError(path, "is text that is not valid Unicode");
      return value;
    }
    const kind = typeof value === "object" ? (value?.constructor?.name ?? "object") : typeof value;
    throw new WireError(path, `a value of type ${kind} is not plain data`);
  }
}

function asSecret(value: unknown): Json {
  return { [SIGNATURE]: SECRET, value };
}

function step(cursors: readonly Cursor[], key: string | number): Cursor[] {
  return cursors
    .filter((cursor) => cursor.marks?.secret !== true && has(cursor, String(key)))
    .map((cursor) => ({
      value: (cursor.value as Json)[key],
      marks: cursor.marks?.children.get(String(key)),
    }));
}

function has(cursor: Cursor, key: string): boolean {
  return typeof cursor.value === "object" && cursor.value !== null && Object.hasOwn(cursor.value, key);
}

function isPlainObject(value: unknown): value is Json {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function checkedKey(key: string, path: Path): string {
  if (key === SIGNATURE || key === "__proto__") throw new WireError(path, "has a property name that is reserved");
  return key;
}

function child(marks: Marks, key: string | number): Marks {
  return markAt(marks, [String(key)]);
}

function markAt(marks: Marks, path: readonly string[]): Marks {
  let node = marks;
  for (const key of path) {
    let next = node.children.get(key);
    if (next === undefined) {
      next = { secret: false, children: new Map() };
      node.children.set(key, next);
    }
    node = next;
  }
  return node;
}

function merge(into: Marks, from: Marks): void {
  into.secret ||= from.secret;
  for (const [key, marks] of from.children) merge(child(into, key), marks);
}

function holdsSecret(marks: Marks): boolean {
  return marks.secret || [...marks.children.values()].some(holdsSecret);
}

function collect(value: unknown, marks: Marks, redactor: Redactor): void {
  if (marks.secret) redactor.add(value);
  else if (typeof value === "object" && value !== null) {
    for (const [key, below] of marks.children)
      if (Object.hasOwn(value, key)) collect((value as Json)[key], below, redactor);
  }
}

/** `members[0].port`, as the engine writes property paths. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key)) return text === "" ? key : `${text}.${key}`;
    return `${text}[${JSON.stringify(key)}]`;
  }, "");
}
