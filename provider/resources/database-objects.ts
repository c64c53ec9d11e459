/** DatabaseObjects: roles, databases, extensions and grants, through the local socket of whoever is primary. */

import type { DatabaseObjectsInputs, DatabaseObjectsOutputs } from "../../infra/resources.ts";
import { findPrimary, NoPrimaryError, targetOf } from "../postgres/members.ts";
import {
  createDatabaseScript,
  databaseDriftQuery,
  databaseScript,
  ROLES_QUERY,
  type RoleFacts,
  roleDrift,
  roleScript,
} from "../postgres/objects-sql.ts";
import { execute, type SqlTarget, select } from "../postgres/sql.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffValues } from "./diff-values.ts";

export const databaseObjects: Resource<DatabaseObjectsInputs, DatabaseObjectsOutputs> = {
  secrets: ["verifiers"],

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, ["roles", "databases", "cluster"]);
    olds.drift?.forEach((_, i) => {
      detailed[`drift[${i}]`] = { kind: "delete", inputDiff: false };
    });
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    await converge(news, news.cluster, context);
    return { id: news.cluster, outputs: { ...news, drift: [] } };
  },

  async read(id, olds, oldInputs, context) {
    try {
      const primary = targetOf(await findPrimary(olds.members, context.signal));
      return { id, inputs: oldInputs, outputs: { ...olds, drift: await findDrift(primary, olds, context.signal) } };
    } catch (error) {
      context.signal.throwIfAborted();
      // A fleet that is down is for Rollout and the instances to mend; the objects cannot be asked for.
      context.log("warning", `databases and roles were not looked at: ${(error as Error).message}`);
      return { id, inputs: oldInputs, outputs: olds };
    }
  },

  async update(id, _olds, news, context) {
    try {
      await converge(news, id, context);
    } catch (error) {
      if (!(error instanceof NoPrimaryError)) throw error;
      // Rollout comes after this one, and is what finishes a switchover or says what to do.
      context.log("warning", `databases and roles were not changed, run again: ${error.message}`);
      return { ...news, drift: ["not applied: no member was primary"] };
    }
    return { ...news, drift: [] };
  },

  // Databases and roles hold data and access: taking the declaration away drops nothing.
  async delete(_id, olds, context) {
    const names = [...olds.databases.map((d) => `database ${d.name}`), ...olds.roles.map((r) => `role ${r.name}`)];
    context.log("debug", `left in place: ${names.join(", ")}`);
  },
};

async function converge(news: DatabaseObjectsInputs, id: string, context: Context): Promise<void> {
  const primary = targetOf(await findPrimary(news.members, context.signal));
  try {
    const facts = await rolesByName(primary, context.signal);
    const scripts: string[] = [];
    for (const role of news.roles) {
      const verifier = news.verifiers[role.name];
      if (roleDrift(role, facts.get(role.name), verifier).length === 0) continue;
      scripts.push(roleScript(role, facts.has(role.name), verifier));
    }
    if (scripts.length > 0) await execute(primary, scripts.join("\n"), context.signal);
    const existing = await databaseNames(primary, context.signal);
    for (const database of news.databases) {
      context.status(`database ${database.name}`);
      if (!existing.has(database.name)) await execute(primary, createDatabaseScript(database), context.signal);
      await execute({ ...primary, database: database.name }, databaseScript(database), context.signal);
    }
  } catch (error) {
    throw new PartialFailure((error as Error).message, id, { ...news, drift: ["not all applied"] }, { cause: error });
  }
}

async function findDrift(primary: SqlTarget, olds: DatabaseObjectsInputs, signal: AbortSignal): Promise<string[]> {
  const [facts, existing] = await Promise.all([rolesByName(primary, signal), databaseNames(primary, signal)]);
  const found = olds.roles.flatMap((role) => roleDrift(role, facts.get(role.name), olds.verifiers[role.name]));
  for (const database of olds.databases) {
    if (!existing.has(database.name)) {
      found.push(`database ${database.name} is missing`);
      continue;
    }
    const [row] = await select<{ missing_extensions: string[]; missing_grants: string[]; owner: string }>(
      { ...primary, database: database.name },
      databaseDriftQuery(database),
      signal,
    );
    for (const extension of row!.missing_extensions)
      found.push(`extension ${extension} is missing in ${database.name}`);
    for (const role of row!.missing_grants) found.push(`role ${role} lacks its grants in ${database.name}`);
    if (row!.owner !== database.owner)
      found.push(`database ${database.name} belongs to ${row!.owner}, not ${database.owner}`);
  }
  return found;
}

async function rolesByName(primary: SqlTarget, signal: AbortSignal): Promise<Map<string, RoleFacts>> {
  const rows = await select<RoleFacts>(primary, ROLES_QUERY, signal);
  return new Map(rows.map((row) => [row.name, row]));
}

async function databaseNames(primary: SqlTarget, signal: AbortSignal): Promise<Set<string>> {
  const rows = await select<{ name: string }>(primary, "SELECT datname AS name FROM pg_database", signal);
  return new Set(rows.map((row) => row.name));
}
