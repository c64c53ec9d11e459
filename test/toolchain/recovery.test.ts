import { spawn } from "node:child_process";
import { existsSync, utimesSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Sandbox } from "./sandbox.ts";

/** A process that looks like an engine, one that does not, and one that has ended. */
let engine: ReturnType<typeof spawn>;
let other: ReturnType<typeof spawn>;
let endedPid = 0;

beforeAll(async () => {
  engine = spawn("sh", ["-c", "sleep 300; : pulumi up"], { stdio: "ignore", detached: true });
  other = spawn("sleep", ["300"], { stdio: "ignore" });
  const ended = spawn("true", { stdio: "ignore" });
  endedPid = ended.pid!;
  await new Promise((resolve) => ended.on("exit", resolve));
});

afterAll(() => {
  // The group: the shell and the sleep in it.
  process.kill(-engine.pid!, "SIGKILL");
  other.kill("SIGKILL");
});

function sandbox(checkpoint: object = {}): Sandbox {
  const box = new Sandbox();
  box.fakePulumi("pulumi");
  box.fake("pulumi-language-nodejs", "");
  box.fake("node", `exec "${process.execPath}" "$@"`);
  box.fake(
    join(box.root, "node_modules/node/bin/node"),
    `[ "$1" = --version ] && echo v24.1.0 || exec "${process.execPath}" "$@"`,
  );
  box.write(join(box.state, "passphrase"), "known");
  box.write(
    join(box.state, "engine/.pulumi/stacks/postgres-fleet/local.json"),
    JSON.stringify({ version: 3, checkpoint: { latest: checkpoint } }),
  );
  return box;
}

/** In the form of the engine's file backend. */
function lock(box: Sandbox, pid: number, host = hostname()): string {
  const content = { pid, username: "root", hostname: host, timestamp: new Date().toISOString() };
  return box.write(
    join(box.state, "engine/.pulumi/locks/organization/postgres-fleet/local", `${crypto.randomUUID()}.json`),
    JSON.stringify(content),
  );
}

test.each(["up", "preview", "refresh", "destroy"])(
  "%s: the lock of a process that is gone is cleared, and said so",
  (command) => {
    using box = sandbox();
    const file = lock(box, endedPid);
    const { stderr } = box.run([command, "-s", "local"]);
    expect(existsSync(file)).toBe(false);
    expect(stderr).toContain(`cleared the lock of process ${endedPid}`);
  },
);

test("other commands leave locks alone", () => {
  using box = sandbox();
  const file = lock(box, endedPid);
  box.run(["stack", "export", "-s", "local"]);
  expect(existsSync(file)).toBe(true);
});

test("the lock of a running engine is kept", () => {
  using box = sandbox();
  const file = lock(box, engine.pid!);
  const { stderr } = box.run(["up", "-s", "local"]);
  expect(existsSync(file)).toBe(true);
  expect(stderr).not.toContain("cleared");
});

test("a lock taken on another machine is kept, whatever runs here", () => {
  using box = sandbox();
  const file = lock(box, endedPid, "elsewhere");
  box.run(["up", "-s", "local"]);
  expect(existsSync(file)).toBe(true);
});

test("a pid that something else has by now does not keep a lock", () => {
  using box = sandbox();
  const file = lock(box, other.pid!);
  box.run(["up", "-s", "local"]);
  expect(existsSync(file)).toBe(false);
});

test("a lock from before the machine's last start is dead, whoever has its pid", () => {
  using box = sandbox();
  const file = lock(box, engine.pid!);
  utimesSync(file, 1000, 1000);
  box.run(["up", "-s", "local"]);
  expect(existsSync(file)).toBe(false);
});

const pending = (type: string) => ({ pending_operations: [{ resource: { urn: "urn:x" }, type }] });
const refreshes = (box: Sandbox) => box.calls().filter((call) => call.includes("--clear-pending-creates"));

test("creates that were cut off are forgotten before the next up, without reading a host", () => {
  using box = sandbox(pending("creating"));
  const { stderr } = box.run(["up", "--yes", "-s", "local"]);
  expect(refreshes(box)).toHaveLength(1);
  expect(refreshes(box)[0]).toContain("refresh --clear-pending-creates --exclude ** --yes --skip-preview");
  expect(stderr).toContain("cut off");
  expect(box.calls().at(-1)).toContain("pulumi up --yes");
});

test.each([
  ["nothing is pending", {}, "up"],
  ["only an update is pending", pending("updating"), "up"],
  ["only a preview is asked for", pending("creating"), "preview"],
])("no refresh when %s", (_, checkpoint, command) => {
  using box = sandbox(checkpoint);
  box.run([command, "-s", "local"]);
  expect(refreshes(box)).toEqual([]);
});

test("an attribute file that was cut off is removed; a whole one stays", () => {
  using box = sandbox();
  const folder = join(box.state, "engine/.pulumi/stacks/postgres-fleet");
  const cut = box.write(join(folder, "local.json.attrs"), "");
  const whole = box.write(join(folder, "other.json.attrs"), "{}\n");
  box.run(["up", "-s", "local"]);
  expect(existsSync(cut)).toBe(false);
  expect(existsSync(whole)).toBe(true);
});

test("--config-file names the stack's config: locks are cleared, and the engine gets a copy of it", () => {
  using box = sandbox();
  const file = box.write(join(box.base, "elsewhere.yaml"), "config:\n  postgres-fleet:platform: local\n");
  const locked = join(box.state, "engine/.pulumi/locks/organization/postgres-fleet/try");
  const dead = box.write(join(locked, "1.json"), JSON.stringify({ pid: endedPid, hostname: hostname() }));
  box.write(join(box.state, "engine/.pulumi/stacks/postgres-fleet/try.json"), '{"version":3,"checkpoint":{}}');
  const { code } = box.run(["up", "-s", "try", "--config-file", file]);
  expect(code).toBe(0);
  expect(existsSync(dead)).toBe(false);
  expect(box.calls().at(-1)).toContain(`--config-file ${join(box.state, "engine/project/Pulumi.try.yaml")}`);
  expect(box.read(file)).toBe("config:\n  postgres-fleet:platform: local\n");
});
