/** Live facts of a cluster, as the planner wants them; one query per server. */

import * as path from "node:path";
import { hotStandbyParameters } from "../../infra/config/owned-parameters.ts";
import { parseSettings, settingsOfFiles } from "../../infra/rendering/conf-text.ts";
import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { MemberFacts, ObservedFleet, PoolerFacts } from "../../infra/rollout/types.ts";
import { activeGeneration, type Host, hostAt } from "../host.ts";
import { differences } from "../pooler/check.ts";
import { show } from "../pooler/console.ts";
import { writeAddress } from "../pooler/databases.ts";
import {
  detouredAliases,
  entriesInForce,
  filesNewerThanLoad,
  iniInForce,
  POOLER_SERVICE,
  readDetour,
} from "../pooler/entries.ts";
import { type PoolerProcess, processesOf, stateOf } from "../pooler/processes.ts";
import { readControlData } from "../postgres/data-directory.ts";
import { SERVICE } from "../postgres/server.ts";
import { select } from "../postgres/sql.ts";
import { isStandby } from "../postgres/standby.ts";
import { UnreachableError } from "../transports/transport.ts";
import type { Context } from "../types.ts";
import { RECLONE_MARKER } from "./marker.ts";

/** What Rollout itself wrote, included last by every member's postgresql.conf. */
export const holdFile = (host: Host): string => path.join(host.paths.rollout, "postgresql.conf");

export interface LiveMember extends MemberFacts {
  systemIdentifier: string;
  /** Files that would not load, as file:line: what. */
  errors: string[];
  /** application_name → state, on a primary. */
  replicas: Record<string, string>;
}

interface Row {
  in_recovery: boolean;
  system_identifier: string;
  settings: Record<string, string> | null;
  altered: string[] | null;
  errors: string[] | null;
  pending: string[] | null;
  five: Record<string, number>;
  loaded_ms: number;
  slots: { name: string; active: boolean }[] | null;
  receiving: boolean;
  replay_paused: boolean;
  replicas: Record<string, string> | null;
}

/** Maps that would not load: the view is there from 15 on. */
const IDENT_ERRORS = `
            UNION ALL SELECT format('pg_ident.conf:%s: %s', line_number, error) FROM pg_ident_file_mappings WHERE error IS NOT NULL`;

/** @param version major of the server that is asked */
const query = (version: number): string => `
  SELECT pg_is_in_recovery() AS in_recovery,
         (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
         (SELECT json_object_agg(name, setting) FROM (SELECT DISTINCT ON (name) name, setting FROM pg_file_settings
            WHERE name IS NOT NULL AND sourcefile !~ '/(postgresql\\.auto\\.conf|rollout/postgresql\\.conf)$' ORDER BY name, seqno DESC) f) AS settings,
         (SELECT json_agg(DISTINCT name) FROM pg_file_settings WHERE sourcefile ~ '/postgresql\\.auto\\.conf$') AS altered,
         (SELECT json_agg(line) FROM (
            SELECT format('%s:%s: %s', sourcefile, sourceline, error) AS line FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied' AND error !~ 'cannot be changed without restarting the server$'
            UNION ALL SELECT format('pg_hba.conf:%s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL${version >= 15 ? IDENT_ERRORS : ""}) e) AS errors,
         (SELECT json_agg(name ORDER BY name) FROM pg_settings WHERE pending_restart) AS pending,
         (SELECT json_object_agg(name, setting::bigint) FROM pg_settings WHERE name IN (${hotStandbyParameters.map((n) => `'${n}'`).join(", ")})) AS five,
         (extract(epoch FROM pg_conf_load_time()) * 1000)::float8 AS loaded_ms,
         (SELECT json_agg(json_build_object('name', slot_name, 'active', active) ORDER BY slot_name) FROM pg_replication_slots WHERE slot_type = 'physical') AS slots,
         CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS replay_paused,
         EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS receiving,
         (SELECT json_object_agg(application_name, state) FROM pg_stat_replication) AS replicas`;

export interface LiveFleet extends ObservedFleet {
  members: LiveMember[];
}

export async function observe(
  members: RolloutMember[],
  poolers: RolloutPooler[],
  context: Context,
): Promise<LiveFleet> {
  const [live, pools] = await Promise.all([
    Promise.all(members.map((m) => observeMember(m, context))),
    Promise.all(poolers.map((p) => observePooler(p, members, context))),
  ]);
  return { source: "live", members: live, poolers: pools };
}

export async function observeMember(member: RolloutMember, context: Context): Promise<LiveMember> {
  const host = hostAt(member.connection);
  const none: LiveMember = {
    name: member.name,
    reachable: true,
    hasData: false,
    running: false,
    role: "none",
    generation: "",
    settings: {},
    running5: {},
    pendingRestart: [],
    filesNewerThanLoad: false,
    streaming: false,
    address: member.connection.address,
    standby: false,
    recloned: "",
    needs5: {},
    slots: [],
    held: {},
    systemIdentifier: "",
    errors: [],
    alteredSystem: [],
    replicas: {},
  };
  try {
    const [version, standby, recloned, generation, held] = await Promise.all([
      host.transport.readFile(path.join(member.dataDirectory, "PG_VERSION")),
      isStandby(host, member.dataDirectory),
      host.transport.readFile(path.join(member.dataDirectory, RECLONE_MARKER)),
      activeGeneration(host, SERVICE),
      readHold(host),
    ]);
    const hasData = version !== undefined;
    const at: LiveMember = { ...none, hasData, standby, recloned: recloned?.text.trim() ?? "", generation, held };
    if (!hasData) return at;
    const row = await ask(member, Number.parseInt(version.text, 10), context);
    if (!row)
      return { ...at, settings: await readSettings(host), needs5: standby ? await primary5(member, context) : {} };
    return {
      ...at,
      running: true,
      role: row.in_recovery ? "replica" : "primary",
      settings: row.settings ?? {},
      running5: row.five,
      pendingRestart: row.pending ?? [],
      filesNewerThanLoad: (await newestFileMs(host)) > row.loaded_ms,
      streaming: row.receiving,
      slots: row.slots ?? [],
      needs5: row.replay_paused ? await primary5(member, context) : {},
      systemIdentifier: row.system_identifier,
      errors: row.errors ?? [],
      alteredSystem: row.altered ?? [],
      replicas: row.replicas ?? {},
    };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    context.log("warning", error.message);
    return { ...none, reachable: false };
  }
}

async function ask(member: RolloutMember, version: number, context: Context): Promise<Row | undefined> {
  try {
    const [row] = await select<Row>(
      { host: hostAt(member.connection), port: member.port, binDirectory: member.binDirectory },
      query(version),
      context.signal,
    );
    return row;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    context.log("debug", (error as Error).message);
    return undefined;
  }
}

async function observePooler(pooler: RolloutPooler, members: RolloutMember[], context: Context): Promise<PoolerFacts> {
  const host = hostAt(pooler.connection);
  const none = {
    name: pooler.name,
    reachable: true,
    running: false,
    generation: "",
    paused: [],
    drained: [],
    leadsTo: "",
    differences: [],
  };
  try {
    const generation = await activeGeneration(host, POOLER_SERVICE);
    const drained = (await readDetour(pooler)).without.map(({ address }) => address);
    const leads = writeAddress(await entriesInForce(pooler));
    const leadsTo = members.find((m) => m.connection.address === leads)?.name ?? "";
    const alive = await host.services.alive(context.signal);
    const processes = await processesOf(pooler);
    const states = alive ? await Promise.all(processes.map((process) => stateOf(process, context.signal))) : [];
    const running = processes.filter((_, i) => states[i] !== undefined && states[i] !== "down");
    if (running.length === 0) return { ...none, generation, drained, leadsTo };
    const facts = await askPooler(pooler, running, context);
    // The others serve clients meanwhile, and have to be held back with them.
    for (const process of processes)
      if (!running.includes(process)) facts.differences.push(`its process ${process.process.number} does not run`);
    if (states.includes("taken over"))
      facts.differences.push("it runs in the process of an online restart that did not finish");
    return { ...none, generation, drained, leadsTo, running: true, ...facts };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    context.log("warning", error.message);
    return { ...none, reachable: false };
  }
}

async function askPooler(
  pooler: RolloutPooler,
  processes: PoolerProcess[],
  context: Context,
): Promise<Pick<PoolerFacts, "paused" | "differences">> {
  try {
    const aliases = await detouredAliases(pooler);
    const paused = new Set<string>();
    const all: string[] = [];
    for (const process of processes) {
      const databases = await show(process, "DATABASES", context.signal);
      for (const row of databases) if (row.paused === "1") paused.add(row.name!);
      const found = await differences(process, await iniInForce(pooler, process.process.ini), context.signal);
      all.push(...found.filter((line) => !aliases.some((alias) => line.startsWith(`database ${alias} `))));
    }
    if (await filesNewerThanLoad(pooler)) all.push("its files were written after it last read them");
    return { paused: [...paused], differences: [...new Set(all)] };
  } catch (error) {
    context.signal.throwIfAborted();
    return { paused: [], differences: [(error as Error).message] };
  }
}

/** Modification time of the newest file in force. */
async function newestFileMs(host: Host): Promise<number> {
  const folder = host.paths.current(SERVICE);
  const names = (await host.transport.list(folder)) ?? [];
  const files = await Promise.all(
    [...names.map((name) => path.join(folder, name)), holdFile(host)].map((file) => host.transport.readFile(file)),
  );
  return Math.max(0, ...files.map((file) => file?.mtimeMs ?? 0));
}

/** For a server that does not run: what its files say, read without a server's help. */
async function readSettings(host: Host): Promise<Record<string, string>> {
  const folder = host.paths.current(SERVICE);
  const files: Record<string, { body: string }> = {};
  for (const name of (await host.transport.list(folder)) ?? [])
    files[name] = { body: (await host.transport.readFile(path.join(folder, name)))?.text ?? "" };
  return settingsOfFiles(files);
}

async function primary5(member: RolloutMember, context: Context): Promise<Record<string, number>> {
  const { connection, dataDirectory, binDirectory } = member;
  return (await readControlData(hostAt(connection), dataDirectory, binDirectory, context.signal))?.primary5 ?? {};
}

async function readHold(host: Host): Promise<Record<string, string>> {
  return parseSettings((await host.transport.readFile(holdFile(host)))?.text ?? "");
}
