/**
 * Is a PgBouncer file good, and is it what runs? A failed RELOAD is destructive (it goes back to defaults and stops
 * at the bad line), so a file is tried in a throw-away process first, and looked at again after RELOAD.
 */

import * as path from "node:path";
import { parseSettings } from "../../infra/rendering/conf-text.ts";
import { TLS_FILES } from "../../infra/rendering/tls-files.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { hostAt } from "../host.ts";
import type { Context } from "../types.ts";
import { show } from "./console.ts";
import { databaseEntries } from "./databases.ts";
import { POOLER_SERVICE } from "./entries.ts";
import type { PoolerProcess } from "./processes.ts";

const TRY_LIMIT_MS = 15_000;

/**
 * Starts a process with the staged file on a private socket; an error carries PgBouncer's own lines. One file is enough:
 * those of more processes differ in what is private here.
 */
export async function tryStaged(pooler: RolloutPooler, program: string, context: Context): Promise<void> {
  const host = hostAt(pooler.connection);
  const { transport, connection, paths } = host;
  const folder = path.join(connection.run, "try");
  const ini = await transport.readFile(path.join(paths.generation(POOLER_SERVICE, pooler.generation), "pgbouncer.ini"));
  if (!ini) throw new Error(`generation ${pooler.generation} of pgbouncer is not staged on ${pooler.name}`);
  await transport.makeDirectory(folder, { mode: "0700", user: connection.user });
  const file = path.join(folder, "pgbouncer.ini");
  await transport.writeFile(
    file,
    privately(ini.text, folder, path.join(paths.generation(POOLER_SERVICE, pooler.generation), "userlist.txt")),
    { mode: "0640", user: connection.user },
  );
  const up = new AbortController();
  const said: string[] = [];
  try {
    const result = await transport.exec([program, file], {
      user: connection.user,
      timeoutMs: TRY_LIMIT_MS,
      signal: AbortSignal.any([up.signal, context.signal]),
      onStderrLine: (line) => {
        if (/\b(ERROR|FATAL|WARNING)\b/.test(line)) said.push(line.replace(/^.*?\b(?=ERROR|FATAL|WARNING)/, ""));
        if (line.includes("process up")) up.abort();
      },
    });
    throw new Error(
      `PgBouncer on ${pooler.name} refuses generation ${pooler.generation} (exit ${result.code}); the old one stays in force:\n  ${said.join("\n  ")}`,
    );
  } catch (error) {
    if (!up.signal.aborted) throw error;
  } finally {
    await transport.remove(folder);
  }
  const errors = said.filter((line) => line.startsWith("ERROR"));
  if (errors.length > 0)
    throw new Error(
      `PgBouncer on ${pooler.name} refuses parts of generation ${pooler.generation}:\n  ${errors.join("\n  ")}`,
    );
}

/** The same file on a socket of its own, with the staged userlist and certificates. */
function privately(ini: string, folder: string, userlist: string): string {
  const staged = path.dirname(userlist);
  const own: Record<string, string> = {
    listen_addr: "",
    unix_socket_dir: folder,
    pidfile: path.join(folder, "pid"),
    logfile: "",
    auth_file: userlist,
    client_tls_cert_file: path.join(staged, TLS_FILES.certificate),
    client_tls_key_file: path.join(staged, TLS_FILES.key),
    server_tls_ca_file: path.join(staged, TLS_FILES.ca),
  };
  return ini.replace(/^([a-z_]+)\s*=.*$/gm, (line, key: string) =>
    Object.hasOwn(own, key) ? `${key} = ${own[key]}` : line,
  );
}

/** What runs otherwise than the file in force says, one line each. */
export async function differences(pooler: PoolerProcess, ini: string, signal: AbortSignal): Promise<string[]> {
  const [config, databases] = [await show(pooler, "CONFIG", signal), await show(pooler, "DATABASES", signal)];
  const running = new Map(config.map((row) => [row.key!, row.value ?? ""]));
  const declared = parseSettings(ini.split(/^\[databases\]$/m)[0]!);
  const found: string[] = [];
  for (const [key, value] of Object.entries(declared)) {
    const now = running.get(key);
    if (now !== undefined && normal(now) !== normal(value)) found.push(`${key} is ${now}, its file says ${value}`);
  }
  for (const entry of databaseEntries(ini)) {
    const row = databases.find((r) => r.name === entry.alias);
    if (!row) found.push(`database ${entry.alias} is unknown to it`);
    else if (row.host !== undefined && row.host !== entry.hosts.join(","))
      found.push(`database ${entry.alias} leads to ${row.host}, its file says ${entry.hosts.join(",")}`);
  }
  return found;
}

const normal = (value: string): string => value.replace(/\s+/g, "").toLowerCase();
