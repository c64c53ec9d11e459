/** Tables for the assumed worst query, and work for autovacuum and for one maintenance command. */
import type { BenchServer } from "../support/server.ts";

/** Rows that flow through the joins into the sort: enough that each node is over its limit several times. */
export const PROBE_ROWS = 120_000;
const BUILD_ROWS = 150_000;
const FILLER_MB = 640;
const VACUUM_TABLES = 3;
const VACUUM_ROWS = 600_000;
/** Held by the controller; a query at its gate waits for it. */
export const GATE_LOCK = 4711;

export async function makeData(server: BenchServer): Promise<void> {
  const client = await server.connect();
  const text = (of: string, times: number): string =>
    Array.from({ length: times }, (_, i) => `md5((${of} * ${i + 3})::text)`).join("||");
  try {
    await client.query("CREATE EXTENSION pg_prewarm");
    await client.query("CREATE ROLE worker LOGIN");
    const build = (name: string, rows: number, times: number): string =>
      `CREATE TABLE ${name} AS SELECT g AS id, ${text("g", times)} AS t FROM generate_series(1, ${rows}) g`;
    await client.query(build("probe", PROBE_ROWS, 4));
    await client.query(build("build1", BUILD_ROWS, 3));
    await client.query(build("build2", BUILD_ROWS, 3));
    await client.query(build("maintained", 600_000, 2));
    // Read into the shared buffers first: more than any of the servers has.
    await client.query(
      `CREATE TABLE filler AS SELECT repeat(md5(g::text), 31) AS t FROM generate_series(1, ${FILLER_MB * 1024}) g`,
    );
    for (let i = 1; i <= VACUUM_TABLES; i++) {
      // Vacuumed slowly, so that all workers are busy while memory is measured; switched on for each run.
      await client.query(
        `CREATE TABLE vacuumed${i} (id int, v int) WITH (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 20,
         autovacuum_vacuum_cost_limit = 200, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0)`,
      );
      await client.query(`INSERT INTO vacuumed${i} SELECT g, g FROM generate_series(1, ${VACUUM_ROWS}) g`);
      await client.query(`CREATE INDEX ON vacuumed${i} (id)`);
    }
    await client.query("ANALYZE");
    await client.query("GRANT SELECT ON probe, build1, build2 TO worker");
    await client.query("CHECKPOINT");
  } finally {
    await client.end();
  }
}

export const vacuumTables = Array.from({ length: VACUUM_TABLES }, (_, i) => `vacuumed${i + 1}`);

/** Session settings that fix the plan; none of them allows more memory. */
export const PLAN = [
  "SET enable_mergejoin = off",
  "SET enable_nestloop = off",
  "SET join_collapse_limit = 1",
  "SET from_collapse_limit = 1",
];
export const NO_PARALLEL = "SET max_parallel_workers_per_gather = 0";
export const PARALLEL = [
  "SET min_parallel_table_scan_size = 0",
  "SET parallel_setup_cost = 0",
  "SET parallel_tuple_cost = 0",
];

/** One sort above two hashes, in two forms: two hash joins; a hash aggregate over a hash join. */
export const shapes = {
  "sort over two hash joins": `SELECT p.id, p.t || b.t AS t FROM (probe p JOIN build1 a USING (id)) JOIN build2 b USING (id)`,
  "sort over hash aggregate over hash join":
    "SELECT p.id, max(p.t || a.t) AS t FROM probe p JOIN build1 a USING (id) GROUP BY p.id",
} as const;
export type Shape = keyof typeof shapes;

/** Not assumed: a sort of nothing but one text column. From 17 on, PostgreSQL does not count the texts. */
export const oneColumnSort = "SELECT t FROM probe ORDER BY t OFFSET 1000000000";

/**
 * The worst query. With a gate it stops, until the controller lets go, when that many rows have gone into the sort:
 * at that moment hashes and sort are all in memory.
 */
export function worstQuery(shape: Shape, gate?: number): string {
  if (gate === undefined) return `SELECT id, t FROM (${shapes[shape]}) s ORDER BY t OFFSET 1000000000`;
  const stop = `CASE WHEN n = ${gate} THEN pg_advisory_lock_shared(${GATE_LOCK}) IS NULL END AS stopped`;
  const counted = `SELECT id, t, row_number() OVER () AS n FROM (${shapes[shape]}) s OFFSET 0`;
  return `SELECT id, t, stopped FROM (SELECT id, t, ${stop} FROM (${counted}) c OFFSET 0) g ORDER BY t OFFSET 1000000000`;
}
