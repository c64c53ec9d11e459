/** PgBouncer's console, through its unix socket and as its own OS user, which it lets in without a password. */

import * as path from "node:path";
import { hostAt } from "../host.ts";
import { nameOf, type PoolerProcess } from "./processes.ts";

const TIMEOUT_MS = 10_000;

export const consoleArgv = (pooler: PoolerProcess): string[] => [
  path.join(pooler.binDirectory, "psql"),
  "-XAt",
  "-F",
  "\t",
  "-v",
  "ON_ERROR_STOP=1",
  "-h",
  pooler.socket,
  "-p",
  String(pooler.port),
  "-U",
  "pgbouncer",
  "-d",
  "pgbouncer",
];

export class ConsoleError extends Error {}

/** One command. Aborting the signal abandons it: its connection closes, what it asked for may still happen. */
export async function command(
  pooler: PoolerProcess,
  text: string,
  signal: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<string> {
  const host = hostAt(pooler.connection);
  const result = await host.transport.exec([...consoleArgv(pooler), "-c", text], {
    user: host.connection.user,
    signal,
    timeoutMs,
  });
  if (result.code !== 0) {
    throw new ConsoleError(`PgBouncer on ${nameOf(pooler)}, ${text}: ${result.stderr.trim().split("\n")[0]}`);
  }
  return result.stdout;
}

/** Rows of a SHOW command, each as column → text. */
export async function show(
  pooler: PoolerProcess,
  what: string,
  signal: AbortSignal,
): Promise<Record<string, string>[]> {
  const host = hostAt(pooler.connection);
  const argv = consoleArgv(pooler).map((argument) => (argument === "-XAt" ? "-XA" : argument));
  const result = await host.transport.exec([...argv, "-P", "footer=off", "-c", `SHOW ${what}`], {
    user: host.connection.user,
    signal,
    timeoutMs: TIMEOUT_MS,
  });
  if (result.code !== 0) {
    throw new ConsoleError(`PgBouncer on ${nameOf(pooler)}, SHOW ${what}: ${result.stderr.trim().split("\n")[0]}`);
  }
  const [head, ...lines] = result.stdout.split("\n").filter((line) => line !== "");
  const columns = head!.split("\t");
  return lines.map((line) => {
    const cells = line.split("\t");
    return Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ""]));
  });
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
