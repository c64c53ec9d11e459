import { describe, expect, test } from "vitest";
import { isEncrypted } from "../../infra/config/encrypted.ts";
import { loadStackFile } from "../../infra/config/load.ts";
import { parseStackFile } from "../../infra/config/stack-file.ts";

const file = "Pulumi.test.yaml";
const good = `encryptionsalt: v1:abc
config:
  aws:region: eu-central-1
  other:cluster: not-ours
  postgres-fleet:cluster: broxiva
  postgres-fleet:hosts:
    db1:
      role: primary
      address: 127.0.10.1
    db2: { role: replica, address: 127.0.10.2 }
  postgres-fleet:allowedNetworks:
    - 10.0.0.0/8
    - 10.1.0.0/16
  postgres-fleet:secrets:
    app: { secure: AAABAO-cipher }
`;
const bytes = (text: string, encoding: BufferEncoding): Uint8Array => Buffer.from(text, encoding);

describe("a stack file that is fine", () => {
  test("own keys without prefix, others ignored", () => {
    const { raw, problems } = parseStackFile(good, file);
    expect(problems).toEqual([]);
    expect(Object.keys(raw)).toEqual(["cluster", "hosts", "allowedNetworks", "secrets"]);
    expect(raw.hosts).toEqual({
      db1: { role: "primary", address: "127.0.10.1" },
      db2: { role: "replica", address: "127.0.10.2" },
    });
  });

  test.each([
    [["cluster"], 5],
    [["hosts"], 6],
    [["hosts", "db1", "address"], 9],
    [["hosts", "db2", "role"], 10],
    [["allowedNetworks", 1], 13],
    [["hosts", "db1", "memory"], 7],
    [["hosts", "db7", "memory"], 6],
    [["version"], 2],
    [[], 2],
  ])("%j is on line %d", (path, line) => expect(parseStackFile(good, file).locate(path)).toBe(`${file}:${line}`));

  test("encrypted values are a marker, without the cipher text", () => {
    const { raw } = parseStackFile(good, file);
    expect(isEncrypted((raw.secrets as Record<string, unknown>).app)).toBe(true);
    expect(JSON.stringify(raw)).not.toContain("AAABAO");
  });

  test.each([
    ["CRLF", good.replaceAll("\n", "\r\n")],
    ["BOM", `\uFEFF${good}`],
    ["BOM, as bytes", bytes(`\uFEFF${good}`, "utf8")],
    ["tabs in comments and behind values", good.replace("broxiva", "broxiva\t# \tname")],
    ["the long spelling of a key", good.replace("postgres-fleet:cluster", "postgres-fleet:config:cluster")],
  ])("%s makes no difference", (_what, content) => {
    const { raw, problems, locate } = parseStackFile(content, file);
    expect(problems).toEqual([]);
    expect(raw).toEqual(parseStackFile(good, file).raw);
    expect(locate(["cluster"])).toBe(`${file}:5`);
    expect(locate(["hosts", "db2"])).toBe(`${file}:10`);
  });

  test("anchors and merges are followed, lines too", () => {
    const text = `config:
  postgres-fleet:hosts:
    db1: &member
      role: primary
      memory: 1GB
    db2:
      <<: *member
      role: replica
`;
    const { raw, locate, problems } = parseStackFile(text, file);
    expect(problems).toEqual([]);
    expect(raw.hosts).toEqual({ db1: { role: "primary", memory: "1GB" }, db2: { role: "replica", memory: "1GB" } });
    expect(locate(["hosts", "db2", "role"])).toBe(`${file}:8`);
    expect(locate(["hosts", "db2", "memory"])).toBe(`${file}:5`);
  });

  test("on and off stay text, as the engine reads them", () => {
    expect(parseStackFile("config:\n  postgres-fleet:parameters: { jit: off }\n", file).raw).toEqual({
      parameters: { jit: "off" },
    });
  });
});

describe("a stack file that is not", () => {
  test.each<[string, string | Uint8Array, string, string]>([
    [
      "merge conflict",
      good.replace("  aws:region", "<<<<<<< HEAD\n  aws:region").concat("=======\n>>>>>>> other\n"),
      `${file}:3`,
      "merge conflict",
    ],
    ["not UTF-8", bytes(good.replace("broxiva", "br\u00f6xiva"), "latin1"), file, "not UTF-8"],
    ["not UTF-8, read as text", good.replace("broxiva", "br\uFFFDxiva"), file, "not UTF-8"],
    ["UTF-16", bytes(`\uFEFF${good}`, "utf16le"), file, "not UTF-8"],
    ["a tab as indentation", good.replace("  postgres-fleet:cluster", "\tpostgres-fleet:cluster"), `${file}:5`, "tab"],
    ["a duplicate key", `${good}  postgres-fleet:cluster: again\n`, `${file}:16`, "in this map already"],
    ["a duplicate host", good.replace("db2:", "db1:"), `${file}:10`, "in this map already"],
    ["a key in both spellings", `${good}  postgres-fleet:config:cluster: again\n`, `${file}:16`, "set twice"],
    ["an open quote", good.replace("broxiva", '"broxiva'), `${file}:`, "YAML|character|several lines"],
    ["two documents", `${good}---\nconfig: {}\n`, `${file}:16`, "second document"],
    ["no config", "encryptionsalt: x\n", file, 'no "config:"'],
    ["empty", "", file, 'no "config:"'],
    ["config as a list", "config: []\n", file, 'no "config:"'],
    ["a list", "- a\n", file, 'no "config:"'],
    ["a key without namespace", `${good}  memory: 1GB\n`, `${file}:16`, '"postgres-fleet:memory"'],
    ["a misspelled namespace", `${good}  postgres-flet:memory: 1GB\n`, `${file}:16`, '"postgres-fleet:memory"'],
    [
      "a number with a leading zero",
      `${good}  postgres-fleet:parameters: { log_file_mode: 0640 }\n`,
      `${file}:16`,
      "leading zero",
    ],
    ["a number with _", `${good}  postgres-fleet:connections: 1_000\n`, `${file}:16`, "not all parsers"],
    ["an alias to nothing", `${good}  postgres-fleet:memory: *all\n`, `${file}:16`, "alias"],
    ["an unknown tag", `${good}  postgres-fleet:memory: !Ref x\n`, `${file}:16`, "tag"],
    ["a secret in clear", good.replace("{ secure: AAABAO-cipher }", "hunter2-in-clear"), `${file}:15`, "in clear text"],
  ])("%s", (_what, content, where, gist) => {
    const { problems } = parseStackFile(content, file);
    expect(problems).toHaveLength(1);
    expect(problems[0]!.where).toContain(where);
    expect(problems[0]!.message).toMatch(new RegExp(gist));
  });

  test("aliases that multiply end in an error, not in a full memory", () => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x, x]",
      ..."bcdefghi".split("").map((c, i) => `${c}: &${c} [${`*${"abcdefgh"[i]}, `.repeat(9)}x]`),
    ].join("\n");
    const { problems } = parseStackFile(`${bomb}\nconfig: {}\n`, file);
    expect(problems.map((p) => p.message).join()).toContain("aliases");
  });

  test("what the file's parser finds and what the loader finds come together", () => {
    const result = loadStackFile(good.replace("{ secure: AAABAO-cipher }", "hunter2-in-clear"), file, {
      stack: "test",
    });
    const paths = result.ok ? [] : result.problems.map((p) => p.path);
    expect(paths).toEqual(expect.arrayContaining(["secrets.app", "version", "initdb"]));
  });
});
