/** Can applications log in, write, and read it back everywhere; and is what must be refused refused? */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { rolesInto } from "../../infra/catalog.ts";
import { members } from "../../infra/config/spec.ts";
import { connections } from "../../infra/platforms/platform.ts";
import { readOnlyAlias } from "../../infra/rendering/names.ts";
import { PORTS } from "../../infra/rendering/ports.ts";
import { hostAt } from "../../provider/host.ts";
import { findPrimary } from "../../provider/postgres/members.ts";
import { execute, literal, type SqlTarget, select } from "../../provider/postgres/sql.ts";
import { poolerLogins } from "../status/psql-line.ts";
import type { Run } from "./checks.ts";
import { Client } from "./client.ts";
import { makeProbeTable, type ProbeTable } from "./probe-table.ts";

const REPLAY_LIMIT_MS = 10_000;
const REPLAY_STEP_MS = 50;
const DROP_LIMIT_MS = 15_000;
/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = "25006";

export async function verifyDataPath(run: Run): Promise<void> {
  const { fleet, signal } = run;
  const { spec } = fleet;
  const logins = poolerLogins(fleet);
  const clients = logins.map((login) => new Client(fleet, login, signal));
  const open: Client[] = [];
  for (const client of clients) {
    if (await verifyLogins(run, client)) open.push(client);
    else run.skip(`writes and reads through ${client.login.pooler}`, `${client.login.role} cannot log in through it`);
  }

  const database = spec.databases[0]?.name;
  if (!database) return;
  const targets = memberTargets(run, database);
  let primary = "";
  await run.check("one member is primary", async () => {
    primary = (
      await findPrimary(
        targets.map(({ name, target }) => ({ name, connection: target.host.connection, ...target })),
        signal,
      )
    ).name;
  });
  const source = targets.find((member) => member.name === primary);
  if (!source) return run.skip("write and read back", "there is no primary to write to");
  let table: ProbeTable | undefined;
  try {
    const made = await run.check(`${primary} takes a table for the test (${database})`, async () => {
      table = await makeProbeTable(source.target, logins[0]?.role ?? "postgres", signal);
    });
    if (!made || !table) return run.skip("write and read back", "there is no table to write to");
    const replicas = targets.filter((member) => member.name !== primary);
    await verifyWrites(run, open, source, replicas, table);
  } finally {
    // Also after Ctrl-C, so with a limit of its own.
    const left = table;
    if (left) await run.cleanUp("the test's table is gone again", () => left.drop(AbortSignal.timeout(DROP_LIMIT_MS)));
  }
}

interface Target {
  name: string;
  target: SqlTarget;
}

function memberTargets({ fleet }: Run, database: string): Target[] {
  const reach = connections(fleet.spec, fleet.layouts);
  return members(fleet.spec).map(({ name }) => {
    const binDirectory = fleet.layouts.get(name)!.programs.postgresBin;
    return { name, target: { host: hostAt(reach.get(name)!), port: PORTS.postgresql, binDirectory, database } };
  });
}

/** @returns whether at least the role that writes got in */
async function verifyLogins({ fleet, check }: Run, client: Client): Promise<boolean> {
  let entered = false;
  const { pooler, role: own } = client.login;
  const welcome = rolesInto(fleet.spec, client.login.database);
  for (const role of fleet.spec.roles.filter((r) => r.login && welcome.has(r.name))) {
    const ok = await check(`${role.name} logs in through ${pooler}`, async () => {
      const user = await client.must("SELECT session_user;", { role: role.name });
      if (user !== role.name) throw new Error(`logged in as ${user}`);
    });
    if (role.name === own) entered = ok;
  }
  if (!entered) return false;
  await check(`${pooler} refuses a wrong password`, () =>
    client.withWrongPassword(randomBytes(12).toString("hex"), async (passfile) => {
      const result = await client.run("SELECT 1;", { passfile });
      if (result.ok) throw new Error(`${own} got in with a wrong password`);
      if (!/authentication failed/i.test(result.error))
        throw new Error(`refused, but not for its password: ${result.error}`);
    }),
  );
  return true;
}

async function verifyWrites(
  { signal, check }: Run,
  clients: Client[],
  primary: Target,
  replicas: Target[],
  table: ProbeTable,
): Promise<void> {
  const written: string[] = [];
  for (const client of clients) {
    const token = `${table.token}-${client.login.pooler}`;
    const ok = await check(`a write through ${client.login.pooler} reaches ${primary.name}`, async () => {
      await client.must(`INSERT INTO ${table.name} VALUES (${literal(token)});`);
      if (!(await has(primary, table, token, signal))) throw new Error("acknowledged, but not there");
    });
    if (ok) written.push(token);
  }
  if (clients.length === 0) {
    await execute(primary.target, `INSERT INTO ${table.name} VALUES (${literal(table.token)});`, signal);
    written.push(table.token);
  }
  for (const replica of replicas) {
    await check(`${replica.name} shows what was written`, () => shows(replica, table, written, signal));
    await check(`${replica.name} refuses a write`, () => refusesWrite(replica, table, signal));
  }
  for (const client of clients) {
    const alias = readOnlyAlias(client.login.database);
    await check(
      `${alias} through ${client.login.pooler} reads${replicas.length > 0 ? " and refuses a write" : ""}`,
      async () => {
        await client.must(`SELECT count(*) FROM ${table.name};`, { database: alias });
        if (replicas.length === 0) return;
        const result = await client.run(`INSERT INTO ${table.name} VALUES ('refused');`, { database: alias });
        if (result.ok) throw new Error("a write was taken");
        if (!result.error.includes(READ_ONLY)) throw new Error(`refused, but not as read-only: ${result.error}`);
      },
    );
  }
}

const has = async ({ target }: Target, table: ProbeTable, token: string, signal: AbortSignal): Promise<boolean> =>
  (await select(target, `SELECT 1 AS one FROM ${table.name} WHERE token = ${literal(token)}`, signal, 5000)).length > 0;

async function shows(replica: Target, table: ProbeTable, tokens: string[], signal: AbortSignal): Promise<void> {
  if (tokens.length === 0) throw new Error("nothing was written");
  const deadline = Date.now() + REPLAY_LIMIT_MS;
  let last = "";
  for (;;) {
    try {
      const found = await Promise.all(tokens.map((token) => has(replica, table, token, signal)));
      if (found.every(Boolean)) return;
      last = "";
    } catch (error) {
      // Until the table itself is replayed.
      last = `: ${(error as Error).message}`;
    }
    if (Date.now() > deadline) throw new Error(`not there after ${REPLAY_LIMIT_MS / 1000} s${last}`);
    await delay(REPLAY_STEP_MS, undefined, { signal });
  }
}

/** The server itself tells whether it is the refusal that is meant, whatever language it speaks. */
async function refusesWrite({ target }: Target, table: ProbeTable, signal: AbortSignal): Promise<void> {
  await execute(
    target,
    `DO $$ BEGIN INSERT INTO ${table.name} VALUES ('refused'); RAISE EXCEPTION 'a write was taken';
     EXCEPTION WHEN read_only_sql_transaction THEN NULL; END $$;`,
    signal,
    10_000,
  );
}
