/** A standby's log: what keeps it from following, and what is only for a while. */

import { describe, expect, it, test } from "vitest";
import type { RolloutMember } from "../../infra/resources.ts";
import { neverFollows, obstacleIn } from "../../provider/rollout/follow.ts";

const prefix = "2026-03-01 10:00:00 UTC [411]: user=,db=,app=,client= ";

describe("what ends waiting", () => {
  test.each([
    [
      "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed",
      "requested WAL segment 000000010000000000000003 has already been removed",
      true,
    ],
    [
      "LOG:  new timeline 2 forked off current database system timeline 1 before current recovery point 0/50000A0",
      "new timeline 2 forked off current database system timeline 1 before current recovery point 0/50000A0",
      true,
    ],
    [
      "FATAL:  database system identifier differs between the primary and standby",
      "database system identifier differs between the primary and standby",
      true,
    ],
    [
      "FATAL:  requested timeline 2 is not a child of this server's history",
      "requested timeline 2 is not a child of this server's history",
      false,
    ],
    [
      "ERROR:  requested starting point 0/5000000 on timeline 1 is not in this server's history",
      "requested starting point 0/5000000 on timeline 1 is not in this server's history",
      false,
    ],
    [
      "FATAL:  could not start WAL streaming: ERROR:  requested starting point 0/9000000 is ahead of the WAL flush position of this server 0/8000148",
      "requested starting point 0/9000000 is ahead of the WAL flush position of this server 0/8000148",
      false,
    ],
    [
      "FATAL:  highest timeline 1 of the primary is behind recovery timeline 2",
      "highest timeline 1 of the primary is behind recovery timeline 2",
      false,
    ],
  ])("%s", (line, words, final) => {
    expect(obstacleIn(`${prefix}LOG:  redo starts at 0/3000028\n${prefix}${line}\n`)).toEqual({ words, final });
  });

  it("is not a server that restarts, a slot that is not there yet, or a wait for WAL", () => {
    const lines = [
      'FATAL:  could not connect to the primary server: connection to server at "10.0.0.1", port 5432 failed: Connection refused',
      'FATAL:  could not start WAL streaming: ERROR:  replication slot "pgfleet_db3" does not exist',
      'FATAL:  could not start WAL streaming: ERROR:  replication slot "pgfleet_db3" is active for PID 411',
      "FATAL:  terminating walreceiver process due to administrator command",
      "LOG:  waiting for WAL to become available at 0/3000148",
      "LOG:  invalid record length at 0/3000148: wanted 24, got 0",
    ];
    expect(obstacleIn(lines.map((line) => prefix + line).join("\n"))).toBeUndefined();
    expect(obstacleIn("")).toBeUndefined();
  });

  it("is what was said last", () => {
    const old = `${prefix}FATAL:  highest timeline 1 of the primary is behind recovery timeline 2\n`;
    const last = `${prefix}FATAL:  requested WAL segment 00000002000000000000000A has already been removed\n`;
    expect(obstacleIn(old + last)).toMatchObject({ final: true });
  });
});

describe("the error", () => {
  const db1 = { name: "db1" } as RolloutMember;
  const text = (reclone: string): string =>
    neverFollows({ name: "db3", reclone } as RolloutMember, db1, "its slot on db1 was cut off");

  it("names the reason, the key, its value now, and that nothing is lost", () => {
    expect(text("2")).toContain("db3 can never follow db1 with the data it has: its slot on db1 was cut off");
    expect(text("2")).toContain("Set hosts.db3.reclone to a new value (it is 2 now)");
    expect(text("2")).toContain("its data is kept aside");
    expect(text("")).toContain("(it has none now)");
  });
});
