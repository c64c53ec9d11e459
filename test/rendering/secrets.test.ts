import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fillSecrets, generationHash, secretNames } from "../../infra/rendering/generation.ts";
import { type SecretKind, secretPlaceholder } from "../../infra/rendering/types.ts";

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
const fill = (kind: SecretKind, value: string): string =>
  fillSecrets(secretPlaceholder("a.password", kind), { "a.password": value }, "f");

/** Fields of a passfile line, as libpq takes it apart. */
function passfileFields(line: string): string[] {
  const fields: string[] = [];
  let field = "";
  for (let i = 0; i < line.length; i++) {
    if (line[i] === "\\" && i + 1 < line.length) field += line[++i];
    else if (line[i] === ":") {
      fields.push(field);
      field = "";
    } else field += line[i];
  }
  return [...fields, field];
}

describe("a secret in a file is read back as it is, whatever is in it", () => {
  const readers: [SecretKind, (written: string) => string][] = [
    ["passfile", (written) => passfileFields(`h:1:*:u:${written}`)[4]!],
    ["userlist", (written) => /^"((?:[^"]|"")*)"$/.exec(`"${written}"`)![1]!.replaceAll('""', '"')],
    ["conninfo", (written) => /^'((?:[^'\\]|\\.)*)'$/.exec(`'${written}'`)![1]!.replace(/\\(.)/g, "$1")],
    ["uri", (written) => new URL(`postgres://u:${written}@h/d`).password.replace(/%[0-9A-F]{2}/g, (x) => x)],
  ];
  test.each(readers)("%s", (kind, read) => {
    const back = (value: string): string =>
      kind === "uri" ? decodeURIComponent(read(fill(kind, value))) : read(fill(kind, value));
    expect(back(PRINTABLE)).toBe(PRINTABLE);
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1 }).filter((s) => !/\p{Cc}/u.test(s) && s.isWellFormed()),
        (value) => back(value) === value,
      ),
    );
  });

  test("a secret that looks like a placeholder or a replacement pattern is only text", () => {
    expect(fill("passfile", "$& $1 @@secret")).toBe("$& $1 @@secret");
  });
});

test("the kind is no part of the name, and is part of what is staged", () => {
  const [plain, escaped] = [secretPlaceholder("a.password"), secretPlaceholder("a.password", "passfile")];
  expect(secretNames(`${plain} ${escaped}`)).toEqual(["a.password"]);
  const hash = (body: string): string => generationHash({ f: { body, mode: "0600" } }, { "a.password": 1 });
  expect(hash(plain)).not.toBe(hash(escaped));
});

test("a kind that is not known is an error that names it, not the secret", () => {
  expect(() => fillSecrets("@@secret:a.password|toml@@", { "a.password": "topsecret" }, "f.conf")).toThrow(
    /^f\.conf asks for a secret as "toml"; there are passfile, userlist, conninfo, uri$/,
  );
});
