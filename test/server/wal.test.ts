/** Where a primary's WAL ends, on real data: also when it stopped before the first checkpoint after its promotion. */

import { rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostAt } from "../../provider/host.ts";
import { readControlData } from "../../provider/postgres/data-directory.ts";
import { execute, type SqlTarget, select } from "../../provider/postgres/sql.ts";
import { CURRENT_TIMELINE, endOfWal, lsnBytes } from "../../provider/postgres/wal.ts";
import { initdb, type RunningServer, serverFolder, startServer } from "../support/embedded-postgres.ts";
import { own, serverUser } from "./rendered-host.ts";
import { binaries, DEBIAN_BIN, listening, signal } from "./support/catalog.ts";

const context = listening();
let folder: string;
let server: RunningServer | undefined;
beforeEach(() => {
  folder = serverFolder("pgwal-");
});
afterEach(async () => {
  await server?.stop("SIGQUIT");
  rmSync(folder, { recursive: true, force: true });
});

const memberAt = (run: string) => ({
  name: "db1",
  connection: { platform: "local" as const, host: "db1", address: "127.0.0.1", home: folder, run, user: serverUser },
  dataDirectory: path.join(folder, "data"),
  binDirectory: DEBIAN_BIN,
});
const targetAt = (run: string): SqlTarget => ({
  host: hostAt(memberAt(run).connection),
  port: 5432,
  binDirectory: DEBIAN_BIN,
});

async function start(): Promise<{ server: RunningServer; target: SqlTarget }> {
  const file = path.join(folder, "postgresql.conf");
  // A checkpoint that nobody waits for takes its time.
  writeFileSync(file, "checkpoint_timeout = '1h'\nshared_buffers = '64MB'\n");
  own(file);
  const started = await startServer((await binaries(15))!, path.join(folder, "data"), file, (run) =>
    select(targetAt(run), "SELECT 1", signal, 5_000).then(
      () => true,
      () => false,
    ),
  );
  server = started;
  return { server: started, target: targetAt(started.sockets) };
}

async function asked(target: SqlTarget, query: string): Promise<string> {
  const [row] = await select<{ value: string }>(target, `SELECT (${query})::text AS value`, signal);
  return row!.value;
}

/** A server that became primary a moment ago, with much to write for its checkpoint. */
async function promoted(): Promise<{ server: RunningServer; target: SqlTarget }> {
  await initdb((await binaries(15))!, path.join(folder, "data"));
  const before = await start();
  await execute(
    before.target,
    "CREATE TABLE wide AS SELECT i, repeat('x', 900) FROM generate_series(1, 20000) i",
    signal,
  );
  await before.server.stop("SIGQUIT");
  const standby = path.join(folder, "data", "standby.signal");
  writeFileSync(standby, "");
  own(standby);
  const after = await start();
  await execute(after.target, "SELECT pg_promote(true, 60)", signal, 70_000);
  return after;
}

test("a primary's timeline is the one that it writes, also while its checkpoint is still on the one before", async () => {
  const { target } = await promoted();
  expect(await asked(target, "SELECT timeline_id FROM pg_control_checkpoint()")).toBe("1");
  expect(await asked(target, CURRENT_TIMELINE)).toBe("2");
});

test("of one that crashed then, commits of the new timeline count", async () => {
  const { server, target } = await promoted();
  const fork = await asked(target, "pg_current_wal_lsn()");
  await execute(target, "CREATE TABLE late AS SELECT 1 AS one", signal);
  const end = await asked(target, "pg_current_wal_flush_lsn()");
  await server.stop("SIGQUIT");

  const member = memberAt(server.sockets);
  const host = hostAt(member.connection);
  const control = await readControlData(host, member.dataDirectory, DEBIAN_BIN, signal);
  expect(control).toMatchObject({ state: "in production", timeline: 2, checkpointTimeline: 1 });
  const last = await endOfWal(member, control!, context);
  expect(lsnBytes(last!)).toBeGreaterThan(lsnBytes(fork));
  expect(lsnBytes(last!)).toBeLessThan(lsnBytes(end));
});

test("of one that stopped cleanly it is the shutdown checkpoint", async () => {
  const { server } = await promoted();
  await server.stop();
  const member = memberAt(server.sockets);
  const control = await readControlData(hostAt(member.connection), member.dataDirectory, DEBIAN_BIN, signal);
  expect(control).toMatchObject({ state: "shut down", timeline: 2, checkpointTimeline: 2 });
  expect(await endOfWal(member, control!, context)).toBe(control!.checkpointLsn);
});
