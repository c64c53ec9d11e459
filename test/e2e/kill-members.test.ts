/** kill -9 at drawn points while members come, go, get new data and change places, under load; then again, or back. */

import { afterAll, beforeAll, it } from "vitest";
import { type Config, TestFleet } from "./support/fleet.ts";
import type { Operations } from "./support/kill-points.ts";
import { KillRounds, SEED, WANTED } from "./support/kill-rounds.ts";

const PAUSE_LIMIT_S = 8;

let fleet: TestFleet;
let rounds: KillRounds | undefined;

const has = (c: Config, name: string): boolean => c.hosts[name] !== undefined;
const other = (c: Config): string => (c.primary === "db1" ? "db2" : "db1");

const operations: Operations = {
  "add a replica": (c) =>
    has(c, "db4") ? undefined : (config) => (config.hosts.db4 = { role: "replica", address: fleet.address(4) }),
  "remove a replica": (c) => (has(c, "db4") ? (config) => delete config.hosts.db4 : undefined),
  "clone anew": () => (config) => {
    config.hosts.db3!.reclone = Number(config.hosts.db3!.reclone ?? 0) + 1;
  },
  "move the primary": () => (config) => (config.primary = other(config)),
  "move the primary, more connections": (c) =>
    (c.connections as number) < 50
      ? (config) => Object.assign(config, { primary: other(config), connections: (config.connections as number) + 5 })
      : undefined,
  "move the primary, fewer connections": (c) =>
    (c.connections as number) > 35
      ? (config) => Object.assign(config, { primary: other(config), connections: (config.connections as number) - 5 })
      : undefined,
};

beforeAll(async () => {
  fleet = new TestFleet("killmem", {
    connections: 40,
    primary: "db1",
    pooler: { poolSize: 4, reservePoolSize: 1 },
    rollout: { pauseLimit: `${PAUSE_LIMIT_S}s` },
  });
  fleet.config.hosts.db1!.role = "replica";
  delete fleet.config.hosts.mon1;
  await fleet.up();
  rounds = new KillRounds({
    fleet,
    operations,
    firstGuess: (operation) => (operation.startsWith("move") ? 30 : 8),
    pauseLimitSeconds: PAUSE_LIMIT_S,
    mayFail: (operation) => operation.startsWith("move"),
  });
});

afterAll(async () => {
  rounds?.stop();
  await fleet?.remove();
});

const TITLE = `${WANTED} drawn points (seed ${SEED}): what runs is what is declared, and no acknowledged commit is lost`;
it(TITLE, { timeout: 600_000 + WANTED * 120_000 }, async () => rounds!.run());
