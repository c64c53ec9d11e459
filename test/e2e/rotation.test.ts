/** Passwords and authorities change under writers: those that stay connected, and those that come in all the time. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Config, TestFleet } from "./support/fleet.ts";
import { Load, type LoadOptions, prepareLoad, rows } from "./support/load.ts";
import { until } from "./support/processes.ts";

let fleet: TestFleet;
let loads: Load[] = [];

beforeAll(async () => {
  fleet = new TestFleet("rotate", { connections: 60, pooler: { poolSize: 6, reservePoolSize: 1 } });
  const { db1, db2, pool1 } = fleet.config.hosts;
  fleet.config.hosts = { db1: db1!, db2: db2!, pool1: pool1! };
  const roles = fleet.config.roles as Record<string, object>;
  fleet.config.roles = { ...roles, shop_app: { access: "readwrite", alternate: "shop_app_b" } };
  await fleet.up();
});

afterEach(() => {
  for (const load of loads) load.kill();
  loads = [];
});

afterAll(() => fleet?.remove());

const passfile = (): string => fs.readFileSync(path.join(fleet.home("pool1"), "current/client/passfile"), "utf8");
const passwordOf = (role: string): string =>
  new RegExp(`^[^#\\n]*:${role}:(.*)$`, "m").exec(passfile())?.[1] ?? "no entry";

/** One query as an application: what it says, or why not. */
function login(user: string, password: string, environment: Record<string, string> = {}): string {
  const psql = `/usr/lib/postgresql/${fleet.config.version}/bin/psql`;
  const argv = ["-XAtqw", "-h", fleet.address(10), "-p", "6432", "-U", user, "-d", "shop", "-c", "SELECT 'in'"];
  const env = { PATH: process.env.PATH, PGPASSWORD: password, PGCONNECT_TIMEOUT: "20", ...environment };
  try {
    return execFileSync(psql, argv, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] }).trim();
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

/** When PgBouncer opened its connections to servers, in seconds since 1970. */
function openedAt(): number[] {
  const argv = ["-XA", "-F", "\t", "-P", "footer=off", "-h", path.join(fleet.home("pool1"), "run"), "-p", "6432"];
  const psql = `/usr/lib/postgresql/${fleet.config.version}/bin/psql`;
  const text = fleet.asServerUser(psql, [...argv, "-U", "pgbouncer", "-d", "pgbouncer", "-c", "SHOW SERVERS"]);
  const [head, ...lines] = text.trim().split("\n");
  const column = head!.split("\t").indexOf("connect_time");
  return lines.map((line) => Date.parse(line.split("\t")[column]!.replace(" ", "T").replace(" UTC", "Z")) / 1000);
}

/** `change` and `up` under writers of both kinds: nothing fails, and exactly what was committed is there. */
async function underLoad(user: string, change: (config: Config) => void, verify = false): Promise<void> {
  prepareLoad(fleet);
  const kinds: LoadOptions[] = [
    { user, verify, sliceSeconds: 20 },
    { user, verify, connectEach: true, rate: 20 },
  ];
  loads = kinds.map((kind) => new Load(fleet, kind));
  await Promise.all(loads.map((load) => load.started));
  await until("writers have written", 30_000, () => rows(fleet) > 50);
  change(fleet.config);
  await fleet.up();
  const results = await Promise.all(loads.map((load) => load.stop()));
  for (const { errors, failed, committed } of results) {
    expect({ errors, failed }).toEqual({ errors: [], failed: 0 });
    expect(committed).toBeGreaterThan(0);
  }
  expect(rows(fleet)).toBe(results.reduce((sum, { committed }) => sum + committed, 0));
}

const rotateTo = (passwordVersion: number) => (config: Config) => {
  const roles = config.roles as Record<string, Record<string, unknown>>;
  roles.shop_app = { ...roles.shop_app, passwordVersion };
};

describe("the application's password, by a pair of logins", () => {
  let first = "";
  it("the other login gets a new one: who uses the first notices nothing", async () => {
    first = passwordOf("shop_app");
    const second = passwordOf("shop_app_b");
    await underLoad("shop_app", rotateTo(2));
    expect(passwordOf("shop_app")).toBe(first);
    expect(passwordOf("shop_app_b")).not.toBe(second);
    expect(login("shop_app_b", passwordOf("shop_app_b"))).toBe("in");
    expect(login("shop_app_b", second)).toMatch(/authentication failed/);
  });

  it("all have moved, and the first one ends: who uses the other notices nothing", async () => {
    await underLoad("shop_app_b", rotateTo(3));
    expect(login("shop_app", first)).toMatch(/authentication failed/);
    expect(login("shop_app", passwordOf("shop_app"))).toBe("in");
  });
});

describe("the cluster's authority, in three runs", () => {
  const trusted = (): string => path.join(fleet.home("pool1"), "current/client/root.crt");
  const steps: [what: string, tls: object][] = [
    ["a second one is trusted", { caVersion: 1, caTrusted: [1, 2] }],
    ["it signs", { caVersion: 2, caTrusted: [1, 2] }],
    ["the first is trusted no more", { caVersion: 2 }],
  ];
  let old = "";

  it.each(steps)("%s: clients that check whom they speak to notice nothing", async (_, tls) => {
    old ||= fs.readFileSync(trusted(), "utf8");
    let before = 0;
    const change = (config: Config): void => {
      config.tls = tls;
      // Writers are at work, on connections that are to be gone.
      before = Math.floor(Date.now() / 1000);
    };
    await underLoad("shop_app", change, true);
    // No connection is left that was opened with what was trusted before.
    for (const at of openedAt()) expect(at).toBeGreaterThanOrEqual(before);
  });

  it("who trusts the first alone is left out, and who has the new one gets in", () => {
    const file = path.join(fleet.dir, "old.crt");
    fs.writeFileSync(file, old);
    const as = (root: string): string =>
      login("shop_app", passwordOf("shop_app"), { PGSSLMODE: "verify-full", PGSSLROOTCERT: root });
    expect(as(file)).toContain("certificate verify failed");
    expect(as(trusted())).toBe("in");
  });
});
