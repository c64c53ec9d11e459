import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StateFacts } from "../../infra/config/load.ts";
import { readStateFacts } from "../../infra/state-facts.ts";
import { config, existing, problemsOf, specOf } from "./support.ts";

const folder = { url: "file:///home/anna/state", from: "pulumi login" } as const;
const bucket = { url: "s3://fleet-state?region=eu-central-1", from: "PULUMI_BACKEND_URL" } as const;
const kms = "awskms://alias/fleet?region=eu-central-1";

const elsewhere = (changes: object = {}) => config({ ...existing("10.0.0.1"), ...changes });
const refusal = (state: StateFacts, changes = {}): string => {
  const problems = problemsOf(elsewhere(changes), { state });
  expect(problems.length).toBeLessThanOrEqual(1);
  expect(problems.map((p) => p.path)).toEqual(problems.map(() => "state"));
  return problems[0]?.message ?? "";
};

describe("off this machine", () => {
  test("a folder as backend is refused: where it is set, why, and each way out", () => {
    const said = refusal({ backend: folder });
    for (const part of [
      "file:///home/anna/state, from pulumi login",
      "platform existing",
      "If the folder is lost",
      "pulumi login 's3://BUCKET?region=REGION' && pulumi stack init STACK --secrets-provider='awskms://alias/NAME?region=REGION'",
      "pulumi stack init ORGANIZATION/STACK",
      "postgres-fleet:state: file",
    ])
      expect(said).toContain(part);
    expect(said).not.toContain("passphrase (");
  });

  test("a passphrase is refused, also over a shared backend: how the provider is changed", () => {
    const said = refusal({ backend: bucket, encryptionSalt: true });
    expect(said).toContain("under a passphrase");
    expect(said).toContain("pulumi stack change-secrets-provider 'awskms://alias/NAME?region=REGION'");
    expect(said).not.toContain("in a folder");
    expect(refusal({ secretsProvider: "passphrase" })).toContain("secretsprovider: passphrase");
    expect(refusal({ secretsProvider: "default", encryptionSalt: true })).toContain("under a passphrase");
  });

  test("both are one problem", () => {
    const said = refusal({ backend: folder, encryptionSalt: true });
    expect(said).toContain("in a folder");
    expect(said).toContain("under a passphrase");
  });

  test.each<[string, StateFacts]>([
    ["a bucket and a key of KMS", { backend: bucket, secretsProvider: kms }],
    ["Pulumi Cloud", { backend: { url: "https://api.pulumi.com", from: "pulumi login" } }],
    ["a salt that a provider of its own makes void", { backend: bucket, secretsProvider: kms, encryptionSalt: true }],
    ["what is not known", {}],
  ])("%s: nothing is said", (_what, state) => {
    expect(specOf(elsewhere(), { state })).toMatchObject({ warnings: [], spec: { state: "shared" } });
  });

  test("the stack file may allow it; where it has nothing to allow it should go", () => {
    const allowed = elsewhere({ state: "file" });
    expect(specOf(allowed, { state: { backend: folder, encryptionSalt: true } })).toMatchObject({ warnings: [] });
    expect(specOf(allowed, { state: { backend: bucket, encryptionSalt: true } })).toMatchObject({ warnings: [] });
    expect(specOf(allowed, { state: { backend: bucket } }), "the stack file was not seen").toMatchObject({
      warnings: [],
    });
    expect(specOf(allowed, { state: { backend: bucket, secretsProvider: kms } }).warnings).toEqual([
      expect.stringContaining("state: file is not needed"),
    ]);
  });
});

test("this machine's own fleets keep their state in a folder", () => {
  expect(problemsOf(config(), { state: { backend: folder, encryptionSalt: true } })).toEqual([]);
});

describe("where the state is, as the CLI decides it", () => {
  let dir = "";
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-state-"));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  const write = (name: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  };
  const read = (env: NodeJS.ProcessEnv = {}) =>
    readStateFacts({ env: { HOME: dir, ...env }, projectRoot: dir, stackFile: path.join(dir, "Pulumi.prod.yaml") });

  test("the environment, before Pulumi.yaml, before the last login", () => {
    write(".pulumi/credentials.json", JSON.stringify({ current: "file://~", accessTokens: { "file://~": "" } }));
    expect(read().backend).toEqual({ url: "file://~", from: "pulumi login" });
    write("Pulumi.yaml", "name: postgres-fleet\nbackend:\n  url: s3://declared\n");
    expect(read().backend).toEqual({ url: "s3://declared", from: "backend.url in Pulumi.yaml" });
    expect(read({ PULUMI_BACKEND_URL: "gs://set" }).backend).toEqual({ url: "gs://set", from: "PULUMI_BACKEND_URL" });
    expect(read({ PULUMI_BACKEND_URL: "" }).backend?.url).toBe("s3://declared");
  });

  test("the login is where the CLI keeps it", () => {
    write("home/credentials.json", JSON.stringify({ current: "s3://home" }));
    write("credentials/credentials.json", JSON.stringify({ current: "s3://credentials" }));
    const home = { PULUMI_HOME: path.join(dir, "home") };
    expect(read(home).backend?.url).toBe("s3://home");
    expect(read({ ...home, PULUMI_CREDENTIALS_PATH: path.join(dir, "credentials") }).backend?.url).toBe(
      "s3://credentials",
    );
  });

  test("the stack file says who keeps the secrets", () => {
    write("Pulumi.prod.yaml", `secretsprovider: ${kms}\nencryptedkey: AAAA\nconfig: {}\n`);
    expect(read()).toEqual({ secretsProvider: kms });
    write("Pulumi.prod.yaml", "encryptionsalt: v1:AAAA\nconfig: {}\n");
    expect(read()).toEqual({ encryptionSalt: true });
  });

  test("what cannot be read is not known", () => {
    expect(read()).toEqual({});
    write(".pulumi/credentials.json", "encrypted");
    write("Pulumi.yaml", "backend: [");
    write("Pulumi.prod.yaml", "- a list");
    expect(read()).toEqual({});
  });
});
