/** Which form of the worst query takes most in one session, and after how many rows. */
import type pg from "pg";
import type { BenchServer } from "../support/server.ts";
import { NO_PARALLEL, oneColumnSort, PLAN, PROBE_ROWS, type Shape, shapes, worstQuery } from "./data.ts";
import { privateMb } from "./proc.ts";

export interface Calibration {
  shape: Shape;
  gate: number;
  /** Private memory of one session at its gate, and the most it ever had without one. */
  gateMb: number;
  peakMb: number;
  /** The most a session had that sorted one text column. */
  oneColumnMb: number;
}

/** A gate every this many rows. */
const STEP = PROBE_ROWS / 12;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function workerSession(server: BenchServer): Promise<{ client: pg.Client; pid: number }> {
  const client = await server.connect("worker");
  for (const statement of [...PLAN, NO_PARALLEL]) await client.query(statement);
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return { client, pid: rows[0]!.pid };
}

/** Backends that stand at their gate. */
export async function waitingAtGate(controller: pg.Client): Promise<number[]> {
  const { rows } = await controller.query<{ pid: number }>(
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
  );
  return rows.map(({ pid }) => pid);
}

async function peakOf(server: BenchServer, text: string): Promise<number> {
  const { client, pid } = await workerSession(server);
  let running = true;
  let peak = 0;
  const query = client.query(text).finally(() => {
    running = false;
  });
  while (running) {
    peak = Math.max(peak, privateMb(pid));
    await pause(1);
  }
  await query;
  await client.end();
  return peak;
}

/** Private memory when that many rows are in the sort; undefined when the query ended before. */
async function atGate(
  server: BenchServer,
  controller: pg.Client,
  shape: Shape,
  gate: number,
): Promise<number | undefined> {
  const { client, pid } = await workerSession(server);
  let running = true;
  const query = client
    .query(worstQuery(shape, gate))
    .catch(() => undefined)
    .finally(() => {
      running = false;
    });
  let waiting = false;
  while (running && !waiting) {
    waiting = (await waitingAtGate(controller)).includes(pid);
    await pause(5);
  }
  const mb = waiting ? privateMb(pid) : undefined;
  if (waiting) await controller.query("SELECT pg_cancel_backend($1)", [pid]);
  await query;
  await client.end();
  return mb;
}

/** @param controller holds the gate's lock */
export async function calibrate(server: BenchServer, controller: pg.Client): Promise<Calibration> {
  const oneColumnMb = await peakOf(server, oneColumnSort);
  let best: Calibration | undefined;
  for (const shape of Object.keys(shapes) as Shape[]) {
    const peakMb = await peakOf(server, worstQuery(shape));
    for (let gate = STEP; gate <= PROBE_ROWS; gate += STEP) {
      const gateMb = await atGate(server, controller, shape, gate);
      if (gateMb !== undefined && gateMb > (best?.gateMb ?? 0)) best = { shape, gate, gateMb, peakMb, oneColumnMb };
    }
  }
  if (!best) throw new Error("no query stopped at its gate");
  return best;
}
