/** Any change of settings under load: no failed transaction, and exactly as many rows as acknowledged commits. */

import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Config, TestFleet } from "./support/fleet.ts";
import { Load, type LoadResult, prepareLoad, rows } from "./support/load.ts";
import { until } from "./support/processes.ts";

let fleet: TestFleet;
let load: Load | undefined;
const stalls: Record<string, number> = {};

beforeAll(async () => {
  fleet = new TestFleet("load", { memory: "1GB", connections: 40 });
  await fleet.up();
});

afterAll(async () => {
  load?.kill();
  await fleet?.remove();
  if (process.env.PGFLEET_RECORD)
    fs.writeFileSync(path.join(process.env.PGFLEET_RECORD, "stalls.json"), `${JSON.stringify(stalls, null, 2)}\n`);
});

interface Change {
  name: string;
  edit: (config: Config) => void;
  /** Says with SHOW on each member that the change is in force. */
  shows?: [parameter: string, value: string];
  restarts: boolean;
}

const changes: Change[] = [
  {
    name: "reload only",
    edit: (c) => (c.parameters = { work_mem: "1MB" }),
    shows: ["work_mem", "1MB"],
    restarts: false,
  },
  {
    name: "shared_buffers",
    edit: (c) => (c.parameters = { shared_buffers: "96MB" }),
    shows: ["shared_buffers", "96MB"],
    restarts: true,
  },
  {
    name: "max_connections raised",
    edit: (c) => (c.connections = 50),
    shows: ["max_connections", "50"],
    restarts: true,
  },
  {
    name: "max_connections lowered",
    edit: (c) => (c.connections = 35),
    shows: ["max_connections", "35"],
    restarts: true,
  },
  {
    name: "one of the five raised, another lowered",
    edit: (c) => Object.assign(c, { connections: 45, parameters: { max_locks_per_transaction: 64 } }),
    shows: ["max_locks_per_transaction", "64"],
    restarts: true,
  },
  { name: "pg_hba", edit: (c) => (c.allowedNetworks = ["127.0.0.0/8"]), restarts: false },
  { name: "pool size", edit: (c) => (c.pooler = { poolSize: 8, reservePoolSize: 2 }), restarts: false },
  { name: "memory up", edit: (c) => (c.memory = "2GB"), restarts: true },
  { name: "memory down", edit: (c) => (c.memory = "1GB"), restarts: true },
];

describe("under eight writers through the pooler", () => {
  it.each(changes)("$name: no failed transaction, no lost or invented row", async (change) => {
    prepareLoad(fleet);
    const startedBefore = ["db1", "db2", "db3"].map((host) => fleet.sql(host, "SELECT pg_postmaster_start_time()"));
    load = new Load(fleet);
    await load.started;
    await until("writers have written", 20_000, () => rows(fleet) > 50);
    change.edit(fleet.config);
    await fleet.up();
    const result = await load.stop();
    expect(result.errors).toEqual([]);
    expect(result.failed).toBe(0);
    expect(result.committed).toBeGreaterThan(0);
    expect(rows(fleet)).toBe(result.committed);
    for (const host of ["db1", "db2", "db3"]) {
      if (change.shows)
        expect(`${host} ${fleet.sql(host, `SHOW ${change.shows[0]}`)}`).toBe(`${host} ${change.shows[1]}`);
      expect(fleet.sql(host, "SELECT count(*) FROM pg_settings WHERE pending_restart")).toBe("0");
    }
    for (const host of ["db2", "db3"]) {
      await until(`${host} has all rows`, 20_000, () => rows(fleet, host) === result.committed);
    }
    const startedAfter = ["db1", "db2", "db3"].map((host) => fleet.sql(host, "SELECT pg_postmaster_start_time()"));
    for (const [i, at] of startedAfter.entries()) expect(at !== startedBefore[i]).toBe(change.restarts);
    stalls[change.name] = Math.round(result.longestMs);
  });
});

/** A process that takes over drops connections with TLS; so it takes over only where there are none. */
describe("a pooler setting that needs a new process, under eight writers", () => {
  let other: TestFleet | undefined;
  let writers: Load | undefined;

  afterEach(async () => {
    writers?.kill();
    await other?.remove();
  });

  const change = async (tls: object): Promise<[LoadResult, number, string]> => {
    other = new TestFleet("newproc", { connections: 60, tls, pooler: { poolSize: 5, reservePoolSize: 1 } });
    for (const host of ["db2", "db3", "mon1"]) delete other.config.hosts[host];
    await other.up();
    prepareLoad(other);
    writers = new Load(other);
    await writers.started;
    await until("writers have written", 20_000, () => rows(other!) > 50);
    other.config.pooler = { poolSize: 5, reservePoolSize: 1, parameters: { listen_backlog: 256 } };
    const said = await other.up();
    return [await writers.stop(), rows(other), said];
  };

  it("without TLS: no failed transaction, no lost or invented row", async () => {
    const [result, there] = await change({ mode: "off" });
    expect({ errors: result.errors, failed: result.failed }).toEqual({ errors: [], failed: 0 });
    expect(there).toBe(result.committed);
  });

  it("with TLS: clients connect anew, and every transaction that had begun has ended: no lost or invented row", async () => {
    const [result, there, said] = await change({});
    expect(said).toContain("clients of pool1 connect anew");
    expect(there).toBe(result.committed);
  });
});
