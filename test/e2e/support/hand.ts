/** What a person might do to a host by hand. */

import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { callRpc } from "../../../provider/services/xml-rpc.ts";
import type { TestFleet } from "./fleet.ts";
import { killGroup, until } from "./processes.ts";

/** A command on PgBouncer's console; rows as tab-separated text. */
export function pooler(fleet: TestFleet, host: string, command: string): string {
  const argv = [
    "-XAtq",
    "-F",
    "\t",
    "-h",
    path.join(fleet.home(host), "run"),
    "-p",
    "6432",
    "-U",
    "pgbouncer",
    "-d",
    "pgbouncer",
    "-c",
    command,
  ];
  return fleet.asServerUser(`/usr/lib/postgresql/${fleet.config.version}/bin/psql`, argv).trim();
}

export async function stopService(fleet: TestFleet, host: string, name: string): Promise<void> {
  await callRpc(
    path.join(fleet.home(host), "run/supervisor.sock"),
    "supervisor.stopProcess",
    [name, true],
    AbortSignal.timeout(30_000),
  );
}

/** Every process of the host dies at once; then it boots and its supervisord starts what its files say. */
export async function reboot(fleet: TestFleet, host: string): Promise<void> {
  await killGroup(`${fleet.home(host)}/`);
  await delay(0);
  boot(fleet, host);
  if (host.startsWith("db")) await until(`${host} answers`, 60_000, () => fleet.sql(host, "SELECT 1") === "1");
}

export function boot(fleet: TestFleet, host: string): void {
  execFileSync("supervisord", ["-c", path.join(fleet.home(host), "current/supervisor/supervisord.conf")], {
    stdio: "ignore",
  });
}
