import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  commentText,
  conninfo,
  hbaName,
  pgbouncerConnectValue,
  pgbouncerName,
  postgresValue,
  supervisorCommand,
  supervisorEnvironment,
  supervisorGlob,
  userlistWord,
} from "../../infra/rendering/quoting.ts";

/** Text without control characters, rich in what quoting can trip over. */
const text = fc
  .string({
    unit: fc.oneof(fc.constantFrom(..."'\"\\%#;=, {}$*?[]@"), fc.string({ minLength: 1, maxLength: 1 })),
    maxLength: 30,
  })
  .filter((s) => !/\p{Cc}/u.test(s));

describe("quoting", () => {
  test("postgresql.conf: what the server's scanner would read is the value", () => {
    fc.assert(
      fc.property(text, (value) => {
        const quoted = postgresValue(value);
        expect(quoted).toMatch(/^'.*'$/su);
        // The scanner: a quote inside is doubled or escaped, a backslash escapes the next character.
        expect(quoted.slice(1, -1)).toMatch(/^(?:[^'\\]|''|\\.)*$/su);
        expect(quoted.slice(1, -1).replace(/''|\\(.)/gu, (pair, escaped) => (pair === "''" ? "'" : escaped))).toBe(
          value,
        );
      }),
    );
  });

  test("conninfo: libpq's rules read every value back", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text, { noNullPrototype: true }), (values) => {
        const read: Record<string, string> = {};
        for (const [, key, quoted, bare] of conninfo(values).matchAll(
          /([a-z]+)=(?:'((?:[^'\\]|\\.)*)'|(\S+))(?: |$)/gsu,
        )) {
          read[key!] = bare ?? quoted!.replace(/\\(.)/gu, "$1");
        }
        expect(read).toEqual(values);
      }),
    );
  });

  test("pg_hba.conf: keywords and odd names are quoted, plain ones are not", () => {
    expect(hbaName("app")).toBe("app");
    expect(hbaName("all")).toBe('"all"');
    expect(hbaName("replication")).toBe('"replication"');
    expect(hbaName("+staff")).toBe('"+staff"');
    expect(hbaName('we"ird, one')).toBe('"we""ird, one"');
    expect(() => hbaName("/^.*$", "the role")).toThrow("regular expression");
  });

  test("pgbouncer.ini: values are quoted, names that no quote could help are refused", () => {
    expect(pgbouncerConnectValue("app")).toBe("app");
    expect(pgbouncerConnectValue("it's one")).toBe("'it''s one'");
    expect(pgbouncerName("odd-Name")).toBe("odd-Name");
    expect(() => pgbouncerName("two words")).toThrow('"two words" cannot be an entry of pgbouncer.ini');
    expect(userlistWord('a"b')).toBe('"a""b"');
  });

  test("supervisor: python's shlex gives the words back, after % is expanded", () => {
    const python =
      "import shlex,sys,json; print(json.dumps([shlex.split(line % {}) for line in json.load(sys.stdin)]))";
    const commands = fc.sample(fc.array(text, { minLength: 1, maxLength: 4 }), 200);
    const output = execFileSync("python3", ["-c", python], {
      input: JSON.stringify(commands.map(supervisorCommand)),
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toEqual(commands);
  });

  test("supervisor: environment values and globs", () => {
    expect(supervisorEnvironment({ A: 'x "y" 5%', B: "c d" })).toBe('A="x \\"y\\" 5%%",B="c d"');
    expect(supervisorGlob("/a b/*/c.conf")).toBe("/a?b/*/c.conf");
  });

  test("a line break in a value never becomes a second line", () => {
    const breaks = ["a\nb", "a\rb", "a\0b"];
    for (const bad of breaks) {
      for (const quote of [
        postgresValue,
        hbaName,
        pgbouncerConnectValue,
        pgbouncerName,
        userlistWord,
        (v: string) => conninfo({ v }),
        (v: string) => supervisorCommand([v]),
      ]) {
        expect(() => quote(bad)).toThrow(/control character|cannot be an entry/);
      }
      expect(commentText(bad)).toBe("a b");
    }
  });
});
