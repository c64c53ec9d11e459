/** The table that `verify` writes to: in a schema of its own, made and dropped by the superuser through the socket. */

import { randomBytes } from "node:crypto";
import { execute, identifier, literal, type SqlTarget, select } from "../../provider/postgres/sql.ts";

const SCHEMA = "pgfleet_verify";
/** Tables of runs that were killed are dropped by a later run when they are older. */
const STALE_SECONDS = 3600;

export interface ProbeTable {
  /** Schema-qualified and quoted. */
  name: string;
  token: string;
  drop(signal: AbortSignal): Promise<void>;
}

/**
 * @param target the primary, in the database that is written to
 * @param role gets what an application needs: INSERT and SELECT on this table
 */
export async function makeProbeTable(target: SqlTarget, role: string, signal: AbortSignal): Promise<ProbeTable> {
  const token = randomBytes(8).toString("hex");
  const name = `${SCHEMA}.${identifier(`probe_${Math.floor(Date.now() / 1000)}_${token}`)}`;
  await dropStale(target, signal);
  await execute(
    target,
    `SET lock_timeout = '5s'; CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; CREATE TABLE ${name} (token text NOT NULL);
     GRANT USAGE ON SCHEMA ${SCHEMA} TO ${identifier(role)}; GRANT INSERT, SELECT ON ${name} TO ${identifier(role)};`,
    signal,
  );
  const drop = async (until: AbortSignal): Promise<void> => {
    // RESTRICT: another run's table keeps the schema.
    await execute(
      target,
      `SET lock_timeout = '5s'; SET client_min_messages = 'error'; DROP TABLE IF EXISTS ${name};
       DO $$ BEGIN DROP SCHEMA IF EXISTS ${SCHEMA} RESTRICT; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$;`,
      until,
    );
  };
  return { name, token, drop };
}

async function dropStale(target: SqlTarget, signal: AbortSignal): Promise<void> {
  const tables = await select<{ name: string }>(
    target,
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(${literal(SCHEMA)})`,
    signal,
  );
  const oldest = Date.now() / 1000 - STALE_SECONDS;
  for (const { name } of tables) {
    const made = Number(/^probe_(\d+)_[0-9a-f]+$/.exec(name)?.[1] ?? Number.NaN);
    if (made < oldest)
      await execute(target, `SET lock_timeout = '5s'; DROP TABLE IF EXISTS ${SCHEMA}.${identifier(name)};`, signal);
  }
}
