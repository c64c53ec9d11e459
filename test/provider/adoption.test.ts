/** Data that is there already: one server at most may start as primary, and data that makes room is kept. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connection, PostgresInstanceInputs, RolloutMember } from "../../infra/resources.ts";
import { hostAt } from "../../provider/host.ts";
import { mayStart } from "../../provider/postgres/adoption.ts";
import { setAside } from "../../provider/rollout/membership-steps.ts";
import type { Context } from "../../provider/types.ts";

let folder: string;
let said: string[];
const context = (): Context => ({
  urn: "",
  signal: AbortSignal.timeout(60_000),
  log: (severity, message) => void said.push(`${severity}: ${message}`),
  status: () => {},
});

beforeEach(() => {
  said = [];
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgf-adopt-"));
  // Stands in for PostgreSQL's: prints what the test wrote beside the data; a server answers when its host has "answer".
  script("pg_controldata", 'cat "$2/control.txt"');
  script("psql", 'for a in "$@"; do [ -f "$a/answer" ] && exec cat "$a/answer"; done; echo "no server" >&2; exit 2');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const script = (name: string, body: string): void =>
  fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
const connection = (name: string): Connection => ({
  platform: "local",
  host: name,
  address: "127.0.0.1",
  home: path.join(folder, name),
  run: path.join(folder, name),
  user: os.userInfo().username,
});
const dataOf = (name: string): string => path.join(folder, name, "data", name);

interface Data {
  system?: string;
  timeline?: number;
  standby?: boolean;
  runsAsPrimary?: boolean;
}
function data(name: string, { system = "7", timeline = 1, standby = false, runsAsPrimary = false }: Data = {}): void {
  fs.mkdirSync(path.join(dataOf(name), "global"), { recursive: true });
  fs.writeFileSync(path.join(dataOf(name), "PG_VERSION"), "15\n");
  fs.writeFileSync(path.join(dataOf(name), "global/pg_control"), "");
  fs.writeFileSync(
    path.join(dataOf(name), "control.txt"),
    `Database system identifier:           ${system}\nDatabase cluster state:               shut down\nLatest checkpoint location:           0/3000028\nLatest checkpoint's TimeLineID:       ${timeline}\n`,
  );
  if (standby) fs.writeFileSync(path.join(dataOf(name), "standby.signal"), "");
  if (runsAsPrimary) fs.writeFileSync(path.join(folder, name, "answer"), '[{"recovers":false}]');
}
const ask = (name: string, peers: string[], kind: "init" | "clone" = "clone") =>
  mayStart(
    hostAt(connection(name)),
    {
      connection: connection(name),
      owner: { project: "p", stack: "s", cluster: "c", member: name },
      dataDirectory: dataOf(name),
      binDirectory: folder,
      port: 5432,
      bootstrap: { kind },
      peers: peers.map((peer) => ({ name: peer, connection: connection(peer), dataDirectory: dataOf(peer) })),
    } as unknown as PostgresInstanceInputs,
    context(),
  );

describe("adopted data", () => {
  it("of a standby starts, whoever is primary", async () => {
    data("db1", { runsAsPrimary: true });
    data("db2", { standby: true });
    expect(await ask("db2", ["db1"])).toBe(true);
  });

  it("of the primary starts when it is alone, or all others are its standbys", async () => {
    data("db1");
    expect(await ask("db1", [])).toBe(true);
    data("db2", { standby: true });
    data("db3", { standby: true });
    expect(await ask("db1", ["db2", "db3"], "init")).toBe(true);
    expect(await ask("db1", ["db2", "db3"], "clone")).toBe(true);
  });

  it("of a former primary stays stopped while another member is primary", async () => {
    data("db1");
    data("db2", { timeline: 2, runsAsPrimary: true });
    data("db3", { standby: true });
    expect(await ask("db1", ["db2", "db3"], "init")).toBe(false);
    expect(said.join()).toContain("db1 was primary and db2 is now");
  });

  it("of two primaries, neither of which runs, is refused with both names and where each ends", async () => {
    data("db1");
    data("db2", { timeline: 2 });
    await expect(ask("db1", ["db2"], "init")).rejects.toThrow(
      /db1 \(timeline 1, last checkpoint 0\/3000028, shut down\) and of db2 \(timeline 2, .*standby\.signal/,
    );
  });

  it("of another cluster is not counted", async () => {
    data("db1");
    data("db2", { system: "8", runsAsPrimary: true });
    expect(await ask("db1", ["db2"])).toBe(true);
  });
});

describe("data that is set aside", () => {
  const member = () =>
    ({ name: "db2", connection: connection("db2"), dataDirectory: dataOf("db2") }) as unknown as RolloutMember;

  it("is kept beside, its place is free, its owner file stays, and it is said where it is", async () => {
    data("db2");
    fs.writeFileSync(`${dataOf("db2")}.owner.json`, "{}");
    const aside = await setAside(member(), context());
    expect(aside).toMatch(/\/data\/db2\.aside-\d{8}T\d{6}Z$/);
    expect(fs.existsSync(path.join(aside!, "PG_VERSION"))).toBe(true);
    expect(fs.existsSync(dataOf("db2"))).toBe(false);
    expect(fs.existsSync(`${dataOf("db2")}.owner.json`)).toBe(true);
    expect(said.join()).toContain(aside);
  });

  it("twice is once; data of another time gets another place", async () => {
    data("db2");
    const first = await setAside(member(), context());
    expect(await setAside(member(), context())).toBeUndefined();
    data("db2");
    const second = await setAside(member(), context());
    expect(second).not.toBe(first);
    expect(fs.readdirSync(path.dirname(dataOf("db2")))).toHaveLength(2);
  });
});
