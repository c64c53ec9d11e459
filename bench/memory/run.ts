/** One server with one configuration, all its connections busy at once, and its memory all the while. */
import type pg from "pg";
import { type BenchServer, startBenchServer } from "../support/server.ts";
import { type Calibration, calibrate, pause, waitingAtGate, workerSession } from "./calibrate.ts";
import { GATE_LOCK, PARALLEL, vacuumTables, worstQuery } from "./data.ts";
import { availableMb, type MemorySample, sampleTree } from "./proc.ts";

/** A server over this is stopped at once, and so is one that leaves the machine less than the second number. */
const GUARD_MB = 8_000;
const LEAST_AVAILABLE_MB = 4_000;
const GATE_TIMEOUT_MS = 240_000;
/** Time during which every query stands at its gate, while vacuum, index build and a parallel query go on. */
const HOLD_MS = 15_000;

export interface BoundResult {
  connections: number;
  active: number;
  calibration: Calibration;
  /** The sample with the highest PSS, and when it was. */
  peak: MemorySample;
  phase: string;
  /** Highest sum of PSS and page tables in one sample. */
  peakWithPageTablesMb: number;
  samples: number;
  seconds: number;
  autovacuumWorkers: number;
  parallelWorkers: number;
  indexBuilds: number;
  /** Sessions that stood at their gate together. */
  waiting: number;
  stopped?: string;
}

interface Watch {
  phase: string;
  result: BoundResult;
  stop: () => Promise<void>;
}

function watchMemory(server: BenchServer, result: BoundResult): Watch {
  let going = true;
  const watch: Watch = { phase: "start", result, stop: async () => {} };
  const started = Date.now();
  const loop = (async () => {
    while (going) {
      const sample = sampleTree(server.pid);
      result.samples += 1;
      if (sample.pssMb > result.peak.pssMb) Object.assign(result, { peak: sample, phase: watch.phase });
      result.peakWithPageTablesMb = Math.max(result.peakWithPageTablesMb, sample.pssMb + sample.pageTablesMb);
      if (sample.pssMb > GUARD_MB || availableMb() < LEAST_AVAILABLE_MB) {
        result.stopped = `stopped at ${Math.round(sample.pssMb)} MB, to protect the machine it ran on`;
        process.kill(server.pid, "SIGQUIT");
        break;
      }
      await pause(20);
    }
    result.seconds = (Date.now() - started) / 1000;
  })();
  watch.stop = async () => {
    going = false;
    await loop;
  };
  return watch;
}

/** Autovacuum with all its workers and one index build after the other, until it is told to stop. */
function maintain(server: BenchServer, controller: pg.Client, result: BoundResult): () => Promise<void> {
  let going = true;
  const indexes = (async () => {
    const client = await server.connect();
    while (going) {
      await client.query("CREATE INDEX maintained_t ON maintained (t)");
      await client.query("DROP INDEX maintained_t");
      await client.query("VACUUM maintained");
      result.indexBuilds += 1;
    }
    await client.end();
  })().catch(() => undefined);
  const counts = (async () => {
    while (going) {
      const { rows } = await controller.query<{ vacuum: string; parallel: string }>(
        `SELECT count(*) FILTER (WHERE backend_type = 'autovacuum worker') AS vacuum,
                count(*) FILTER (WHERE backend_type = 'parallel worker') AS parallel FROM pg_stat_activity`,
      );
      result.autovacuumWorkers = Math.max(result.autovacuumWorkers, Number(rows[0]!.vacuum));
      result.parallelWorkers = Math.max(result.parallelWorkers, Number(rows[0]!.parallel));
      await pause(100);
    }
  })().catch(() => undefined);
  return async () => {
    going = false;
    await Promise.all([indexes, counts]);
  };
}

async function number(client: pg.Client, name: string): Promise<number> {
  return Number((await client.query<{ v: string }>("SELECT current_setting($1) AS v", [name])).rows[0]!.v);
}

async function closeGate(server: BenchServer): Promise<pg.Client> {
  const controller = await server.connect();
  await controller.query("SELECT pg_advisory_lock($1)", [GATE_LOCK]);
  return controller;
}

/**
 * Calibrates, then: all sessions run the worst query up to the gate and wait there together; one of them runs it with
 * parallel workers meanwhile; then the gate opens and all finish; then all run it again without a gate.
 */
export async function measureBound(bin: string, data: string, file: string): Promise<BoundResult> {
  const server = await startBenchServer({ bin, data, file, options: ["autovacuum_naptime=1s", "fsync=off"] });
  const sessions: pg.Client[] = [];
  try {
    let controller = await closeGate(server);
    const calibration = await calibrate(server, controller);
    const connections = await number(controller, "max_connections");
    const active = connections - (await number(controller, "superuser_reserved_connections"));
    const result: BoundResult = {
      connections,
      active,
      calibration,
      peak: { processes: 0, pssMb: 0, anonMb: 0, shmemMb: 0, pageTablesMb: 0 },
      phase: "",
      peakWithPageTablesMb: 0,
      samples: 0,
      seconds: 0,
      autovacuumWorkers: 0,
      parallelWorkers: 0,
      indexBuilds: 0,
      waiting: 0,
    };
    for (const table of vacuumTables) {
      await controller.query(`UPDATE ${table} SET v = v + 1`);
      await controller.query(`ALTER TABLE ${table} SET (autovacuum_enabled = on)`);
    }
    // The reserved connections are the last ones: every other must be taken before.
    await controller.end();
    for (let i = 0; i < active; i++) sessions.push((await workerSession(server)).client);
    controller = await closeGate(server);
    // Every shared buffer is in use, and mapped by a process that stays.
    for (const table of ["filler", "maintained", ...vacuumTables, "probe", "build1", "build2"])
      await controller.query("SELECT pg_prewarm($1)", [table]);
    // Superusers' own: the controller, the index build and this one.
    sessions.push(await server.connect());

    const watch = watchMemory(server, result);
    const stopMaintenance = maintain(server, controller, result);
    try {
      watch.phase = "all sessions at the gate";
      const parallel = sessions[active - 1]!;
      const gated = sessions
        .slice(0, active - 1)
        .map((client) => client.query(worstQuery(calibration.shape, calibration.gate)).catch(() => undefined));
      const limit = Date.now() + GATE_TIMEOUT_MS;
      while (result.waiting < active - 1 && Date.now() < limit && !result.stopped) {
        result.waiting = (await waitingAtGate(controller)).length;
        await pause(50);
      }
      for (const statement of ["RESET max_parallel_workers_per_gather", ...PARALLEL]) await parallel.query(statement);
      const until = Date.now() + HOLD_MS;
      while (Date.now() < until && !result.stopped) await parallel.query(worstQuery(calibration.shape));
      watch.phase = "gate open";
      await controller.query("SELECT pg_advisory_unlock_all()");
      await Promise.all(gated);
      watch.phase = "all sessions without a gate";
      const query = worstQuery(calibration.shape);
      await Promise.all(sessions.slice(0, active).map((client) => client.query(query).catch(() => undefined)));
    } catch (error) {
      if (!result.stopped) throw error;
    } finally {
      await stopMaintenance();
      await watch.stop();
    }
    for (const table of vacuumTables)
      if (!result.stopped) await controller.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    await controller.end().catch(() => undefined);
    return result;
  } finally {
    for (const client of sessions) await client.end().catch(() => undefined);
    await server.stop();
  }
}
