/** A client as applications are: psql over TCP through PgBouncer, the password in a passfile, never an argument. */

import * as path from "node:path";
import type { Fleet } from "../../infra/fleet.ts";
import { connections } from "../../infra/platforms/platform.ts";
import { type Host, hostAt } from "../../provider/host.ts";
import { type PoolerLogin, tlsEnvironment } from "../status/psql-line.ts";

export interface ClientResult {
  ok: boolean;
  stdout: string;
  /** First line of what psql said. */
  error: string;
}

const CONNECT_LIMIT_SECONDS = 5;
const QUERY_LIMIT_MS = 20_000;

export class Client {
  readonly login: PoolerLogin;
  readonly #host: Host;
  readonly #psql: string;
  readonly #signal: AbortSignal;

  constructor(fleet: Fleet, login: PoolerLogin, signal: AbortSignal) {
    this.login = login;
    this.#host = hostAt(connections(fleet.spec, fleet.layouts).get(login.pooler)!);
    this.#psql = path.join(fleet.layouts.get(login.pooler)!.programs.postgresBin, "psql");
    this.#signal = signal;
  }

  /** Runs one statement. A refusal is a result; only a psql that cannot be run is an exception. */
  async run(
    sql: string,
    changes: Partial<Pick<PoolerLogin, "role" | "database" | "passfile">> = {},
  ): Promise<ClientResult> {
    const { address, port, role, database, passfile } = { ...this.login, ...changes };
    const { user } = this.#host.connection;
    const result = await this.#host.transport.exec(
      [
        this.#psql,
        "-XAtqw",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=sqlstate",
        "-h",
        address,
        "-p",
        String(port),
        "-U",
        role,
        "-d",
        database,
        "-f",
        "-",
      ],
      {
        user,
        stdin: sql,
        signal: this.#signal,
        timeoutMs: QUERY_LIMIT_MS,
        env: {
          PGPASSFILE: passfile,
          PGCONNECT_TIMEOUT: String(CONNECT_LIMIT_SECONDS),
          PGAPPNAME: "pgfleet verify",
          ...tlsEnvironment(this.login),
        },
      },
    );
    const error = result.stderr.trim().split("\n")[0] ?? "";
    return {
      ok: result.code === 0,
      stdout: result.stdout.trim(),
      error: result.code === 0 ? "" : error || `psql ended with ${result.code}`,
    };
  }

  /** @throws Error with what the server said */
  async must(sql: string, changes: Parameters<Client["run"]>[1] = {}): Promise<string> {
    const result = await this.run(sql, changes);
    if (!result.ok) throw new Error(result.error);
    return result.stdout;
  }

  /** Gives `body` a passfile with a password that is nobody's, and takes it away after. */
  async withWrongPassword<T>(password: string, body: (passfile: string) => Promise<T>): Promise<T> {
    const { transport, connection } = this.#host;
    const passfile = path.join(connection.run, `verify-${process.pid}.passfile`);
    await transport.writeFile(passfile, `*:*:*:*:${password}\n`, { mode: "0600", user: connection.user });
    try {
      return await body(passfile);
    } finally {
      await transport.remove(passfile);
    }
  }
}
