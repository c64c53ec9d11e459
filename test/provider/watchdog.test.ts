/** The watchdog that resumes a paused pooler when its provider cannot. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PoolerProcess } from "../../provider/pooler/processes.ts";
import { arm, disarm } from "../../provider/pooler/watchdog.ts";
import { processesOf, until } from "../e2e/support/processes.ts";

let folder: string;
let pooler: PoolerProcess;
const signal = AbortSignal.timeout(60_000);
const watchdogs = () => processesOf(folder).filter(({ command }) => command.includes("pgfleet-resume"));

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-watchdog-"));
  // Stands in for the console: writes down what it is asked.
  fs.writeFileSync(path.join(folder, "psql"), `#!/bin/sh\nprintf '%s\\n' "$*" >> ${folder}/asked\n`, { mode: 0o755 });
  pooler = {
    name: "pool1",
    binDirectory: folder,
    port: 6432,
    socket: folder,
    connection: { platform: "local", host: "pool1", home: folder, run: folder, user: os.userInfo().username },
  } as unknown as PoolerProcess;
});

afterEach(async () => {
  await disarm(pooler, signal);
  fs.rmSync(folder, { recursive: true });
});

it("resumes every entry at its limit, and is gone then", async () => {
  await arm(pooler, ["shop", "shop ro"], 100, signal);
  const asked = () => fs.readFileSync(path.join(folder, "asked"), "utf8");
  await until("it has resumed both", 20_000, () => / RESUME "shop"\n.* RESUME "shop ro"\n$/.test(asked()));
  await until(
    "it is gone",
    20_000,
    () => fs.readdirSync(folder).sort().join() === "asked,psql" && watchdogs().length === 0,
  );
});

it("takes the place of one that a killed run left: that one would resume in the middle of the next restart", async () => {
  await arm(pooler, ["shop"], 600_000, signal);
  const [first] = await until("it is there", 20_000, () => (watchdogs().length === 1 ? watchdogs() : false));
  await arm(pooler, ["shop"], 600_000, signal);
  await until("the first one is gone", 20_000, () => watchdogs().every(({ pid }) => pid !== first!.pid));
  await until("the second is there", 20_000, () => watchdogs().length === 1);
});

it("is disarmed at once, also right after it was armed", async () => {
  await arm(pooler, ["shop"], 600_000, signal);
  await disarm(pooler, signal);
  await until("it is gone", 20_000, () => watchdogs().length === 0);
  expect(fs.readdirSync(folder)).toEqual(["psql"]);
});
