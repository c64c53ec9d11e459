/** The bin: how it starts, what it says, how it ends. */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { expect, test } from "vitest";
import { config, pgfleet, ROOT, stackFile, temporaryFolder } from "./support.ts";

const COMMANDS = ["status", "verify", "render", "tune", "explain"];

test("npx --no-install pgfleet --help works in the checkout and lists every command", () => {
  const { status, stdout } = spawnSync("npx", ["--no-install", "pgfleet", "--help"], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(status).toBe(0);
  for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} .*\\w`, "m"));
  expect(stdout).toContain("Exit codes");
});

test("a Node that cannot run TypeScript hands over to the project's, with arguments, input, output and exit code", () => {
  const folder = temporaryFolder();
  // The bin looks for its Node beside itself; this one tells what it was given.
  fs.mkdirSync(path.join(folder, "node_modules/node/bin"), { recursive: true });
  fs.mkdirSync(path.join(folder, "cli"));
  fs.writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  fs.writeFileSync(path.join(folder, "node_modules/node/bin/node"), '#!/bin/sh\nprintf "%s\\n" "$@"\ncat\nexit 7\n', {
    mode: 0o755,
  });
  const text = fs.readFileSync(path.join(ROOT, "cli/pgfleet.js"), "utf8");
  const old = text.replace("process.versions.node.split", '"20.19.0".split');
  expect(old).not.toBe(text);
  fs.writeFileSync(path.join(folder, "cli/pgfleet.js"), old);
  const result = spawnSync(process.execPath, [path.join(folder, "cli/pgfleet.js"), "status", "a b"], {
    encoding: "utf8",
    input: "in\n",
  });
  expect(result.stdout).toBe(`${path.join(fs.realpathSync(folder), "cli/pgfleet.js")}\nstatus\na b\nin\n`);
  expect(result.status).toBe(7);

  fs.rmSync(path.join(folder, "node_modules"), { recursive: true });
  const without = spawnSync(process.execPath, [path.join(folder, "cli/pgfleet.js")], { encoding: "utf8" });
  expect(without.status).toBe(2);
  expect(without.stderr).toMatch(/Node 22\.18 or newer is needed.*make tools/);
});

test.each([
  ["an unknown command, with the nearest", ["staus"], /unknown command 'staus'[\s\S]*Did you mean status\?/],
  [
    "an unknown option, with the nearest",
    ["status", "--stack", "local", "--formt", "json"],
    /unknown option '--formt'[\s\S]*--format/,
  ],
  ["a wrong format", ["status", "--stack", "local", "--format", "xml"], /Allowed choices are table, json/],
  ["no stack", ["render", "--out", "/tmp/x"], /required option '-s, --stack <name>' not specified/],
  ["no command", [], /Usage: pgfleet/],
  [
    "a stack that is not there, with the nearest",
    ["status", "--stack", "locale"],
    /no stack "locale".*Did you mean "local"\? Stacks here: .*local/,
  ],
  [
    "a config file that is not there",
    ["status", "--stack", "local", "--config-file", "/nonexistent.yaml"],
    /--config-file: there is no file \/nonexistent\.yaml/,
  ],
])("exit code 2: %s", (_, words, said) => {
  const { code, stderr } = pgfleet(words);
  expect(stderr).toMatch(said);
  expect(code).toBe(2);
});

test("exit code 2: a platform whose hosts cannot be reached yet", () => {
  const hosts = { db1: { role: "primary", address: "10.20.0.11", memory: "1GB", cpus: 1, disk: "10GB" } };
  const file = stackFile({ platform: "docker", hosts, stateDir: undefined });
  const { code, stderr } = pgfleet(["status", "--stack", "test", "--config-file", file]);
  expect(stderr).toMatch(/platform "docker" is not built yet/);
  expect(code).toBe(2);
});

test("exit code 0: help and version", () => {
  for (const words of [["--help"], ["help", "render"], ["render", "--help"], ["--version"]]) {
    expect(pgfleet(words), words.join(" ")).toMatchObject({ code: 0, stderr: "" });
  }
});

test("every problem of a config in one message, each with key path and line, no stack trace", () => {
  const hosts = { ...(config().hosts as object), db1: { role: "primary", address: "127.0.99.2" } };
  const file = stackFile({ memory: "32", worklaod: "web", hosts });
  const { code, stdout, stderr } = pgfleet([
    "render",
    "--stack",
    "test",
    "--config-file",
    file,
    "--out",
    "/nonexistent/out",
  ]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  for (const expected of [/memory {2}\(Pulumi\.test\.yaml:\d+\)/, /worklaod[\s\S]*workload/, /127\.0\.99\.2/])
    expect(stderr).toMatch(expected);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test("PGFLEET_DEBUG adds the stack trace", () => {
  const words = ["status", "--stack", "nowhere"];
  expect(pgfleet(words).stderr).not.toMatch(/^\s+at /m);
  expect(pgfleet(words, { PGFLEET_DEBUG: "1" }).stderr).toMatch(/^\s+at .*load\.ts/m);
});

test("$PULUMI_STACK is the stack when none is named", () => {
  expect(pgfleet(["status"], { PULUMI_STACK: "org/postgres-fleet/nowhere" }).stderr).toContain('no stack "nowhere"');
});

test("a fleet that is not there: exit code 1, each host named, as a table and as JSON", () => {
  const at = ["--stack", "test", "--config-file", stackFile()];
  const table = pgfleet(["status", ...at]);
  expect(table.code).toBe(1);
  for (const host of ["db1", "db2", "pool1", "mon1"])
    expect(table.stdout).toMatch(new RegExp(`✗ ${host}: nothing of this stack is on it`));
  const json = pgfleet(["status", ...at, "--format", "json"]);
  expect(json.code).toBe(1);
  const found = JSON.parse(json.stdout);
  expect(found).toMatchObject({ version: 1, stack: "test", cluster: "shop", ok: false });
  expect(found.hosts.map((host: { name: string; state: string }) => [host.name, host.state])).toEqual(
    ["db1", "db2", "pool1", "mon1"].map((name) => [name, "absent"]),
  );
});
