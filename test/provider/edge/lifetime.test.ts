import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  call,
  connect,
  create,
  ECHO_ENTRY,
  EXECUTABLE,
  failure,
  type Provider,
  partialState,
  startEngine,
  startProvider,
  until,
} from "./harness.ts";

let folder: string;
let trace: string;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pgfleet-edge-"));
  trace = join(folder, "trace");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(folder, { recursive: true });
});

const traced = (path = trace) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const exited = (child: ChildProcess) => (child.exitCode !== null ? Promise.resolve() : once(child, "exit"));
async function provider(args: string[] = []): Promise<Provider> {
  const started = await startProvider(args);
  cleanups.push(started.stop);
  return started;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("when its parent is killed, it aborts what runs and ends", async () => {
  const script = fileURLToPath(new URL("./parent.ts", import.meta.url));
  const parent = spawn(process.execPath, [script, EXECUTABLE], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_OPTIONS: `--import ${ECHO_ENTRY}` },
  });
  cleanups.push(() => parent.kill("SIGKILL"));
  let printed = "";
  parent.stdout.on("data", (data) => {
    printed += data;
  });
  await until(() => printed.includes("\n"), "the port line");
  const [pid, port] = printed.trim().split(" ").map(Number) as [number, number];
  cleanups.push(() => alive(pid) && process.kill(pid, "SIGKILL"));
  const client = connect(port);
  cleanups.push(() => client.close());
  const hanging = failure(call(client, "create", create({ do: "hang-partial", trace })));
  await until(() => traced().includes("start"), "the operation");
  parent.kill("SIGKILL");
  // Whoever still listens gets the state that was reached.
  expect(partialState(await hanging)?.properties.reached).toBe("half");
  expect(traced()).toContain("aborted: stopped: the engine is gone");
  await until(() => !alive(pid), "the end of the provider");
});

test("when the engine's connection is lost for good, it aborts what runs and ends", async () => {
  const engine = await startEngine();
  const { process: child, call } = await provider([engine.address]);
  const hanging = failure(call("create", create({ do: "hang-partial", trace })));
  await until(() => engine.lines.length > 0, "the connection to the engine");
  engine.stop();
  await hanging;
  expect(traced()).toContain("aborted: stopped: the engine is gone");
  await exited(child);
  expect(child.exitCode).toBe(0);
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s reaches it through the start script and lets operations end in order",
  async (signal) => {
    const { process: child, call } = await provider();
    const hanging = failure(call("create", create({ do: "hang-partial", trace })));
    await until(() => traced().includes("start"), "the operation");
    child.kill(signal);
    expect(partialState(await hanging)?.properties.reached).toBe("half");
    await exited(child);
    expect(child.exitCode).toBe(0);
  },
);

test("an operation that ignores its signal does not keep the process", async () => {
  const { process: child, call } = await provider();
  const ignoring = failure(call("create", create({ do: "ignore-abort", trace })));
  await until(() => traced().includes("start"), "the operation");
  child.kill("SIGINT");
  await exited(child);
  await ignoring;
  expect(traced()).toContain("aborted");
});

test("a caller that hangs up aborts its own operation and no other", async () => {
  const { client, call, process: child } = await provider();
  const otherTrace = join(folder, "other");
  const kept = failure(call("create", create({ do: "hang-partial", trace: otherTrace })));
  const hungUp = client.create(create({ do: "hang-partial", trace }), () => {});
  await until(() => traced().includes("start") && traced(otherTrace).includes("start"), "both operations");
  hungUp.cancel();
  await until(() => traced().includes("aborted"), "the abort");
  expect(traced()).toContain("no longer waits");
  expect(traced(otherTrace)).not.toContain("aborted");
  child.kill("SIGINT");
  await kept;
});

test("it works without an engine", async () => {
  const { call } = await provider(["127.0.0.1:1"]);
  const response = await call<{ getId(): string }>("create", create({ do: "log" }));
  expect(response.getId()).toBe("echo-1");
});

test("flags before the engine's address are skipped", async () => {
  const engine = await startEngine();
  const { call } = await provider(["--logtostderr", "-v=9", "--tracing", "http://127.0.0.1:2", engine.address]);
  await call("create", create({ do: "log" }));
  expect(engine.lines.length).toBeGreaterThan(0);
  engine.stop();
});
