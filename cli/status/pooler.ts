/** PgBouncer, through its own unix socket: the OS user it runs as is its administrator and needs no password. */

import { parseSettings } from "../../infra/rendering/conf-text.ts";
import { POOLER_ADMIN } from "../../infra/rendering/names.ts";
import { activeGeneration } from "../../provider/host.ts";
import { firstLine, type Probe, serviceState } from "./probe.ts";
import type { Pool, PoolerStatus } from "./types.ts";

type Row = Record<string, string>;
const SEPARATOR = "--pgfleet--";
const SHOWN = ["POOLS", "DATABASES", "CONFIG"] as const;

export async function probePooler(probe: Probe): Promise<PoolerStatus> {
  const { host, spec, problems } = probe;
  const { port } = spec.pooler!;
  const generation = await activeGeneration(host, "pgbouncer").catch(() => "");
  const { state, problem } = await serviceState(probe, "pgbouncer");
  if (state === "stopped") {
    problems.add(`PgBouncer does not run${problem ? `: ${problem}` : ""}`);
    return { state, port, generation, pools: [] };
  }
  try {
    const [pools, databases, config] = await show(probe, port);
    for (const row of databases) {
      if (row.paused === "1") problems.add(`PgBouncer has paused ${row.name}; RESUME in its console ends that`);
      if (row.disabled === "1") problems.add(`PgBouncer has disabled ${row.name}; ENABLE in its console ends that`);
    }
    checkConfig(probe, config);
    return { state: "running", port, generation, pools: pools.filter((row) => row.database !== "pgbouncer").map(pool) };
  } catch (error) {
    problems.add(`PgBouncer does not answer: ${firstLine(error)}`);
    return { state: "no answer", port, generation, pools: [] };
  }
}

/** Settings that run against those of the rendered file. */
function checkConfig({ plan, problems }: Probe, config: Row[]): void {
  const body =
    plan.components.find((c) => c.name === "pgbouncer")?.files.find((f) => f.path === "pgbouncer.ini")?.body ?? "";
  const declared = parseSettings(body.split("\n[databases]")[0]!);
  for (const row of config) {
    const wanted = declared[row.key!];
    if (wanted !== undefined && wanted !== row.value)
      problems.add(`PgBouncer runs with ${row.key} = ${row.value}, declared ${wanted}`);
  }
}

async function show({ host, layout, signal }: Probe, port: number): Promise<[Row[], Row[], Row[]]> {
  const script = SHOWN.map((what) => `SHOW ${what};\n\\echo ${SEPARATOR}\n`).join("");
  const argv = [`${layout.programs.postgresBin}/psql`, "-XAq", "-F", "\t", "-P", "footer=off", "-v", "ON_ERROR_STOP=1"];
  const result = await host.transport.exec(
    [...argv, "-h", host.connection.run, "-p", String(port), "-U", POOLER_ADMIN, "-d", "pgbouncer", "-f", "-"],
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
