// Run with settings.ts beside it: what `pgfleet clients --for node-postgres` prints.
import { failure, report, until } from "./report.mjs";
import { readPool, writePool } from "./settings.ts";

const { rows } = await writePool.query("INSERT INTO notes_pg (text) VALUES ($1) RETURNING id", ["written"]);
const { id } = rows[0];
const read = await until(async () => (await readPool.query("SELECT text FROM notes_pg WHERE id = $1", [id])).rows[0]);
const [{ replica }] = (await readPool.query("SELECT pg_is_in_recovery() AS replica")).rows;
const refused = await failure(() => readPool.query("INSERT INTO notes_pg (text) VALUES ('no')"));

// A transaction keeps its server, so all of it is there or nothing.
const client = await writePool.connect();
await client.query("BEGIN");
await client.query("INSERT INTO notes_pg (text) VALUES ('undone')");
await client.query("ROLLBACK");
client.release();
const undone = (await writePool.query("SELECT count(*)::int AS n FROM notes_pg WHERE text = 'undone'")).rows[0].n;

// Many at once, more than there are server connections: parameters travel in prepared statements without a name.
const many = await Promise.all(
  Array.from(
    { length: 60 },
    async (_, n) => (await writePool.query("SELECT $1::int + 1 AS n", [n])).rows[0].n === n + 1,
  ),
);

// Named ones stay on a server connection. More clients than there are of those, each new: one finds what it did not make.
const kept = await failure(async () => {
  for (let n = 0; n < 12; n++) {
    const one = await writePool.connect();
    try {
      await one.query({ name: "kept", text: "SELECT $1::int AS n", values: [n] });
    } finally {
      one.release(true);
    }
  }
});

await Promise.all([readPool.end(), writePool.end()]);
report({ read: read?.text, replica, refused, undone, many: many.every(Boolean), kept });
