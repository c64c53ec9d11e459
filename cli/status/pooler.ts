/** PgBouncer, through its own unix socket: the OS user it runs as is its administrator and needs no password. */

import { parseSettings } from "../../infra/rendering/conf-text.ts";
import { POOLER_ADMIN } from "../../infra/rendering/names.ts";
import { type PgbouncerProcess, pgbouncerProcesses, socketFolder } from "../../infra/rendering/pgbouncer-processes.ts";
import { activeGeneration } from "../../provider/host.ts";
import { firstLine, type Probe, serviceState } from "./probe.ts";
import type { Pool, PoolerStatus } from "./types.ts";

type Row = Record<string, string>;
const SEPARATOR = "--pgfleet--";
const SHOWN = ["POOLS", "DATABASES", "CONFIG"] as const;

/** Every process of the host, each through its own socket: a client may be with any of them. */
export async function probePooler(probe: Probe): Promise<PoolerStatus> {
  const { host, spec } = probe;
  const { port, processes: count = 1 } = spec.pooler!;
  const generation = await activeGeneration(host, "pgbouncer").catch(() => "");
  const processes = pgbouncerProcesses(count);
  const found = await Promise.all(processes.map((process) => probeProcess(probe, process, count > 1)));
  const states = found.map(({ state }) => state);
  return {
    // Clients are served as long as one of them runs; what is wrong with the others is among the problems.
    state: (["running", "no answer"] as const).find((state) => states.includes(state)) ?? "stopped",
    port,
    generation,
    pools: together(found.flatMap(({ pools }) => pools)),
    ...(count > 1 ? { processes: processes.map(({ number }, i) => ({ number, state: states[i]! })) } : {}),
  };
}

async function probeProcess(
  probe: Probe,
  process: PgbouncerProcess,
  several: boolean,
): Promise<Pick<PoolerStatus, "state" | "pools">> {
  const { problems } = probe;
  const name = several ? `PgBouncer, process ${process.number},` : "PgBouncer";
  const { state, problem } = await serviceState(probe, process.service);
  if (state === "stopped") {
    problems.add(`${name} does not run${problem ? `: ${problem}` : ""}`);
    return { state, pools: [] };
  }
  try {
    const [pools, databases, config] = await show(probe, socketFolder(probe.host.connection.run, process));
    for (const row of databases) {
      if (row.paused === "1") problems.add(`${name} has paused ${row.name}; RESUME in its console ends that`);
      if (row.disabled === "1") problems.add(`${name} has disabled ${row.name}; ENABLE in its console ends that`);
    }
    checkConfig(probe, process, name, config);
    return { state: "running", pools: pools.filter((row) => row.database !== "pgbouncer").map(pool) };
  } catch (error) {
    problems.add(`${name} does not answer: ${firstLine(error)}`);
    return { state: "no answer", pools: [] };
  }
}

/** One pool for each database and user, whatever process its connections are in. */
export function together(pools: readonly Pool[]): Pool[] {
  const sums = new Map<string, Pool>();
  for (const one of pools) {
    const key = JSON.stringify([one.database, one.user]);
    const sum = sums.get(key);
    if (!sum) {
      sums.set(key, { ...one });
      continue;
    }
    for (const count of ["clientsActive", "clientsWaiting", "serversActive", "serversIdle"] as const)
      sum[count] += one[count];
    sum.maxWaitSeconds = Math.max(sum.maxWaitSeconds, one.maxWaitSeconds);
  }
  return [...sums.values()];
}

/** Settings that run against those of the rendered file. */
function checkConfig({ plan, problems }: Probe, process: PgbouncerProcess, name: string, config: Row[]): void {
  const files = plan.components.find((c) => c.name === "pgbouncer")?.files ?? [];
  const body = files.find((f) => f.path === process.ini)?.body ?? "";
  const declared = parseSettings(body.split("\n[databases]")[0]!);
  for (const row of config) {
    const wanted = declared[row.key!];
    if (wanted !== undefined && wanted !== row.value)
      problems.add(`${name} runs with ${row.key} = ${row.value}, declared ${wanted}`);
  }
}

async function show({ spec, host, layout, signal }: Probe, socket: string): Promise<[Row[], Row[], Row[]]> {
  const script = SHOWN.map((what) => `SHOW ${what};\n\\echo ${SEPARATOR}\n`).join("");
  const argv = [`${layout.programs.postgresBin}/psql`, "-XAq", "-F", "\t", "-P", "footer=off", "-v", "ON_ERROR_STOP=1"];
  const result = await host.transport.exec(
    [...argv, "-h", socket, "-p", String(spec.pooler!.port), "-U", POOLER_ADMIN, "-d", "pgbouncer", "-f", "-"],
    { user: host.connection.user, stdin: script, signal, timeoutMs: 10_000, env: { PGCONNECT_TIMEOUT: "5" } },
  );
  if (result.code !== 0) throw new Error(result.stderr.trim().split("\n")[0] || `psql ended with ${result.code}`);
  const [pools, databases, config] = result.stdout.split(`${SEPARATOR}\n`).map(rows);
  return [pools!, databases!, config!];
}

/** psql's unaligned output: a line of names, then a line for each row. */
export function rows(text: string): Row[] {
  const [names, ...lines] = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
  return lines.map((cells) => Object.fromEntries(names!.map((name, i) => [name, cells[i] ?? ""])));
}

const pool = (row: Row): Pool => ({
  database: row.database!,
  user: row.user!,
  clientsActive: Number(row.cl_active),
  clientsWaiting: Number(row.cl_waiting),
  serversActive: Number(row.sv_active),
  serversIdle: Number(row.sv_idle),
  maxWaitSeconds: Number(row.maxwait),
});
