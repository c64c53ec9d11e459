/** Killing a run at a point that was seen to be reached, and what must be true after the next one. */

import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { TestFleet } from "./fleet.ts";
import { current, everywhere, membersOf, openState, streaming } from "./observe.ts";
import { type Process, processesOf, until } from "./processes.ts";

/** Text of the run's output, or something to be seen on the machine. */
export type Point = RegExp | (() => boolean);
export type Victim = "engine" | "provider";

/** Starts `up`, kills at the point with SIGKILL, and returns when the engine, the provider and its commands are gone. */
export async function killedUp(fleet: TestFleet, at: Point, victim: Victim = "engine"): Promise<string> {
  const run = fleet.startUp();
  let ended = false;
  run.child.once("exit", () => (ended = true));
  const reached = () => (at instanceof RegExp ? at.test(run.said()) : at());
  const deadline = Date.now() + 120_000;
  while (!reached()) {
    if (ended || Date.now() > deadline) throw new Error(`the run never came to ${at}:\n${run.said()}`);
    await delay(4);
  }
  process.kill(victim === "engine" ? run.child.pid! : providerOf(fleet, run.child.pid!), "SIGKILL");
  await until(
    `the ${victim === "engine" ? "killed engine" : "engine without a provider"} has ended`,
    60_000,
    () => ended,
  );
  await until("nothing of the killed run goes on", 15_000, () => {
    // Without its provider nobody ends a pg_basebackup that has forked; the next run does.
    const left = ofTheRun(fleet).filter(({ command }) => victim === "engine" || !/pg_basebackup/.test(command));
    if (left.length > 0) throw new Error(left.map((p) => `${p.pid} ${p.command}`).join("\n"));
    return true;
  });
  const { code, text } = await run.done;
  expect(code, "the run ended well before it could be killed").not.toBe(0);
  return text;
}

function providerOf(fleet: TestFleet, engine: number): number {
  const provider = processesOf(fleet.dir).find(
    ({ pid, command }) => /provider\/main\.ts/.test(command) && parentOf(pid) === engine,
  );
  if (!provider) throw new Error("no provider process of this engine was found");
  return provider.pid;
}

const parentOf = (pid: number): number => {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
};

/**
 * The engine, the program, the provider, and commands that the provider runs; not the fleet's daemons. Not Pulumi's
 * language host either: older ones stay when their engine is killed, and do nothing.
 */
function ofTheRun(fleet: TestFleet): Process[] {
  return processesOf(fleet.dir).filter(({ command }) =>
    /\/pulumi (up|refresh)|provider\/main\.ts|infra\/index|\/(psql|initdb|pg_basebackup|pg_controldata)\b|pg_receivewal|postgres .* -C /.test(
      command,
    ),
  );
}

/** What runs is what is declared, asked of the servers and the machine, not of the engine. */
export async function runningEqualsDeclared(fleet: TestFleet): Promise<void> {
  const [primary, ...replicas] = membersOf(fleet);
  expect(everywhere(fleet, "SELECT pg_is_in_recovery()")).toEqual({
    [primary!]: "f",
    ...Object.fromEntries(replicas.map((name) => [name, "t"])),
  });
  await streaming(fleet, replicas, primary);

  const rollout = (await openState(fleet)).find((resource) => resource.type === "pgfleet:index:Rollout")!;
  const { members, poolers } = rollout.inputs as unknown as {
    members: { name: string; generation: string; settings: Record<string, string> }[];
    poolers: { name: string; generation: string }[];
  };
  expect(members.map((m) => m.name).sort()).toEqual([primary, ...replicas].sort());
  for (const { name, generation, settings } of members) {
    expect(path.basename(current(fleet, name, "postgresql")), name).toBe(generation);
    expect(fromFiles(fleet, name), name).toEqual(settings);
    // What the files say is what the server runs with: reading them again changes nothing and leaves nothing to a restart.
    const running = values(fleet, name);
    fleet.sql(name, "SELECT pg_reload_conf()");
    await until(
      `${name} has read its files`,
      10_000,
      () =>
        fleet.sql(name, "SELECT now() - pg_conf_load_time() < '5s' AND clock_timestamp() > pg_conf_load_time()") ===
        "t",
    );
    expect(values(fleet, name), name).toBe(running);
    expect(fleet.sql(name, "SELECT string_agg(name, ', ') FROM pg_settings WHERE pending_restart"), name).toBe("");
  }
  for (const { name, generation } of poolers)
    expect(path.basename(current(fleet, name, "pgbouncer")), name).toBe(generation);

  const declared = Object.keys(fleet.config.hosts);
  const strangers = processesOf(path.join(fleet.dir, "state")).filter(
    ({ command }) => !declared.some((host) => command.includes(`${fleet.home(host)}/`)) && /\/state\//.test(command),
  );
  expect(strangers, "processes of hosts that are not declared").toEqual([]);
  expect(leftovers(path.join(fleet.dir, "state")), "half made folders").toEqual([]);
  expect(ofTheRun(fleet), "commands of a run that is over").toEqual([]);
}

/** Last value of each parameter in the files in force. */
function fromFiles(fleet: TestFleet, member: string): Record<string, string> {
  const rows = fleet.sql(
    member,
    `SELECT json_object_agg(name, setting) FROM (SELECT DISTINCT ON (name) name, setting FROM pg_file_settings
       WHERE name IS NOT NULL ORDER BY name, seqno DESC) f`,
  );
  return JSON.parse(rows) as Record<string, string>;
}

const values = (fleet: TestFleet, member: string): string =>
  fleet.sql(
    member,
    "SELECT json_agg(name || '=' || setting ORDER BY name) FROM pg_settings WHERE name NOT IN ('transaction_read_only')",
  );

/** Folders that a run makes under another name until they are whole. */
function leftovers(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.part(\/|$)/.test(name) && !/\.part\//.test(name));
}
