/** The daemons of a fleet started by hand from files that are rendered already: what is left without any tool. */

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import type { TestFleet } from "../../test/e2e/support/fleet.ts";
import { until } from "../../test/e2e/support/processes.ts";

const MEMBERS = ["db1", "db2", "db3"];
const HOSTS = [...MEMBERS, "pool1", "mon1"];

/** Empties the data folders and starts everything again; gives the seconds until all of it answers. */
export async function bareStart(fleet: TestFleet): Promise<number> {
  const bin = `/usr/lib/postgresql/${fleet.config.version}/bin`;
  for (const member of MEMBERS)
    fs.rmSync(path.join(fleet.home(member), "data", member), { recursive: true, force: true });
  const began = performance.now();
  const data = (member: string): string => path.join(fleet.home(member), "data", member);
  fleet.asServerUser(`${bin}/initdb`, [
    "-D",
    data("db1"),
    "-U",
    "postgres",
    "--auth-local=peer",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--data-checksums",
  ]);
  supervise(fleet, "db1");
  await until("db1 answers", 60_000, () => fleet.sql("db1", "SELECT 1") === "1");
  const verifier = fs.readFileSync(path.join(fleet.dir, "replicator.sql"), "utf8");
  fleet.asServerUser(
    `${bin}/psql`,
    ["-Xq", "-h", path.join(fleet.home("db1"), "run"), "-U", "postgres", "-f", "-"],
    `${verifier}\nSELECT pg_create_physical_replication_slot('pgfleet_db2', true), pg_create_physical_replication_slot('pgfleet_db3', true);`,
  );
  await Promise.all(["db2", "db3"].map((member) => clone(fleet, bin, member, data(member))));
  for (const host of HOSTS.slice(1)) supervise(fleet, host);
  await until(
    "both replicas stream",
    60_000,
    () => fleet.sql("db1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") === "2",
  );
  await until("the pooler listens", 30_000, () => fs.existsSync(path.join(fleet.home("pool1"), "run/.s.PGSQL.6432")));
  return (performance.now() - began) / 1000;
}

function supervise(fleet: TestFleet, host: string): void {
  spawnSync("supervisord", ["-c", path.join(fleet.home(host), "current/supervisor/supervisord.conf")], {
    stdio: "ignore",
  });
}

function clone(fleet: TestFleet, bin: string, member: string, data: string): Promise<void> {
  const passfile = path.join(fleet.home(member), "current/postgresql/replication.passfile");
  const argv = [
    `${bin}/pg_basebackup`,
    "-D",
    data,
    "-h",
    fleet.address(1),
    "-U",
    "pgfleet_replicator",
    "-X",
    "stream",
    "-S",
    `pgfleet_${member}`,
    "--checkpoint=fast",
  ];
  const child: ChildProcess = spawn("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", ...argv], {
    env: { PATH: process.env.PATH, PGPASSFILE: passfile },
    stdio: "ignore",
    cwd: "/",
  });
  return new Promise((resolve, reject) =>
    child.on("close", (code) => {
      if (code !== 0) return reject(new Error(`pg_basebackup of ${member} ended with ${code}`));
      execFileSync("touch", [path.join(data, "standby.signal")]);
      resolve();
    }),
  );
}
