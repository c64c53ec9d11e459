/** What pg_basebackup says, as people read it. */

import { describe, expect, it, test } from "vitest";
import { cloneFailure, progressMeter, sizeText } from "../../provider/rollout/clone-progress.ts";

describe("progress", () => {
  const at = (readings: [ms: number, line: string][]): (string | undefined)[] => {
    let now = 0;
    const meter = progressMeter(() => now);
    return readings.map(([ms, line]) => {
      now = ms;
      return meter(line);
    });
  };

  it("tells how much of how much, and how fast once that is known", () => {
    expect(
      at([
        [0, "       0/3565158 kB (0%), 0/1 tablespace (...ata/db4.part/backup_label)"],
        [1000, "   81920/3565158 kB (2%), 0/1 tablespace (...)"],
        [2000, " 1258291/3565158 kB (35%), 0/1 tablespace (...)"],
        [2001, " 3565158/3565158 kB (100%), 1/1 tablespace"],
      ]),
    ).toEqual([
      "0 kB of 3.4 GB, 0 %",
      "80 MB of 3.4 GB, 2 %, 80 MB/s",
      "1.2 GB of 3.4 GB, 35 %, 614 MB/s",
      "3.4 GB of 3.4 GB, 100 %, 1.7 GB/s",
    ]);
  });

  it("takes the rate of the last seconds: a copy that stands still says so", () => {
    const readings: [number, string][] = [[0, "0/1048576 kB (0%)"]];
    for (let second = 1; second <= 40; second++)
      readings.push([second * 1000, `${Math.min(second, 20) * 10240}/1048576 kB (20%)`]);
    const said = at(readings);
    expect(said[10]).toContain("10 MB/s");
    expect(said[20]).toContain("10 MB/s");
    expect(said[40]).toMatch(/200 MB of 1 GB, 20 %, 0 kB\/s/);
  });

  it("is silent about all other lines", () => {
    expect(at([[0, "waiting for checkpoint"]])).toEqual([undefined]);
    expect(at([[0, "pg_basebackup: error: 1/2"]])).toEqual([undefined]);
  });
});

test.each([
  [0, "0 kB"],
  [1, "1 kB"],
  [1536, "1.5 MB"],
  [10240, "10 MB"],
  [1024 * 1024, "1 GB"],
  [1024 ** 3, "1 TB"],
  [1024 ** 4, "1024 TB"],
])("%i kB is %s", (kb, text) => {
  expect(sizeText(kb)).toBe(text);
});

describe("why a clone failed", () => {
  const names = { member: "db4", from: "db2", directory: "/srv/db4/data/db4" };
  const why = (said: string): string => cloneFailure(said, names);
  const connection = 'pg_basebackup: error: connection to server at "10.0.0.2", port 5432 failed: ';

  test.each<[string, string, (string | RegExp)[]]>([
    [
      "the disk is full",
      'pg_basebackup: error: could not write to file "/srv/db4/data/db4.part/base/5/16384": No space left on device',
      ["the disk of db4 is full", "/srv/db4/data/db4", "*.aside-*"],
    ],
    [
      "the source stopped",
      "pg_basebackup: error: could not read COPY data: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
      ["db2 stopped, or the connection to it broke, in the middle of the copy for db4"],
    ],
    [
      "the source shut down in order",
      "pg_basebackup: error: backup failed: FATAL:  terminating connection due to administrator command",
      ["db2 stopped"],
    ],
    ["the source does not run", `${connection}Connection refused`, ["db2 cannot be reached from db4"]],
    [
      "pg_hba.conf has no line",
      `${connection}FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.4", user "pgfleet_replicator", no encryption`,
      ["db2 does not let db4 in", "pg_hba.conf"],
    ],
    [
      "pg_hba.conf says reject",
      `${connection}FATAL:  pg_hba.conf rejects replication connection for host "10.0.0.4", user "pgfleet_replicator", no encryption`,
      ["db2 does not let db4 in"],
    ],
    [
      "the password is another",
      `${connection}FATAL:  password authentication failed for user "pgfleet_replicator"`,
      ["db2 refuses the password of pgfleet_replicator"],
    ],
    [
      "senders are used up",
      `${connection}FATAL:  number of requested standby connections exceeds max_wal_senders (currently 10)`,
      ["max_wal_senders", "pg_stat_replication"],
    ],
    [
      "the source was promoted",
      "pg_basebackup: error: backup failed: ERROR:  the standby was promoted during online backup",
      ["db2 became primary while it was copied"],
    ],
    ["something else", "pg_basebackup: error: directory exists", ["db4 could not be copied from db2"]],
    ["nothing was said", "", ["it said nothing"]],
  ])("%s", (_what, said, gist) => {
    for (const part of gist) expect(why(said)).toContain(part);
    expect(why(said)).toContain("The half copy was removed");
  });

  it("ends with the program's own words, without its progress", () => {
    const text = why(
      "1/2 kB (50%), 0/1 tablespace\r 2/2 kB (100%), 1/1 tablespace\npg_basebackup: error: directory exists\n",
    );
    expect(text).toMatch(/said: pg_basebackup: error: directory exists$/);
  });
});
