import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Sandbox } from "./sandbox.ts";

function sandbox(): Sandbox {
  const box = new Sandbox();
  box.fakePulumi("pulumi");
  box.fake("pulumi-language-nodejs", "");
  return box;
}

/** As `pulumi stack init` and `up` would have left it. */
function existing(box: Sandbox, passphrase = "known"): void {
  if (passphrase) box.write(join(box.state, "passphrase"), passphrase);
  box.write(join(box.state, "engine/.pulumi/stacks/postgres-fleet/local.json"), '{"version":3,"checkpoint":{}}');
}

const settings = (stdout: string) =>
  Object.fromEntries(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/=(.*)/s)),
  );

test("a local stack gets its backend, its passphrase file and no plugin downloads", () => {
  using box = sandbox();
  const { code, stdout } = box.run(["preview", "-s", "local"]);
  expect(code).toBe(0);
  expect(settings(stdout)).toEqual({
    PULUMI_BACKEND_URL: `file://${join(box.state, "engine")}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(box.state, "passphrase"),
    PULUMI_CONTINUE_ON_ERROR: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  });
  expect(statSync(join(box.state, "engine")).mode & 0o777).toBe(0o700);
});

test.each([[["up", "-s", "prod"]], [["up", "--stack=organization/postgres-fleet/prod"]], [["about"]]])(
  "%j: another platform's stack, or none, gets nothing",
  (args) => {
    using box = sandbox();
    const { code, stdout } = box.run(args);
    expect(code).toBe(0);
    expect(stdout).toBe("");
    expect(readdirSync(box.base)).not.toContain("the state");
  },
);

test.each([
  [["up", "--stack", "local"], {}],
  [["up", "--stack=organization/postgres-fleet/local"], {}],
  [["-s", "local", "up"], {}],
  [["stack", "select", "local"], {}],
  [["up", "-slocal", "-m", "-s prod"], {}],
  [["up"], { PULUMI_STACK: "local" }],
])("the stack is found in %j %j", (args, environment) => {
  using box = sandbox();
  existing(box);
  expect(box.run(args, environment as Record<string, string>).stdout).toContain("PULUMI_BACKEND_URL");
});

test("the passphrase is made once, readable by its owner only, and shown nowhere", () => {
  using box = sandbox();
  const first = box.run(["up", "-s", "local"]);
  const file = join(box.state, "passphrase");
  const passphrase = box.read(file).trim();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(passphrase.length).toBeGreaterThanOrEqual(40);
  existing(box, "");
  const second = box.run(["up", "-s", "local"]);
  const env = box.run(["--env", "-s", "local"]);
  expect(box.read(file).trim()).toBe(passphrase);
  for (const { stdout, stderr } of [first, second, env]) expect(stdout + stderr).not.toContain(passphrase);
  expect(box.calls().join("\n")).not.toContain(passphrase);
  expect(readdirSync(box.state).filter((name) => name.startsWith(".passphrase"))).toEqual([]);
});

test.each(["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])("a %s of the person's own wins", (name) => {
  using box = sandbox();
  existing(box, "");
  const { stdout } = box.run(["up", "-s", "local"], { [name]: "theirs" });
  expect(settings(stdout)).toMatchObject({ [name]: "theirs" });
  expect(readdirSync(box.state)).not.toContain("passphrase");
});

test("a state without its passphrase is refused, with the two ways on", () => {
  using box = sandbox();
  existing(box, "");
  const { code, stderr } = box.run(["up", "-s", "local"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`${join(box.state, "passphrase")} is gone`);
  expect(stderr).toContain("Put it back");
  expect(stderr).toContain(`move ${join(box.state, "engine")} away`);
});

test("a backend of the person's own stays, and still gets the rest", () => {
  using box = sandbox();
  const { stdout } = box.run(["up", "-s", "local"], { PULUMI_BACKEND_URL: "s3://bucket" });
  expect(settings(stdout)).toMatchObject({ PULUMI_BACKEND_URL: "s3://bucket", PULUMI_CONTINUE_ON_ERROR: "true" });
  expect(box.calls().filter((call) => call.includes("stack init"))).toEqual([]);
});

test("the stack file can name the state folder", () => {
  using box = sandbox();
  box.write(
    "Pulumi.local.yaml",
    `config:\n  "postgres-fleet:platform": 'local'\n  postgres-fleet:stateDir: "${box.base}/else where" # kept\n`,
  );
  const { stdout } = box.run(["--env", "-s", "local"], { PGFLEET_STATE_DIR: "" });
  expect(stdout).toContain(`export PULUMI_BACKEND_URL='file://${box.base}/else where/engine'`);
});

test("--env prints lines that a shell can read, quotes included", () => {
  using box = sandbox();
  const state = join(box.base, "it's here");
  box.fake(join(box.root, "evaluate"), 'eval "$(./pulumiw --env -s local)"; printf %s "$PULUMI_BACKEND_URL"');
  expect(box.run([], { PGFLEET_STATE_DIR: state }, "evaluate").stdout).toBe(`file://${state}/engine`);
});

test("a missing stack is made without touching the stack file; an existing one is not made again", () => {
  using box = sandbox();
  const before = box.read("Pulumi.local.yaml");
  box.run(["up", "--yes", "-s", "local"]);
  const copy = join(box.state, "engine/project");
  expect(box.calls().filter((call) => call.includes("stack init"))).toEqual([
    `pulumi -C ${copy} stack init local --non-interactive --no-select`,
  ]);
  expect(box.calls().at(-1)).toBe(`pulumi up --yes -s local --config-file ${join(copy, "Pulumi.local.yaml")}`);
  expect(box.read("Pulumi.local.yaml")).toBe(before);

  existing(box);
  box.run(["up", "--yes", "-s", "local"]);
  expect(box.calls().filter((call) => call.includes("stack init"))).toHaveLength(1);
});

test("the engine's copy follows the stack file and keeps this machine's salt", () => {
  using box = sandbox();
  existing(box);
  const copy = box.write(join(box.state, "engine/project/Pulumi.local.yaml"), "config: {}\nencryptionsalt: v1:mine\n");
  box.write(
    "Pulumi.local.yaml",
    "config:\n  postgres-fleet:platform: local\n  postgres-fleet:memory: 2GB\nencryptionsalt: v1:from-elsewhere\n",
  );
  box.run(["preview", "-s", "local"]);
  expect(box.read(copy)).toBe(
    "config:\n  postgres-fleet:platform: local\n  postgres-fleet:memory: 2GB\n\nencryptionsalt: v1:mine\n",
  );
});

test("a stack file with secrets in it goes to the engine itself, its salt with it", () => {
  using box = sandbox();
  existing(box);
  box.write(
    "Pulumi.local.yaml",
    "config:\n  postgres-fleet:platform: local\n  postgres-fleet:token:\n    secure: v1:abc\nencryptionsalt: v1:theirs\n",
  );
  box.run(["up", "-s", "local"]);
  expect(box.calls().at(-1)).toBe("pulumi up -s local");
});

test("destroying what has never been up is no error and makes no stack", () => {
  using box = sandbox();
  const { code, stderr } = box.run(["destroy", "--yes", "-s", "local"]);
  expect(code).toBe(0);
  expect(stderr).toContain("nothing to destroy");
  expect(box.calls().filter((call) => call.includes("init") || call.includes("destroy"))).toEqual([]);
});

test("a relative PGFLEET_STATE_DIR means the project's, for the program too", () => {
  using box = sandbox();
  const { stdout } = box.run(["--env", "-s", "local"], { PGFLEET_STATE_DIR: "here" });
  expect(stdout).toContain(`export PGFLEET_STATE_DIR='${join(box.root, "here")}'`);
  expect(stdout).toContain(`export PULUMI_BACKEND_URL='file://${join(box.root, "here/engine")}'`);
});

test("the stack file's folder comes before the environment's", () => {
  using box = sandbox();
  box.write(
    "Pulumi.local.yaml",
    `config:\n  postgres-fleet:platform: local\n  postgres-fleet:stateDir: ${box.base}/first\n`,
  );
  expect(box.run(["--env", "-s", "local"]).stdout).toContain(`file://${box.base}/first/engine`);
});

test("a stack file named by --config-file is read, and copied for the engine, in place of the project's", () => {
  using box = sandbox();
  existing(box);
  rmSync(join(box.root, "Pulumi.local.yaml"));
  const file = box.write(join(box.base, "else where.yaml"), "config:\n  postgres-fleet:platform: local\n  other: 1\n");
  expect(box.run(["up", "-s", "local", "--config-file", file]).code).toBe(0);
  const copy = join(box.state, "engine/project/Pulumi.local.yaml");
  expect(box.read(copy)).toBe(box.read(file));
  expect(box.calls().at(-1)).toBe(`pulumi up -s local --config-file ${file} --config-file ${copy}`);
});
