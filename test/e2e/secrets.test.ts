// Secrets stay secret: no password, no verifier and no private key anywhere but in the files that are meant for it.
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { type Run, TestFleet } from "./support/fleet.ts";
import { logins, pooled, privateKeys } from "./support/observe.ts";
import { steps } from "./support/steps.ts";

// Servers that log every statement: what is sent to them must not be logged all the same.
const fleet = new TestFleet("secrets", {
  parameters: { log_statement: "all", log_min_duration_statement: 0, log_connections: "on" },
});
const step = steps();

/** Files that hold passwords, verifiers or keys, by their purpose. */
const MEANT = /\/(userlist\.txt|server\.key|[\w.-]*passfile)$/;

/** Everything a run said or showed: its output, and every command line and environment of any process meanwhile. */
const output: string[] = [];
const processes = new Set<string>();
/** Label → text that must be nowhere. */
const canaries = new Map<string, string>();

async function sampled(run: Run): Promise<void> {
  let ended = false;
  run.child.once("exit", () => (ended = true));
  while (!ended) {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      for (const file of ["cmdline", "environ"]) {
        try {
          processes.add(readFileSync(`/proc/${pid}/${file}`, "utf8"));
        } catch {
          // Ended meanwhile.
        }
      }
    }
    await delay(5);
  }
  const { code, text } = await run.done;
  expect(code, text).toBe(0);
  output.push(text);
}

/** Regular files below a folder; data directories are the servers' own. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "data" ? [] : filesBelow(file);
    return entry.isFile() ? [file] : [];
  });
}

/** Labels of the canaries that a text holds, also as base64; never the secrets themselves. */
function found(text: string): string[] {
  return [...canaries]
    .filter(([, secret]) => text.includes(secret) || text.includes(Buffer.from(secret).toString("base64")))
    .map(([label]) => label);
}

beforeAll(async () => {
  await sampled(fleet.startUp("--diff"));
  for (const [role, { password, verifier }] of Object.entries(await logins(fleet))) {
    canaries.set(`password of ${role}`, password);
    canaries.set(`verifier of ${role}`, verifier);
  }
  for (const [whose, pem] of Object.entries(await privateKeys(fleet)))
    canaries.set(`key of ${whose}`, pem.split("\n")[1]!);
});
afterAll(() => fleet.remove());

step("there are secrets to look for, and they are in use", async () => {
  expect([...canaries.keys()].sort()).toEqual(
    ["pgfleet_replicator", "pgfleet_stats", "shop_app", "shop_readonly"]
      .flatMap((role) => [`password of ${role}`, `verifier of ${role}`])
      .concat(["the authority", "db1", "db2", "db3", "pool1"].map((whose) => `key of ${whose}`))
      .sort(),
  );
  expect(pooled(fleet, "shop_app", canaries.get("password of shop_app")!, "SELECT 1")).toBe("1");
  expect(found(`x${canaries.get("password of shop_app")}x`)).toEqual(["password of shop_app"]);
  expect(processes.size).toBeGreaterThan(50);
});

step("a preview and a change show none", async () => {
  fleet.config.memory = "2GB";
  fleet.config.roles = { ...(fleet.config.roles as object), shop_extra: { access: "readonly" } };
  output.push(await fleet.preview());
  await sampled(fleet.startUp("--diff"));
  const { shop_extra } = await logins(fleet);
  canaries.set("password of shop_extra", shop_extra!.password);
  canaries.set("verifier of shop_extra", shop_extra!.verifier);
  // A file with secrets that was edited by hand: what stands there now may be one.
  const userlist = path.join(fleet.home("pool1"), "current/pgbouncer/userlist.txt");
  const text = readFileSync(userlist, "utf8");
  canaries.set("a secret written by hand", "hand-written-canary-4711");
  appendFileSync(userlist, '"somebody" "hand-written-canary-4711"\n');
  output.push(await fleet.preview());
  await sampled(fleet.startUp("--diff"));
  expect(readFileSync(userlist, "utf8")).toBe(text);
});

step("the output of no run has one", async () => {
  expect(output.length).toBe(5);
  for (const text of output) expect(found(text)).toEqual([]);
});

step("no command line and no environment had one at any time", async () => {
  for (const text of processes) expect(found(text), text.slice(0, 80).replaceAll("\0", " ")).toEqual([]);
});

step("the engine's state and its history have none in clear", async () => {
  const files = filesBelow(path.join(fleet.dir, "engine"));
  expect(files.some((file) => file.endsWith(`${fleet.stack}.json`))).toBe(true);
  for (const file of files) expect(found(readFileSync(file, "utf8")), file).toEqual([]);
});

step("on the hosts only the files that are meant for it have one, and others cannot read those", async () => {
  const holders = new Set<string>();
  for (const file of filesBelow(path.join(fleet.dir, "state"))) {
    const inside = found(readFileSync(file, "utf8"));
    if (inside.length === 0) continue;
    expect(file, inside.join(", ")).toMatch(MEANT);
    expect((statSync(file).mode & 0o777).toString(8), file).toMatch(/^(600|640)$/);
    holders.add(path.basename(file));
  }
  expect([...holders]).toContain("userlist.txt");
  expect([...holders]).toContain("server.key");
  expect([...holders].some((name) => name.endsWith("passfile"))).toBe(true);
  for (const file of filesBelow(path.join(fleet.dir, "state")).filter((name) => name.includes("/gen/")))
    expect((statSync(file).mode & 0o007).toString(8), file).toBe("0");
});

step("no log has one, though every statement is logged", async () => {
  for (const host of Object.keys(fleet.config.hosts)) {
    const logs = filesBelow(path.join(fleet.home(host), "log"));
    expect(logs.length, host).toBeGreaterThan(0);
    for (const file of logs) expect(found(readFileSync(file, "utf8")), file).toEqual([]);
  }
  expect(readFileSync(path.join(fleet.home("db1"), "log/postgresql.log"), "utf8")).toMatch(/statement: /);
  const kept = fleet.sql("db1", "SELECT query FROM pg_stat_statements", "shop");
  expect(kept).toMatch(/SELECT/i);
  expect(found(kept)).toEqual([]);
});
