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

// Named ones stay on a server connection: the second client finds one there that it did not make.
const [a, b] = [await writePool.connect(), await writePool.connect()];
const named = { name: "kept", text: "SELECT $1::int AS n" };
const kept = await failure(async () => {
  await a.query({ ...named, values: [1] });
  await b.query({ ...named, values: [2] });
});
a.release(true);
b.release(true);

await Promise.all([readPool.end(), writePool.end()]);
report({ read: read?.text, replica, refused, undone, many: many.every(Boolean), kept });
