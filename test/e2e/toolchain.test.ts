// The real engine, through the wrapper: whichever CLI and language host it found, programs run under tsx on a new Node.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const repository = resolve(import.meta.dirname, "../..");
const base = mkdtempSync(join(tmpdir(), "pgfleet toolchain-"));
const project = join(base, "a project");
const stackFile = "config:\n  # kept as it is\n  postgres-fleet:platform: local # here\n";

function pulumiw(...args: string[]) {
  const { PULUMI_STACK, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE, ...inherited } =
    process.env;
  return spawnSync(join(repository, "pulumiw"), ["-C", project, ...args], {
    env: { ...inherited, PGFLEET_STATE_DIR: join(base, "the state") },
    encoding: "utf8",
    input: "",
  });
}

beforeAll(() => {
  mkdirSync(join(project, "infra"), { recursive: true });
  // The runtime of this project's own Pulumi.yaml, without its provider.
  const ours = readFileSync(join(repository, "Pulumi.yaml"), "utf8");
  writeFileSync(join(project, "Pulumi.yaml"), ours.slice(0, ours.indexOf("\nplugins:") + 1));
  writeFileSync(join(project, "Pulumi.local.yaml"), stackFile);
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  symlinkSync(join(repository, "node_modules"), join(project, "node_modules"));
  // An enum and a parameter property: tsx transforms them, Node's own type stripping refuses both.
  writeFileSync(
    join(project, "infra/index.ts"),
    `import { helper } from "./helper.ts";
     enum Runner { Tsx = "tsx" }
     export const runner: string = helper(Runner.Tsx);
     export const execArgv = process.execArgv.join(" ");
     export const node = process.versions.node;`,
  );
  writeFileSync(join(project, "infra/helper.ts"), "export function helper(value: string): string { return value; }");
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

test("a program runs under tsx on a Node that is new enough, and the stack file stays as it is", () => {
  const up = pulumiw("up", "--yes", "--skip-preview", "-s", "local");
  expect(up.stderr + up.stdout).toContain("; Node ");
  expect(up.status, up.stderr + up.stdout).toBe(0);

  const { stdout } = pulumiw("stack", "output", "--json", "-s", "local");
  const outputs = JSON.parse(stdout) as Record<string, string>;
  expect(outputs.runner).toBe("tsx");
  expect(outputs.execArgv).toContain("--import tsx");
  const [major = 0, minor = 0] = (outputs.node ?? "").split(".").map(Number);
  expect(major + minor / 100).toBeGreaterThanOrEqual(22.18);
  expect(readFileSync(join(project, "Pulumi.local.yaml"), "utf8")).toBe(stackFile);
});

test("creates that an engine left pending are cleared before the next up", () => {
  const file = join(base, "the state/engine/.pulumi/stacks/postgres-fleet/local.json");
  const state = JSON.parse(readFileSync(file, "utf8"));
  state.checkpoint.latest.pending_operations = [
    {
      type: "creating",
      resource: {
        urn: "urn:pulumi:local::postgres-fleet::pgfleet:index:HostFiles::db1",
        type: "pgfleet:index:HostFiles",
        custom: true,
      },
    },
  ];
  writeFileSync(file, JSON.stringify(state));
  rmSync(`${file}.attrs`, { force: true });

  const up = pulumiw("up", "--yes", "--skip-preview", "-s", "local");
  expect(up.status, up.stderr + up.stdout).toBe(0);
  expect(up.stderr).toContain("cut off");
  expect(readFileSync(file, "utf8")).not.toContain("pending_operations");
});

test("destroy, and a second one, end well", () => {
  for (let round = 0; round < 2; round++) {
    const down = pulumiw("destroy", "--yes", "--skip-preview", "-s", "local");
    expect(down.status, down.stderr + down.stdout).toBe(0);
  }
});
