// A config that cannot work is refused by the real engine with everything that is wrong in it, and nothing is touched.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { totalmem } from "node:os";
import * as path from "node:path";
import { afterEach, expect, test } from "vitest";
import { parse } from "yaml";
import { type Config, ROOT, TestFleet } from "./support/fleet.ts";
import { installedMajor, processesOf } from "./support/processes.ts";

let fleet: TestFleet;
let listener: Server | undefined;

function declared(change: (config: Config, fleet: TestFleet) => void): TestFleet {
  fleet = new TestFleet("refuse");
  change(fleet.config, fleet);
  return fleet;
}

afterEach(async () => {
  if (listener) await new Promise((resolve) => listener!.close(resolve));
  listener = undefined;
  await fleet.remove();
});

/** No host has a folder, and nothing of the fleet runs. */
function untouched(): void {
  const state = path.join(fleet.dir, "state");
  const hosts = existsSync(state) ? readdirSync(state).filter((name) => name !== "engine") : [];
  expect(hosts).toEqual([]);
  expect(
    processesOf(fleet.dir).filter(({ command }) => /postgres|pgbouncer|supervisord|prometheus/.test(command)),
  ).toEqual([]);
}

test("every problem of a config is in one message, each with its key; preview and up say the same", async () => {
  declared((config) => {
    config.memmory = "1GB";
    config.memory = "1";
    config.hosts.db2!.role = "primary";
    config.hosts.db3!.address = config.hosts.pool1!.address;
    config.parameters = { work_memm: "4MB", jit: "perhaps" };
  });
  for (const said of [await fleet.upFails(), await fleet.previewFails()]) {
    expect(said).toMatch(/has \d+ problems; nothing was changed/);
    expect(said).toMatch(/memmory[\s\S]*"?memory"?/);
    expect(said).toMatch(/^ *memory\b/m);
    expect(said).toMatch(/hosts\.(db1|db2)|primary/);
    expect(said).toContain("db3");
    expect(said).toContain("work_mem");
    expect(said).toContain("jit");
    expect(said, "a stack trace is no message").not.toMatch(/\n\s+at .*\.ts:\d+/);
  }
  untouched();
});

test("a port that is taken: by whom", async () => {
  declared(() => {});
  listener = createServer();
  await new Promise<void>((resolve) => listener!.listen(5432, fleet.address(2), resolve));
  const said = await fleet.upFails();
  expect(said).toContain("hosts.db2.address");
  expect(said).toContain(`${fleet.address(2)}:5432`);
  expect(said).toContain(`(pid ${process.pid})`);
  untouched();
});

test("a version that is not installed: which are", async () => {
  const other = installedMajor() === 17 ? 16 : 17;
  declared((config) => (config.version = other));
  const said = await fleet.upFails();
  expect(said).toMatch(new RegExp(`Installed (is|are) .*${installedMajor()}`));
  expect(said).toContain(`postgresql-${other}`);
  untouched();
});

test("hosts that need more memory than the machine has: how much of each", async () => {
  const gb = Math.ceil(totalmem() / 2 ** 30);
  declared((config) => (config.memory = `${gb}GB`));
  const said = await fleet.upFails();
  expect(said).toMatch(/^ *memory\b/m);
  expect(said).toContain(`db1 ${gb}GB`);
  untouched();
});

/** The stack that the project ships for production, with a state of its own, which is in a folder. */
function production(changes: Partial<Config> = {}): void {
  declared((config) => {
    const { config: prod } = parse(readFileSync(path.join(ROOT, "Pulumi.prod.yaml"), "utf8"));
    for (const key of Object.keys(config)) delete config[key];
    for (const [key, value] of Object.entries(prod)) config[key.replace("postgres-fleet:", "")] = value;
    Object.assign(config, changes);
  });
  // In a project folder of its own: `stack init` writes the salt into the project's stack file.
  writeFileSync(path.join(fleet.dir, "Pulumi.yaml"), "name: postgres-fleet\nruntime: nodejs\n");
}

async function initStack(): Promise<void> {
  const made = await fleet.pulumi("-C", fleet.dir, "stack", "init", "--non-interactive", "--no-select");
  expect(made.code, made.text).toBe(0);
}

test("a production fleet whose state is in a folder of this machine; preview and up say the same", async () => {
  production();
  await initStack();
  for (const said of [await fleet.previewFails(), await fleet.upFails()]) {
    expect(said).toMatch(/has 1 problem; nothing was changed/);
    expect(said).toContain(`${fleet.env.PULUMI_BACKEND_URL}, from PULUMI_BACKEND_URL`);
    expect(said).toContain("pulumi login 's3://BUCKET?region=REGION'");
    expect(said).toContain("postgres-fleet:state: file");
  }
  untouched();
});

test("a production fleet with the example's key, before anything is made", async () => {
  production({ state: "file" });
  await initStack();
  for (const said of [await fleet.previewFails(), await fleet.upFails()]) {
    expect(said).toMatch(/aws\.publicKey of stack refuse-\w+ is still the example's.*nothing was changed/);
    expect(said).not.toContain("Credential ");
  }
  untouched();
});

test("a platform that is not built yet says so, and that the config is good", async () => {
  declared((config) => {
    config.platform = "docker";
    config.state = "file";
    delete config.stateDir;
    Object.values(config.hosts).forEach((host, i) => {
      host.address = `10.99.0.${i + 1}`;
    });
  });
  writeFileSync(path.join(fleet.dir, "Pulumi.yaml"), "name: postgres-fleet\nruntime: nodejs\n");
  await initStack();
  const said = await fleet.upFails();
  expect(said).toContain('the platform "docker" is not built yet; "local", "existing" and "aws" are');
  expect(said).toContain("The config is valid");
  untouched();
});
