/** Two PgBouncer processes behind one port: every change reaches both, and clients of neither notice. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Config, TestFleet } from "./support/fleet.ts";
import { Load, prepareLoad, rows } from "./support/load.ts";
import { processesOf, until } from "./support/processes.ts";

let fleet: TestFleet;
let load: Load | undefined;

beforeAll(async () => {
  fleet = new TestFleet("procs", {
    connections: 60,
    pooler: { poolSize: 4, reservePoolSize: 1, processes: 2 },
    parameters: { shared_buffers: "96MB" },
    // With TLS, clients of a PgBouncer before 1.23 connect anew when it needs new processes: load.test.ts.
    tls: { mode: "off" },
  });
  delete fleet.config.hosts.mon1;
  delete fleet.config.hosts.db3;
  await fleet.up();
});

afterEach(() => load?.kill());

afterAll(async () => {
  await fleet?.remove();
});

const poolers = (): number[] =>
  processesOf(fleet.home("pool1"))
    .filter(({ command }) => /^\S*pgbouncer /.test(command))
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);

const changes: [name: string, edit: (c: Config) => void, renewed: boolean][] = [
  [
    "a setting that needs new processes",
    (c) => (c.pooler = { poolSize: 4, reservePoolSize: 1, processes: 2, parameters: { listen_backlog: 256 } }),
    true,
  ],
  ["a setting that is reloaded", (c) => (c.pooler = { ...(c.pooler as object), poolSize: 5 }), false],
  ["a restart of every member", (c) => (c.parameters = { shared_buffers: "112MB" }), false],
];

describe("two processes under eight writers", () => {
  it.each(changes)("%s: no failed transaction, no lost row", async (_, edit, renewed) => {
    prepareLoad(fleet);
    const before = poolers();
    expect(before).toHaveLength(2);
    load = new Load(fleet);
    await load.started;
    await until("writers have written", 20_000, () => rows(fleet) > 50);
    edit(fleet.config);
    await fleet.up();
    const written = await load.stop();
    expect({ errors: written.errors, failed: written.failed }).toEqual({ errors: [], failed: 0 });
    expect(rows(fleet)).toBe(written.committed);
    const after = poolers();
    expect(after).toHaveLength(2);
    expect(after.some((pid) => before.includes(pid))).toBe(!renewed);
  });
});
