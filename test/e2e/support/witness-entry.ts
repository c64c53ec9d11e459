/**
 * A process that writes through the address of every server, all the time: `witness-entry.ts FILE PORT NAME=ADDRESS…`.
 * Each write is a line of FILE: name, when it was sent, when it was answered (ms), and "ok", "refused" or "unknown".
 */

import * as fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

const [file, port, ...servers] = process.argv.slice(2);
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});

async function write(name: string, host: string): Promise<void> {
  let client: pg.Client | undefined;
  while (!stopping) {
    let sent = 0;
    try {
      if (!client) {
        client = new pg.Client({
          host,
          port: Number(port),
          user: "shop_app",
          database: "shop",
          connectionTimeoutMillis: 2000,
          // Who answers is no question here, only what.
          ssl: { rejectUnauthorized: false },
        });
        client.on("error", () => {});
        await client.connect();
      }
      sent = Date.now();
      await client.query("INSERT INTO witness (server) VALUES ($1)", [name]);
      fs.appendFileSync(file!, `${name}\t${sent}\t${Date.now()}\tok\n`);
    } catch (error) {
      const { code } = error as { code?: string };
      // 25006: read only. Without an answer to what was sent nobody knows.
      const outcome = sent === 0 || code === "25006" || code === "57P03" || code === "57P01" ? "refused" : "unknown";
      fs.appendFileSync(file!, `${name}\t${sent}\t${Date.now()}\t${outcome}\t${code}\n`);
      if (code !== "25006") {
        await client?.end().catch(() => {});
        client = undefined;
      }
    }
    await delay(15);
  }
  await client?.end().catch(() => {});
}

await Promise.all(
  servers.map((server) => {
    const [name, address] = server.split("=") as [string, string];
    return write(name, address);
  }),
);
