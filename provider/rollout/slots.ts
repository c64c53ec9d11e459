/** Physical slots of members on the servers they stream from. Each step can be repeated. */

import type { RolloutMember } from "../../infra/resources.ts";
import { execute, literal, select } from "../postgres/sql.ts";
import type { Context } from "../types.ts";
import { waitFor } from "../wait.ts";
import { targetOf } from "./member-steps.ts";

/**
 * Makes the slot, and keeps WAL in it from now on. One that was cut off (max_slot_wal_keep_size) keeps nothing and
 * never will again: it is made anew.
 */
export async function reserveSlot(server: RolloutMember, slot: string, context: Context): Promise<void> {
  const name = literal(slot);
  await execute(
    targetOf(server),
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${name} AND wal_status = 'lost' AND NOT active;
     SELECT pg_create_physical_replication_slot(${name}, true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = ${name});`,
    context.signal,
  );
}

/** Drops a slot of a member that left; waits until its walsender is gone. */
export async function dropSlot(server: RolloutMember, slot: string, context: Context): Promise<void> {
  const target = targetOf(server);
  const named = `FROM pg_replication_slots WHERE slot_name = ${literal(slot)}`;
  await waitFor(
    context,
    { what: `slot ${slot} on ${server.name} is free to be dropped`, limitMs: 30_000 },
    async () => {
      await execute(
        target,
        `SELECT pg_terminate_backend(active_pid) ${named} AND active; SELECT pg_drop_replication_slot(slot_name) ${named} AND NOT active;`,
        context.signal,
      );
      return (await select(target, `SELECT 1 AS one ${named}`, context.signal)).length === 0;
    },
  );
}
