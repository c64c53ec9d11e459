import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatProblems, loadFleet, loadStackFile, type RawConfig } from "../../infra/config/load.ts";
import { config } from "./support.ts";

const secret = "Hunter2-is-no-secret";
const withSecret = (changes: RawConfig): RawConfig =>
  config({ secrets: { app: secret }, roles: { app: { access: "readonly", passwordSecret: "app" } }, ...changes });

function messageOf(raw: RawConfig): string {
  const result = loadFleet(raw, { stack: "test" });
  if (result.ok) throw new Error("accepted");
  return formatProblems(result.problems, "test") + JSON.stringify(result.problems);
}

describe("no message holds a secret", () => {
  test.each<[string, RawConfig]>([
    ["secrets as text", { secrets: secret }],
    ["secrets as a list", { secrets: [secret] }],
    ["secrets as broken JSON", { secrets: `{"app": "${secret}"` }],
    ["a secret as a list", { secrets: { app: [secret] } }],
    ["a secret with a line break", { secrets: { app: `${secret}\n` } }],
    [
      "under the wrong key of a role",
      { secrets: { app: secret }, roles: { app: { access: "readonly", password: secret } } },
    ],
    ["instead of its name", { roles: { app: { access: "readonly", passwordSecret: secret } } }],
    ["instead of its name, as a list", { roles: { app: { access: "readonly", passwordSecret: [secret] } } }],
  ])("%s", (_what, raw) => expect(messageOf(config(raw))).not.toContain(secret));

  test("not even when it was pasted anywhere else", () => {
    const places = fc.constantFrom<(text: string) => RawConfig>(
      (text) => ({ cluster: text }),
      (text) => ({ workload: text }),
      (text) => ({ memory: text }),
      (text) => ({ [text]: 1 }),
      (text) => ({ parameters: { work_mem: text } }),
      (text) => ({ parameters: { [text]: "1" } }),
      (text) => ({ primary: text }),
      (text) => ({ allowedNetworks: [text] }),
      (text) => ({ databases: { shop: { owner: text } } }),
      (text) => ({ hosts: { [text]: { role: "primary", address: text } } }),
    );
    fc.assert(
      fc.property(places, (place) => {
        expect(messageOf(withSecret(place(secret)))).not.toContain(secret);
      }),
    );
  });

  test("nor one that a message would escape", () => {
    const odd = 'quo"te\\back-slash';
    const raw = config({ secrets: { app: odd }, workload: odd });
    expect(messageOf(raw)).not.toContain("back-slash");
  });
});

describe("encrypted values", () => {
  const file = (lines: string): string => `config:
  postgres-fleet:cluster: broxiva
  postgres-fleet:version: 17
  postgres-fleet:initdb: { dataChecksums: true, encoding: UTF8, localeProvider: libc, locale: C.UTF-8, walSegmentSize: 16MB }
  postgres-fleet:memory: 1GB
  postgres-fleet:cpus: 1
  postgres-fleet:disk: 10GB
  postgres-fleet:hosts: { db1: { role: primary, address: 127.0.10.1 } }
${lines}`;

  test("entries of secrets count by name", () => {
    const text = file(
      "  postgres-fleet:secrets: { app: { secure: AAA } }\n  postgres-fleet:roles: { app: { access: readonly, passwordSecret: app } }\n",
    );
    const result = loadStackFile(text, "Pulumi.test.yaml", { stack: "test" });
    expect(result).toMatchObject({
      ok: true,
      warnings: [],
      spec: { roles: [{ password: { kind: "secret", name: "app" } }] },
    });
    expect(JSON.stringify(result)).not.toContain("AAA");
  });

  test.each([
    ["secrets as a whole", "  postgres-fleet:secrets: { secure: AAA }\n", "secrets", "each entry on its own"],
    ["another key", "  postgres-fleet:connections: { secure: AAA }\n", "connections", "only entries under secrets"],
    [
      "a key deep down",
      "  postgres-fleet:parameters: { work_mem: { secure: AAA } }\n",
      "parameters.work_mem",
      "only entries under secrets",
    ],
  ])("%s: refused", (_what, lines, path, gist) => {
    const result = loadStackFile(file(lines), "Pulumi.test.yaml", { stack: "test" });
    expect(result.ok ? [] : result.problems).toMatchObject([{ path, where: "Pulumi.test.yaml:9" }]);
    expect(result.ok ? "" : result.problems[0]!.message).toContain(gist);
  });

  test("a required key that is encrypted is one problem, not also missing", () => {
    const text = file("").replace("version: 17", "version: { secure: AAA }");
    const result = loadStackFile(text, "Pulumi.test.yaml", { stack: "test" });
    expect(result.ok ? [] : result.problems.map((p) => p.path)).toEqual(["version"]);
  });
});
