/** What a test fleet really runs, asked of its servers and its service managers. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { callRpc } from "../../../provider/services/xml-rpc.ts";
import type { TestFleet } from "./fleet.ts";
import { until } from "./processes.ts";

/** Declared members, primary first. */
export function membersOf(fleet: TestFleet): string[] {
  const { hosts } = fleet.config;
  const all = Object.keys(hosts).filter((name) => ["primary", "replica"].includes(String(hosts[name]!.role)));
  const primary = primaryOf(fleet);
  return [primary, ...all.filter((name) => name !== primary)];
}

/** The declared one. */
export function primaryOf(fleet: TestFleet): string {
  const { hosts, primary } = fleet.config;
  return typeof primary === "string" ? primary : Object.keys(hosts).find((name) => hosts[name]!.role === "primary")!;
}

/** Slot → "active"/"idle" and the application that streams from it, on the primary. */
export function slots(fleet: TestFleet, primary = primaryOf(fleet)): Record<string, string> {
  const rows = fleet.sql(
    primary,
    `SELECT s.slot_name, coalesce(r.application_name || ' ' || r.state, 'nobody')
       FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid ORDER BY 1`,
  );
  return Object.fromEntries(
    rows
      .split("\n")
      .filter(Boolean)
      .map((row) => row.split("\t") as [string, string]),
  );
}

/** Waits until exactly these members stream, each from a slot of its own, and no other slot exists. */
export async function streaming(fleet: TestFleet, replicas: string[], primary = primaryOf(fleet)): Promise<void> {
  const wanted = JSON.stringify(replicas.map((name) => [`pgfleet_${name}`, `${name} streaming`]));
  let last = "";
  await until(`${replicas.join(", ")} stream from ${primary}, each from its slot (last: ${last})`, 30_000, () => {
    last = JSON.stringify(Object.entries(slots(fleet, primary)));
    if (last !== wanted) throw new Error(`slots are ${last}, wanted ${wanted}`);
    return true;
  });
}

/** Waits until what was written on the primary up to now is replayed on the replicas. */
export async function replayed(fleet: TestFleet, replicas: string[], primary = primaryOf(fleet)): Promise<void> {
  const lsn = fleet.sql(primary, "SELECT pg_current_wal_flush_lsn()");
  for (const name of replicas)
    await until(
      `${name} has replayed ${lsn}`,
      30_000,
      () => fleet.sql(name, `SELECT pg_last_wal_replay_lsn() >= '${lsn}'`) === "t",
    );
}

/** Member → when its postmaster was started. */
export function startTimes(fleet: TestFleet): Record<string, string> {
  return everywhere(fleet, "SELECT pg_postmaster_start_time()");
}

/** Member → answer. */
export function everywhere(fleet: TestFleet, query: string): Record<string, string> {
  return Object.fromEntries(membersOf(fleet).map((name) => [name, fleet.sql(name, query)]));
}

/** What Prometheus says of its targets: url → health. Empty while it does not answer. */
export async function targets(fleet: TestFleet): Promise<Record<string, string>> {
  const response = await fetch(`http://${fleet.address(20)}:9090/api/v1/targets?state=active`);
  const { data } = (await response.json()) as { data: { activeTargets: { scrapeUrl: string; health: string }[] } };
  return Object.fromEntries(data.activeTargets.map(({ scrapeUrl, health }) => [scrapeUrl, health]));
}

/** Waits until Prometheus has exactly `count` targets and scraped each with success. */
export async function targetsUp(fleet: TestFleet, count: number): Promise<Record<string, string>> {
  return until(`Prometheus has ${count} targets, all up`, 60_000, async () => {
    const found = await targets(fleet);
    const states = Object.values(found);
    if (states.length !== count || states.some((health) => health !== "up")) throw new Error(JSON.stringify(found));
    return found;
  });
}

interface StateResource {
  type: string;
  urn: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

/** The stack's resources, secrets opened; kept in the test's memory only. */
export async function openState(fleet: TestFleet): Promise<StateResource[]> {
  const { code, text } = await fleet.pulumi("stack", "export", "--show-secrets");
  if (code !== 0) throw new Error(`stack export ended with ${code}`);
  const state = JSON.parse(text.slice(text.indexOf("\n{") + 1)) as { deployment: { resources: StateResource[] } };
  return state.deployment.resources;
}

export interface Login {
  password: string;
  verifier: string;
}

/** Role → its password and verifier. */
export async function logins(fleet: TestFleet): Promise<Record<string, Login>> {
  const found = (await openState(fleet)).filter((resource) => resource.type === "pgfleet:index:Credential");
  return Object.fromEntries(
    found.map(({ urn, outputs }) => [
      urn.split("::").at(-1)!,
      { password: opened(outputs.password), verifier: opened(outputs.verifier) },
    ]),
  );
}

/** Whose it is → private key, PEM: of the cluster's authority, and of each host that has a certificate. */
export async function privateKeys(fleet: TestFleet): Promise<Record<string, string>> {
  const found = (await openState(fleet)).filter(({ type }) => /:Certificate(Authority)?$/.test(type));
  return Object.fromEntries(
    found.map(({ urn, type, outputs }) => [
      type.endsWith("Authority") ? "the authority" : urn.split("::").at(-1)!,
      opened(outputs.key),
    ]),
  );
}

/** `--show-secrets` gives secrets as {signature, plaintext}, where the plaintext is JSON. */
function opened(value: unknown): string {
  return typeof value === "string" ? value : (JSON.parse((value as { plaintext: string }).plaintext) as string);
}

/** SQL through PgBouncer as an application would; the password in the environment of psql alone. */
export function pooled(fleet: TestFleet, user: string, password: string, query: string): string {
  const psql = `/usr/lib/postgresql/${fleet.config.version}/bin/psql`;
  return execFileSync(psql, ["-XAtq", "-h", fleet.address(10), "-p", "6432", "-U", user, "-d", "shop", "-c", query], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, PGPASSWORD: password, PGCONNECT_TIMEOUT: "5" },
  }).trim();
}

/** The state supervisord has a service in; "DOWN" when no supervisord answers. */
export async function serviceState(fleet: TestFleet, host: string, name: string): Promise<string> {
  try {
    const info = await callRpc(
      supervisor(fleet, host),
      "supervisor.getProcessInfo",
      [name],
      AbortSignal.timeout(10_000),
    );
    return (info as { statename: string }).statename;
  } catch (error) {
    return (error as { code?: number }).code === 10 ? "UNKNOWN" : "DOWN";
  }
}

/** Stops a service by hand, behind the engine's back. */
export async function stopByHand(fleet: TestFleet, host: string, name: string): Promise<void> {
  await callRpc(supervisor(fleet, host), "supervisor.stopProcess", [name], AbortSignal.timeout(60_000));
}

/** A host's socket folder is in its home, or under /tmp where that path would be too long. */
function supervisor(fleet: TestFleet, host: string): string {
  return path.join(fleet.home(host), "run", "supervisor.sock");
}

/** The generation in force: folder of `current/<component>`. */
export function current(fleet: TestFleet, host: string, component: string): string {
  return fs.realpathSync(path.join(fleet.home(host), "current", component));
}

/** The last line of a run that says what changed, e.g. "21 unchanged"; and every counted kind. */
export function counts(text: string): Record<string, number> {
  const block = /Resources:\n((?: +.*\n)+)/.exec(text)?.[1] ?? "";
  return Object.fromEntries(
    [
      ...block.matchAll(
        /(\d+) (created|updated|deleted|unchanged|replaced|to create|to update|to delete|errored|refreshed)/g,
      ),
    ].map(([, n, kind]) => [kind!, Number(n)]),
  );
}
