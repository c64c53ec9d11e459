/** SQL on a host, as the server's own OS user through its local socket: psql, fed through standard input. */

import * as path from "node:path";
import type { Host } from "../host.ts";

export interface SqlTarget {
  host: Host;
  port: number;
  /** Directory that holds psql. */
  binDirectory: string;
  /** Default "postgres". */
  database?: string;
}

export class SqlError extends Error {}

/**
 * Settings of a session that must leave no trace of what it sends: not in the log, in pg_stat_activity, in
 * pg_stat_statements or in pgaudit. The last two are taken by a server that has not loaded them, too.
 */
export const QUIET_SESSION = [
  "SET log_statement = 'none';",
  "SET log_min_duration_statement = -1;",
  "SET log_min_duration_sample = -1;",
  "SET log_transaction_sample_rate = 0;",
  "SET log_min_error_statement = 'panic';",
  "SET log_duration = off;",
  "SET track_activities = off;",
  "SET pg_stat_statements.track = 'none';",
  "SET pgaudit.log = 'none';",
].join(" ");

/**
 * Runs one SELECT and gives its rows as objects.
 * @param query without a semicolon; values only through `literal`
 */
export async function select<T>(
  target: SqlTarget,
  query: string,
  signal: AbortSignal,
  timeoutMs = 15_000,
): Promise<T[]> {
  const out = await psql(target, `SELECT coalesce(json_agg(t), '[]') FROM (${query}) t;`, signal, timeoutMs);
  return JSON.parse(out) as T[];
}

/** Runs a script; stops at its first error. */
export async function execute(
  target: SqlTarget,
  script: string,
  signal: AbortSignal,
  timeoutMs = 60_000,
): Promise<void> {
  await psql(target, script, signal, timeoutMs);
}

async function psql(target: SqlTarget, script: string, signal: AbortSignal, timeoutMs: number): Promise<string> {
  const { host, port } = target;
  const result = await host.transport.exec(
    [
      path.join(target.binDirectory, "psql"),
      "-XAtq",
      "-v",
      "ON_ERROR_STOP=1",
      "-v",
      "VERBOSITY=terse",
      "-v",
      "SHOW_CONTEXT=never",
      "-h",
      host.connection.run,
      "-p",
      String(port),
      "-U",
      "postgres",
      "-d",
      target.database ?? "postgres",
      "-f",
      "-",
    ],
    {
      user: host.connection.user,
      stdin: script,
      signal,
      timeoutMs,
      env: { PGAPPNAME: "pgfleet", PGCONNECT_TIMEOUT: "5" },
    },
  );
  if (result.code !== 0) {
    const said = result.stderr
      .trim()
      .replaceAll(/^psql:<stdin>:\d+: /gm, "")
      .split("\n")
      .slice(0, 3)
      .join("; ");
    throw new SqlError(`PostgreSQL on ${host.name}: ${said || `psql ended with ${result.code}`}`);
  }
  return result.stdout;
}

/** A string literal. */
export function literal(value: string): string {
  if (value.includes("\0")) throw new Error("a value for SQL may not contain a zero byte");
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A quoted identifier. */
export function identifier(name: string): string {
  if (name.includes("\0") || name === "") throw new Error(`"${name}" cannot be an SQL identifier`);
  return `"${name.replaceAll('"', '""')}"`;
}
