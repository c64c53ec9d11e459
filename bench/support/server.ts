/** A PostgreSQL server for measuring: on a socket of its own, with one configuration file, durable as in production. */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import * as path from "node:path";
import pg from "pg";
import { asServerUser, serverFolder } from "../../test/support/embedded-postgres.ts";

export interface BenchServer {
  /** Postmaster. */
  pid: number;
  /** Folder of its socket. */
  sockets: string;
  /** A new session; the caller ends it. */
  connect: (user?: string, database?: string) => Promise<pg.Client>;
  stop: () => Promise<void>;
}

export interface StartOptions {
  /** Folder of `postgres`. */
  bin: string;
  data: string;
  /** Absolute path of the configuration file. */
  file: string;
  /** Further `name=value`, over the file's. */
  options?: readonly string[];
  /** Default 60. */
  timeoutSeconds?: number;
}

/** Starts a server and waits until it takes connections. @throws with its log when it does not come up. */
export async function startBenchServer(start: StartOptions): Promise<BenchServer> {
  const sockets = serverFolder("pgb-");
  const own = ["listen_addresses=", `unix_socket_directories=${sockets}`, ...(start.options ?? [])];
  const [command, args] = asServerUser(path.join(start.bin, "postgres"), [
    "-D",
    start.data,
    "-c",
    `config_file=${start.file}`,
    ...own.flatMap((option) => ["-c", option]),
  ]);
  const server = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
  });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const running = (): boolean => server.exitCode === null && server.signalCode === null;
  // A measurement that is interrupted leaves no server behind.
  const atExit = (): void => {
    if (running()) server.kill("SIGQUIT");
    rmSync(sockets, { recursive: true, force: true });
  };
  process.once("exit", atExit);
  const stop = async (): Promise<void> => {
    if (running()) server.kill("SIGINT");
    await ended;
    process.off("exit", atExit);
    rmSync(sockets, { recursive: true, force: true });
  };
  const connect = async (user = "postgres", database = "postgres"): Promise<pg.Client> => {
    for (let tries = 1; ; tries++) {
      const client = new pg.Client({ host: sockets, user, database });
      client.on("error", () => undefined);
      try {
        await client.connect();
        return client;
      } catch (error) {
        // A session that has just ended may still hold its slot.
        if ((error as { code?: string }).code !== "53300" || tries === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const limit = Date.now() + (start.timeoutSeconds ?? 60) * 1000;
  for (;;) {
    try {
      await (await connect()).end();
      break;
    } catch {
      if (!running() || Date.now() > limit) {
        await stop();
        throw new Error(`PostgreSQL did not come up:\n${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const pid = Number(readFileSync(path.join(start.data, "postmaster.pid"), "utf8").split("\n")[0]);
  return { pid, sockets, connect, stop };
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));
