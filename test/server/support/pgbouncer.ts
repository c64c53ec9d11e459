/** A PgBouncer in front of a bare server, both on unix sockets. */

import { spawn } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import pg from "pg";
import { asServerUser, serverFolder } from "../../support/embedded-postgres.ts";
import { own } from "../rendered-host.ts";
import type { Bare } from "./catalog.ts";

export interface Pooler {
  /** Folder of its socket. */
  sockets: string;
  port: number;
  /** Writes userlist.txt under a new inode, as a new generation is. */
  userlist(text: string): void;
  /** A command on the console, as the pooler's own OS user may. */
  console(command: string): Promise<void>;
  stop(): Promise<void>;
}

const PORT = 6432;

export async function startPooler(
  bare: Bare,
  databases: readonly string[],
  users: string,
  stats: readonly string[] = [],
): Promise<Pooler> {
  const folder = serverFolder("pgbnc-");
  const file = path.join(folder, "pgbouncer.ini");
  const list = path.join(folder, "userlist.txt");
  const userlist = (text: string): void => {
    writeFileSync(`${list}.new`, text, { mode: 0o640 });
    own(`${list}.new`);
    renameSync(`${list}.new`, list);
  };
  userlist(users);
  writeFileSync(
    file,
    [
      "[databases]",
      ...databases.map((name) => `${name} = host=${bare.server.sockets} port=5432`),
      "[pgbouncer]",
      "listen_addr =",
      `listen_port = ${PORT}`,
      `unix_socket_dir = ${folder}`,
      "auth_type = scram-sha-256",
      `auth_file = ${list}`,
      "admin_users = console",
      `stats_users = ${["console", ...stats].join(", ")}`,
      "pool_mode = transaction",
      "default_pool_size = 5",
      "ignore_startup_parameters = extra_float_digits",
      "",
    ].join("\n"),
  );
  own(file);
  const [command, args] = asServerUser("/usr/sbin/pgbouncer", ["-q", file]);
  const process = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  process.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = new Promise<void>((resolve) => process.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    if (process.exitCode === null && process.signalCode === null) process.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const console = async (commandText: string): Promise<void> => {
    const client = new pg.Client({
      host: folder,
      port: PORT,
      user: "console",
      password: "console",
      database: "pgbouncer",
    });
    client.on("error", () => {});
    await client.connect();
    try {
      await client.query(commandText);
    } finally {
      await client.end();
    }
  };
  const limit = Date.now() + 30_000;
  for (;;) {
    const up = await console("SHOW VERSION").then(
      () => true,
      () => false,
    );
    if (up) break;
    if (process.exitCode !== null || Date.now() > limit) {
      await stop();
      throw new Error(`PgBouncer did not come up:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { sockets: folder, port: PORT, userlist, console, stop };
}
