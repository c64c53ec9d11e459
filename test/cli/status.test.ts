/** What `status` makes of what the servers say: without servers. */

import colors from "picocolors";
import { describe, expect, test } from "vitest";
import { loadStack, planStack } from "../../cli/load.ts";
import { firstDifference } from "../../cli/status/files.ts";
import { saysUp } from "../../cli/status/monitoring.ts";
import { rows, together } from "../../cli/status/pooler.ts";
import { applicationRole, psqlLine } from "../../cli/status/psql-line.ts";
import { replicationOf } from "../../cli/status/replication.ts";
import type { ReplicationFacts, ServerFacts } from "../../cli/status/server.ts";
import { statusText } from "../../cli/status/table.ts";
import { takeoverText } from "../../cli/status/takeover.ts";
import type { FleetStatus, Pool, ServerStatus } from "../../cli/status/types.ts";
import type { FleetSpec, RoleSpec } from "../../infra/config/spec.ts";
import { layouts } from "../../infra/platforms/platform.ts";
import { fleet } from "../rendering/fixture.ts";
import { ROOT, stackFile } from "./support.ts";

const spec: FleetSpec = fleet();

function server(role: "primary" | "replica", more: Partial<ServerStatus> = {}): ServerStatus {
  return {
    state: "running",
    port: 5432,
    declaredRole: role,
    liveRole: role,
    generation: "g",
    pendingRestart: [],
    alteredSystem: [],
    fileErrors: [],
    slots: [],
    replicas: [],
    ...more,
  };
}

const sender = (name: string, slot: string | null, lagBytes = 0, lagSeconds: number | null = null) => ({
  name,
  state: "streaming",
  slot,
  lagBytes,
  lagSeconds,
});
const receiver = (host: string, more: Partial<ReplicationFacts> = {}): ReplicationFacts => ({
  senders: [],
  receiver: { status: "streaming", host, slot: "pgfleet_x" },
  replaySeconds: 0,
  receivedLsn: null,
  lastCommitSeconds: null,
  ...more,
});

/** db1 primary, db2 and db-3 follow it on their slots. */
function healthy(): Map<string, ServerFacts> {
  const slots = ["pgfleet_db2", "pgfleet_db_3"].map((name) => ({ name, active: true }));
  return new Map<string, ServerFacts>([
    [
      "db1",
      {
        status: server("primary", { slots }),
        replication: {
          senders: [sender("db2", "pgfleet_db2"), sender("db-3", "pgfleet_db_3", 4096, 0.25)],
          receiver: null,
          replaySeconds: null,
          receivedLsn: null,
          lastCommitSeconds: null,
        },
      },
    ],
    ["db2", { status: server("replica"), replication: receiver("127.0.10.1", { replaySeconds: 30 }) }],
    ["db-3", { status: server("replica"), replication: receiver("127.0.10.1") }],
  ]);
}

const texts = (servers: Map<string, ServerFacts>): string[] =>
  replicationOf(spec, servers).problems.map((p) => `${p.host}: ${p.text}`);

describe("replication", () => {
  test("as declared: no problem, lag as the primary sees it, an idle replica is 0 s behind", () => {
    const { byReplica, problems } = replicationOf(spec, healthy());
    expect(problems).toEqual([]);
    expect(Object.fromEntries(byReplica)).toEqual({
      db2: { streaming: true, from: "db1", slot: "pgfleet_db2", lagBytes: 0, lagSeconds: 0 },
      "db-3": { streaming: true, from: "db1", slot: "pgfleet_db_3", lagBytes: 4096, lagSeconds: 0.25 },
    });
  });

  test("no primary, and two of them", () => {
    const none = healthy();
    none.set("db1", { status: server("primary", { liveRole: "replica" }) });
    expect(texts(none)).toContain("null: no member is primary: nothing can be written");
    const two = healthy();
    two.set("db2", { status: server("replica", { liveRole: "primary" }) });
    expect(texts(two)).toContain("null: more than one member is primary: db1, db2. Stop all but the right one.");
  });

  test("a replica that does not stream is waited for; one that follows the wrong server is not", () => {
    const servers = healthy();
    servers.set("db2", {
      status: server("replica"),
      replication: { senders: [], receiver: null, replaySeconds: 12, receivedLsn: null, lastCommitSeconds: null },
    });
    servers.set("db-3", { status: server("replica"), replication: receiver("127.0.10.2") });
    expect(replicationOf(spec, servers).problems).toEqual([
      { host: "db2", text: "does not stream from db1", transient: true },
      { host: "db-3", text: "streams from db2, the primary is db1", transient: false },
    ]);
  });

  test("slots: missing, not used by its replica, of nobody, of somebody else, on a replica", () => {
    const servers = healthy();
    const primary = servers.get("db1")!;
    primary.status = server("primary", {
      slots: [
        { name: "pgfleet_db2", active: false },
        { name: "pgfleet_db9", active: true },
        { name: "backup", active: true },
        { name: "forgotten", active: false },
      ],
    });
    servers.get("db2")!.status = server("replica", { slots: [{ name: "pgfleet_db1", active: false }] });
    expect(texts(servers)).toEqual([
      "db1: db2 streams without its slot pgfleet_db2",
      "db1: slot pgfleet_db_3 of db-3 is missing: WAL it still needs may be removed",
      "db1: slot pgfleet_db9 belongs to no declared replica of it and keeps WAL",
      "db1: slot forgotten belongs to no declared replica of it and keeps WAL",
      "db2: slot pgfleet_db1 belongs to no declared replica of it and keeps WAL",
    ]);
  });

  test("a primary that does not answer takes nothing from what the replicas say", () => {
    const servers = healthy();
    servers.set("db1", { status: server("primary", { state: "no answer", liveRole: null }) });
    expect(replicationOf(spec, servers).byReplica.get("db2")).toMatchObject({
      streaming: true,
      from: "db1",
      slot: "pgfleet_x",
      lagBytes: null,
      lagSeconds: 30,
    });
  });
});

describe("files in force", () => {
  test.each([
    ["the same", "a\nb\n", "a\nb\n", 0],
    ["any text where a secret goes", "u:@@secret:app.password@@\n", "u:p4.ss*\n", 0],
    ["a secret that is not there", "u:@@secret:app.password@@\n", "u:\n", 1],
    ["text around a secret", "a\n(u.*:@@secret:x@@)\n", "a\n(u.*:s)x\n", 2],
    ["a changed line", "a\nb\nc\n", "a\nx\nc\n", 2],
    ["an added line", "a\n", "a\nb\n", 2],
    ["a missing line", "a\nb\n", "a\n", 2],
    ["a secret of several lines", "# a\n@@secret:k@@\n", "# a\nBEGIN\nx\nEND\n", 0],
    ["a line changed after it", "# a\n@@secret:k@@\nb\n", "# a\nBEGIN\nEND\nc\n", 4],
    ["a line changed before it", "# a\n@@secret:k@@\n", "# b\nBEGIN\nEND\n", 1],
    ["a secret that is gone", "# a\n@@secret:k@@\n", "# a\n", 2],
    ["a secret inside a line has one", "p=@@secret:k@@\nb\n", "p=x\ny\nb\n", 2],
  ])("%s", (_, rendered, live, line) => expect(firstDifference(rendered, live)).toBe(line));
});

test("psql's rows as objects", () => {
  expect(rows("database\tuser\nshop\tapp\npgbouncer\t\n")).toEqual([
    { database: "shop", user: "app" },
    { database: "pgbouncer", user: "" },
  ]);
  expect(rows("database\tuser\n")).toEqual([]);
});

describe("the line for a shell", () => {
  const planned = (changes: Record<string, unknown>): string | null => {
    const loaded = loadStack("test", ROOT, stackFile(changes));
    return psqlLine(planStack(loaded.spec, layouts(loaded.spec, ROOT)));
  };

  test("names passfile, pooler, role and database; no password", () => {
    expect(planned({})).toBe(
      "PGPASSFILE=/nonexistent/pgfleet-cli/pool1/current/client/passfile PGSSLMODE=verify-full PGSSLROOTCERT=/nonexistent/pgfleet-cli/pool1/current/client/root.crt psql -h 127.0.99.10 -p 6432 -U shop_app -d shop",
    );
  });

  test("a folder with a blank is quoted for the shell", () => {
    const { spec: loaded } = loadStack("test", ROOT, stackFile());
    const planned = planStack(loaded, layouts(loaded, ROOT));
    planned.layouts.get("pool1")!.current = "/home/o'neil/a fleet/current";
    expect(psqlLine(planned)).toMatch(
      /^PGPASSFILE='\/home\/o'\\''neil\/a fleet\/current\/client\/passfile' PGSSLMODE=verify-full PGSSLROOTCERT='.*\/client\/root\.crt' psql /,
    );
  });

  test("is absent without a pooler, a role that may log in, or a database", () => {
    const hosts = { db1: { role: "primary", address: "127.0.99.1" } };
    expect(planned({ hosts })).toBeNull();
    expect(planned({ roles: { shop_owner: { access: "owner", login: false } } })).toBeNull();
    expect(planned({ databases: undefined, roles: { shop_app: { access: "readwrite" } } })).toBeNull();
  });

  test("prefers a role that may write and is not the owner", () => {
    const role = (name: string, access: RoleSpec["access"], login = true): RoleSpec => ({
      name,
      access,
      login,
      connectionLimit: -1,
      password: { kind: "generated" },
    });
    expect(applicationRole([role("r", "readonly"), role("o", "owner"), role("w", "readwrite")])?.name).toBe("w");
    expect(applicationRole([role("r", "readonly"), role("o", "owner"), role("w", "readwrite", false)])?.name).toBe("o");
    expect(applicationRole([role("o", "owner", false)])).toBeUndefined();
  });
});

describe("the table", () => {
  const plain = colors.createColors(false);
  const status: FleetStatus = {
    version: 1,
    stack: "local",
    cluster: "main",
    ok: false,
    psql: "PGPASSFILE=/x psql -h 127.0.10.10",
    hosts: [
      {
        name: "db1",
        role: "primary",
        address: "127.0.10.1",
        state: "running",
        server: server("primary", { replicas: ["db2"] }),
        exporters: [{ name: "postgres_exporter", port: 9187, state: "running" }],
        problems: [],
      },
      {
        name: "db2",
        role: "replica",
        address: "127.0.10.2",
        state: "running",
        server: server("replica", {
          pendingRestart: ["shared_buffers"],
          replication: { streaming: true, from: "db1", slot: "pgfleet_db2", lagBytes: 2048, lagSeconds: 0.04 },
        }),
        exporters: [{ name: "postgres_exporter", port: 9187, state: "stopped" }],
        problems: [],
      },
      {
        name: "db3",
        role: "replica",
        address: "127.0.10.3",
        state: "running",
        server: server("replica", { liveRole: "primary" }),
        exporters: [],
        problems: [],
      },
      {
        name: "pool1",
        role: "pooler",
        address: "127.0.10.10",
        state: "running",
        pooler: {
          state: "running",
          port: 6432,
          generation: "g",
          pools: [
            {
              database: "app",
              user: "app",
              clientsActive: 3,
              clientsWaiting: 1,
              serversActive: 2,
              serversIdle: 0,
              maxWaitSeconds: 0,
            },
          ],
        },
        prometheus: { state: "running", port: 9090, targetsUp: 4, targetsDeclared: 5 },
        exporters: [],
        problems: [],
      },
      { name: "db4", role: "replica", address: "127.0.10.4", state: "unreachable", exporters: [], problems: [] },
    ],
    problems: [
      { host: "db4", text: "host db4 cannot be reached", transient: false },
      { host: null, text: "more than one member is primary", transient: false },
    ],
  };

  test("one row per service; roles that differ, lag, notes; each problem on a line below; the shell line last", () => {
    expect(statusText(status, plain)).toBe(
      [
        "HOST   ROLE               ADDRESS           STATE        LAG",
        "db1    primary            127.0.10.1:5432   running                 1 replica streaming; exporter up",
        "db2    replica            127.0.10.2:5432   running      2 kB, 0 s  streaming from db1, slot pgfleet_db2; restart pending (1); exporter stopped",
        "db3    replica → primary  127.0.10.3:5432   running                 0 replicas streaming",
        "pool1  pooler             127.0.10.10:6432  running                 1 pool, 3 clients, 1 waiting",
        "pool1  + monitoring       127.0.10.10:9090  running                 4 of 5 targets up",
        "db4    replica            127.0.10.4        unreachable",
        "",
        "✗ db4: host db4 cannot be reached",
        "✗ main: more than one member is primary",
        "",
        "Connect through PgBouncer:",
        "  PGPASSFILE=/x psql -h 127.0.10.10",
      ].join("\n"),
    );
  });

  test("no line for a shell when no pooler runs", () => {
    const hosts = status.hosts.map((host) =>
      host.pooler ? { ...host, pooler: { ...host.pooler, state: "stopped" as const } } : host,
    );
    expect(statusText({ ...status, hosts }, plain)).not.toContain("PGPASSFILE");
  });
});

describe("without a primary", () => {
  const standby = (receivedLsn: string, lastCommitSeconds: number) => ({
    status: server("replica"),
    replication: receiver("127.0.10.1", { receivedLsn, lastCommitSeconds }),
  });
  const two: [string, ReturnType<typeof standby>][] = [
    ["db2", standby("0/3000060", 12.4)],
    ["db-3", standby("0/2000060", 30)],
  ];

  test("says who has the most WAL, how much less others have, and that nobody else can know the rest", () => {
    expect(takeoverText(spec, new Map(two))).toBe(
      "db2 has the most WAL, up to 0/3000060; its last commit is 12 s old. db-3 has 16 MB less. " +
        "what db1 wrote after that would be lost; how much only its own disk can say. See docs/members.md, “When the primary is lost”.",
    );
  });

  test("says what only the old primary has, when its disk can be read", () => {
    const lost = new Map<string, ServerFacts>([["db1", { status: server("primary"), walEnd: "0/3100060" }], ...two]);
    expect(takeoverText(spec, lost)).toContain("db1 wrote at least 1 MB more, up to 0/3100060: that would be lost");
    const none = new Map<string, ServerFacts>([["db1", { status: server("primary"), walEnd: "0/3000028" }], ...two]);
    expect(takeoverText(spec, none)).toContain("db2 has all that db1 wrote");
  });

  test("says nothing when nobody answers", () => {
    expect(takeoverText(spec, new Map())).toBe("");
  });
});

describe("several processes of PgBouncer", () => {
  const pool = (changes: Partial<Pool>): Pool => ({
    database: "app",
    user: "app",
    clientsActive: 1,
    clientsWaiting: 0,
    serversActive: 1,
    serversIdle: 2,
    maxWaitSeconds: 0,
    ...changes,
  });

  test("are one pool for each database and user", () => {
    const pools = [
      pool({}),
      pool({ user: "other" }),
      pool({ clientsWaiting: 4, maxWaitSeconds: 3 }),
      pool({ maxWaitSeconds: 1 }),
    ];
    expect(together(pools)).toEqual([
      pool({ clientsActive: 3, clientsWaiting: 4, serversActive: 3, serversIdle: 6, maxWaitSeconds: 3 }),
      pool({ user: "other" }),
    ]);
  });

  test("one that does not answer is one too many for the exporter", () => {
    const says = (...up: number[]) =>
      saysUp("pgbouncer_exporter", up.map((value, i) => `pgbouncer_up{process="${i + 1}"} ${value}\n`).join(""));
    expect(says(1, 1)).toBe(true);
    expect(says(1, 0)).toBe(false);
    expect(says()).toBe(false);
    expect(saysUp("pgbouncer_exporter", "# TYPE pgbouncer_up gauge\npgbouncer_up 1\n")).toBe(true);
    expect(saysUp("pgbouncer_exporter", "pgbouncer_up 0\n")).toBe(false);
  });
});
