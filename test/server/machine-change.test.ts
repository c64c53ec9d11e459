/** A fleet on real servers whose machines change one after the other: each is emptied, and serves again afterwards. */

import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { slotName } from "../../infra/rendering/names.ts";
import { PORTS } from "../../infra/rendering/ports.ts";
import type { DrainInputs, DrainOutputs, LocalConnection, ReadyInputs } from "../../infra/resources.ts";
import { activeGeneration, hostAt } from "../../provider/host.ts";
import { drain } from "../../provider/resources/drain.ts";
import { ready } from "../../provider/resources/ready.ts";
import type { RegisteredMember, RegisteredPooler, Registry } from "../../provider/rollout/registry.ts";
import type { Context } from "../../provider/types.ts";
import { config } from "../config/support.ts";
import { serverUser } from "./rendered-host.ts";
import { RenderedFleet } from "./support/rendered-fleet.ts";

const owner = { project: "postgres-fleet", stack: "test", cluster: "shop" };
const said: string[] = [];
const context = {
  urn: "",
  signal: AbortSignal.timeout(550_000),
  log: (severity: string, line: string) => void said.push(`${severity}: ${line}`),
  status() {},
} as Context;
const ADDRESS: Record<string, string> = {
  db1: "127.0.83.1",
  db2: "127.0.83.2",
  db3: "127.0.83.3",
  pool1: "127.0.83.11",
};
const fleet = new RenderedFleet(
  config({
    cluster: "shop",
    version: 15,
    memory: "512MB",
    connections: 20,
    hosts: {
      db1: { role: "primary", address: ADDRESS.db1 },
      db2: { role: "replica", address: ADDRESS.db2 },
      db3: { role: "replica", address: ADDRESS.db3 },
      pool1: { role: "pooler", address: ADDRESS.pool1 },
    },
    databases: { shop: { owner: "own" } },
    roles: { own: { access: "owner", login: false }, app: { access: "readwrite" } },
    allowedNetworks: ["127.0.0.0/8"],
  }),
);
const missing = fleet.missing;

const connection = (name: string): LocalConnection => {
  const { home, run } = fleet.layout(name);
  return { platform: "local", host: name, address: ADDRESS[name]!, home, run, user: serverUser };
};
const running = async (name: string, service = "postgresql"): Promise<boolean> =>
  (await hostAt(connection(name)).services.status(service, context.signal)).running;
const primaries = (): string[] =>
  ["db1", "db2", "db3"].filter((name) => fleet.sql(name, "SELECT pg_is_in_recovery()") === "f");
const detour = (): string => fs.readFileSync(path.join(fleet.layout("pool1").rollout, "pgbouncer.ini"), "utf8");
const settle = async (what: string, test: () => boolean): Promise<void> => {
  await expect.poll(test, { message: what, timeout: 60_000 }).toBe(true);
};
const streams = (from: string, names: string[]): boolean =>
  fleet.sql(
    from,
    "SELECT string_agg(application_name, ',' ORDER BY application_name) FROM pg_stat_replication WHERE state = 'streaming'",
  ) === names.join(",");

const inputs = (name: string, change: Partial<DrainInputs> = {}): DrainInputs => ({
  connection: connection(name),
  owner,
  machine: { type: "large", architecture: "x86_64", memoryMb: 1024, cpus: 2, diskGb: 1, replace: "" },
  image: "image",
  generation: "any",
  primary: "switchover",
  pause: { limitSeconds: 5, tries: 3, terminate: false },
  tls: "required",
  version: 15,
  ...change,
});
const small = (name: string): DrainOutputs => ({
  ...inputs(name),
  machine: { ...inputs(name).machine, type: "small" },
  type: "small",
  has: { memoryMb: 512, cpus: 1 },
  machineImage: "image",
  inForce: "",
  reachable: true,
});
const grow = (name: string, change: Partial<DrainInputs> = {}) =>
  drain.update(name, small(name), inputs(name, change), context);
const back = async (name: string): Promise<void> => {
  const olds: ReadyInputs = { connection: connection(name), owner, machineId: "i", type: "small", volume: null };
  await ready.update(name, { ...olds, drift: [], reachable: true }, { ...olds, type: "large" }, context);
};

describe.skipIf(missing.length > 0)(`machines that change ${missing.join(", ")}`, () => {
  beforeAll(async () => {
    await fleet.start();
    const members: RegisteredMember[] = [];
    for (const name of ["db1", "db2", "db3"]) {
      const { data, programs } = fleet.layout(name);
      const generation = await activeGeneration(hostAt(connection(name)), "postgresql");
      const upstream = "";
      const rest = { binDirectory: programs.postgresBin, port: PORTS.postgresql, reclone: "" };
      members.push({
        name,
        connection: connection(name),
        dataDirectory: data,
        generation,
        slot: slotName(name),
        upstream,
        ...rest,
      });
    }
    const { programs } = fleet.layout("pool1");
    const pooler: RegisteredPooler = {
      name: "pool1",
      connection: connection("pool1"),
      port: fleet.spec.pooler!.port,
      generation: await activeGeneration(hostAt(connection("pool1")), "pgbouncer"),
      program: programs.pgbouncer,
      binDirectory: programs.postgresBin,
    };
    const registry: Registry = { owner, systemIdentifier: "", members, poolers: [pooler] };
    for (const name of Object.keys(ADDRESS)) {
      const { home } = fleet.layout(name);
      fs.writeFileSync(path.join(home, "owner.json"), JSON.stringify(owner));
      fs.writeFileSync(path.join(home, "registry.json"), JSON.stringify(registry));
    }
  });
  afterAll(() => fleet.stop());

  test("a replica leaves the pool and stops cleanly; it comes back, streams, and is in the pool", async () => {
    expect(await grow("db2")).toMatchObject({ type: "large" });
    expect(await running("db2")).toBe(false);
    expect(detour()).toContain(`without ${ADDRESS.db2} instead ${ADDRESS.db1}`);
    await expect(grow("db3")).rejects.toThrow(/db3 cannot go now: db2 does not run\. Resize one at a time/);
    expect(await running("db3")).toBe(true);
    await back("db2");
    expect(await running("db2")).toBe(true);
    expect(detour()).toBe("");
    expect(streams("db1", ["db2", "db3"])).toBe(true);
  });

  test("the primary goes to a replica first, and comes back as one", async () => {
    fleet.sql("db1", "CREATE TABLE kept AS SELECT 1 AS n");
    expect(await grow("db1")).toMatchObject({ type: "large" });
    expect(await running("db1")).toBe(false);
    const [now] = ["db2", "db3"].filter((name) => fleet.sql(name, "SELECT pg_is_in_recovery()") === "f");
    const other = now === "db2" ? "db3" : "db2";
    await settle(`${other} streams`, () => streams(now!, [other]));
    fleet.sql(now!, "INSERT INTO kept VALUES (2)");
    expect(
      JSON.parse(fs.readFileSync(path.join(fleet.layout("db3").home, "registry.json"), "utf8")),
    ).not.toHaveProperty("switchover");
    expect(detour()).toContain(`; to ${ADDRESS[now!]}`);
    await back("db1");
    expect(primaries()).toEqual([now]);
    expect(streams(now!, ["db1", other].sort())).toBe(true);
    await settle("db1 has it", () => fleet.sql("db1", "SELECT count(*) FROM kept") === "2");
  });

  test("where it is told so, the primary stops with its writes, and starts again", async () => {
    const [primary] = primaries();
    said.length = 0;
    await grow(primary!, { primary: "stop" });
    expect(await running(primary!)).toBe(false);
    expect(said.join("\n")).toMatch(
      /warning: the primary .* stops .* pooled clients wait for at most 5 s, and then get errors/,
    );
    await back(primary!);
    expect(primaries()).toEqual([primary]);
    await settle(
      "replicas stream",
      () => fleet.sql(primary!, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") === "2",
    );
  });

  test("a pooler stops when transactions have ended, with a warning when it is the only one; and starts again", async () => {
    said.length = 0;
    await grow("pool1", { generation: "" });
    expect(await running("pool1", "pgbouncer")).toBe(false);
    expect(said.join("\n")).toMatch(/warning: no other pooler answers: clients of pool1 are cut off/);
    await back("pool1");
    expect(await running("pool1", "pgbouncer")).toBe(true);
  });
});
