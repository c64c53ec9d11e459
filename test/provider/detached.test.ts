/** Commands and their children end with the provider. */

import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { killGroup, processesOf, until } from "../e2e/support/processes.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-detached-"));
});
afterEach(async () => {
  await killGroup(folder);
  fs.rmSync(folder, { recursive: true });
});

const DETACHED = path.resolve(import.meta.dirname, "../../provider/transports/detached.ts");
// The command forks a child that outlives it, as pg_basebackup's receiver does.
const COMMAND = ["sh", "-c", "sleep 600 & sleep 600", "the-command"];

/** A stand-in for the provider that runs the command, leading its own group. */
function provider(): ReturnType<typeof spawn> {
  const script = `
    const { endingTogether } = await import(${JSON.stringify(DETACHED)});
    const { spawn } = await import("node:child_process");
    const [program, ...rest] = endingTogether(${JSON.stringify(COMMAND)});
    spawn(program, rest, { cwd: ${JSON.stringify(folder)}, detached: true, stdio: "ignore" });
    setInterval(() => {}, 1000);`;
  return spawn(
    path.resolve(import.meta.dirname, "../../node_modules/.bin/node"),
    ["--input-type=module", "-e", script],
    {
      stdio: "ignore",
      cwd: folder,
    },
  );
}
const sleepers = () => processesOf(folder).filter(({ command }) => command === "sleep 600");

it("a killed provider leaves neither the command nor its children", async () => {
  const child = provider();
  await until("the command and its child run", 30_000, () => sleepers().length === 2);
  child.kill("SIGKILL");
  await until("both have ended", 20_000, () => sleepers().length === 0);
  await until("so has who watched", 20_000, () => processesOf(folder).length === 0);
});

it("when the command ends, so does who watches over it", async () => {
  const child = provider();
  await until("the command and its child run", 30_000, () => sleepers().length === 2);
  for (const { pid } of sleepers()) process.kill(pid, "SIGKILL");
  await until("only the provider is left", 20_000, () => processesOf(folder).length === 1);
  expect(processesOf(folder)[0]!.pid).toBe(child.pid);
  child.kill("SIGKILL");
});
