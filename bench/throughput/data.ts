/** Data that all settings are measured on, and the statements of the analytic mix. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BenchServer } from "../support/server.ts";

const run = promisify(execFile);
const ORDERS = 600_000;

export async function makeData(server: BenchServer, pgbench: string, scale: number): Promise<void> {
  await run(pgbench, ["-i", "-q", "-s", String(scale), "-h", server.sockets, "-U", "postgres", "postgres"], {
    maxBuffer: 1e8,
  });
  const client = await server.connect();
  try {
    await client.query("CREATE EXTENSION pg_prewarm");
    await client.query(
      `CREATE TABLE customers AS SELECT g AS id, g % 50 AS region, md5(g::text) AS name FROM generate_series(1, 100000) g`,
    );
    await client.query(
      `CREATE TABLE orders AS SELECT g AS id, 1 + (g::bigint * 7919) % 100000 AS customer, (g::bigint * 104729) % 5000 AS product,
         ((g::bigint * 31) % 100000)::numeric / 100 AS amount, date '2024-01-01' + ((g::bigint * 13) % 900)::int AS day
       FROM generate_series(1, ${ORDERS}) g`,
    );
    await client.query("ALTER TABLE customers ADD PRIMARY KEY (id)");
    await client.query("ALTER TABLE orders ADD PRIMARY KEY (id)");
    await client.query("CREATE INDEX ON orders (customer)");
    await client.query("CREATE INDEX ON orders (day)");
    await client.query("VACUUM ANALYZE");
    await client.query("CHECKPOINT");
  } finally {
    await client.end();
  }
}

/** A report over all orders, a ranking, a window over a range of days, a lookup of one customer in ten. */
export const analytic = `SELECT c.region, date_trunc('month', o.day) AS month, sum(o.amount), count(DISTINCT o.product)
  FROM orders o JOIN customers c ON c.id = o.customer GROUP BY 1, 2 ORDER BY 3 DESC;
SELECT c.name, sum(o.amount) AS total FROM orders o JOIN customers c ON c.id = o.customer
  GROUP BY c.id, c.name ORDER BY total DESC LIMIT 100;
SELECT max(running) FROM (SELECT sum(amount) OVER (PARTITION BY customer ORDER BY day, id) AS running
  FROM orders WHERE day BETWEEN date '2025-01-01' AND date '2025-04-01') s;
SELECT count(*), avg(o.amount) FROM orders o WHERE o.customer IN (SELECT id FROM customers WHERE region BETWEEN 10 AND 14);
`;
