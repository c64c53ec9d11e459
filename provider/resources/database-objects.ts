/** DatabaseObjects: roles, databases, extensions and grants, through the local socket of whoever is primary. */

import type { DatabaseObjectsInputs, DatabaseObjectsOutputs } from "../../infra/resources.ts";
import { converge, lookAt } from "../postgres/catalog.ts";
import { findPrimary, NoPrimaryError, targetOf } from "../postgres/members.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffAccess, diffDrift, diffValues } from "./diff-values.ts";

export const databaseObjects: Resource<DatabaseObjectsInputs, DatabaseObjectsOutputs> = {
  secrets: ["verifiers"],

  diff(olds, news, _oldInputs, note): DiffResult {
    const detailed = diffValues(olds, news, ["roles", "databases", "monitors", "removedRoles", "cluster"]);
    for (const [i, member] of (olds.members ?? []).entries())
      Object.assign(detailed, diffAccess(member.connection, news.members[i]?.connection, `members[${i}].connection`));
    Object.assign(detailed, diffDrift(olds.drift));
    for (const line of leftBehind(olds, news)) note(line);
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    return { id: news.cluster, outputs: await apply(news, {}, news.cluster, context) };
  },

  async read(id, olds, oldInputs, context) {
    try {
      const primary = targetOf(await findPrimary(olds.members, context.signal));
      const { drift, undeclared } = await lookAt(primary, olds, context.signal);
      if (undeclared.length > 0) context.log("info", `not declared, and left alone: ${undeclared.join(", ")}`);
      return { id, inputs: oldInputs, outputs: { ...olds, drift, undeclared } };
    } catch (error) {
      context.signal.throwIfAborted();
      // A fleet that is down is for Rollout and the instances to mend; the objects cannot be asked for.
      context.log("warning", `databases and roles were not looked at: ${(error as Error).message}`);
      return { id, inputs: oldInputs, outputs: olds };
    }
  },

  async update(id, olds, news, context) {
    try {
      return await apply(news, olds.roles, id, context);
    } catch (error) {
      if (!(error instanceof NoPrimaryError)) throw error;
      // Rollout comes after this one, and is what finishes a switchover or says what to do.
      context.log("warning", `databases and roles were not changed, run again: ${error.message}`);
      return { ...news, drift: ["not applied: no member was primary"], undeclared: [] };
    }
  },

  // Databases and roles hold data and access: taking the declaration away drops nothing.
  async delete(_id, olds, context) {
    const names = [
      ...Object.keys(olds.databases).map((name) => `database ${name}`),
      ...Object.keys(olds.roles).map((name) => `role ${name}`),
    ];
    context.log("debug", `left in place: ${names.join(", ")}`);
  },
};

async function apply(
  news: DatabaseObjectsInputs,
  before: object,
  id: string,
  context: Context,
): Promise<DatabaseObjectsOutputs> {
  const primary = targetOf(await findPrimary(news.members, context.signal));
  try {
    await converge(primary, news, new Set(Object.keys(before)), context, context.signal);
    const { undeclared } = await lookAt(primary, news, context.signal);
    return { ...news, drift: [], undeclared };
  } catch (error) {
    const outputs = { ...news, drift: ["not all applied"], undeclared: [] };
    throw new PartialFailure((error as Error).message, id, outputs, { cause: error });
  }
}

/** What was declared and no longer is, and is not to be dropped either. */
function leftBehind(olds: DatabaseObjectsInputs, news: DatabaseObjectsInputs): string[] {
  const gone = (was: object | undefined, is: object | undefined): string[] =>
    is === undefined || Array.isArray(was) ? [] : Object.keys(was ?? {}).filter((name) => !Object.hasOwn(is, name));
  return [
    ...gone(olds.roles, news.roles)
      .filter((name) => !news.removedRoles?.includes(name))
      .map(
        (name) =>
          `role ${name} is no longer declared; it stays with its rights, and pg_hba.conf and the pooler do not let it in. To drop it: postgres-fleet:removed: { roles: [${name}] }`,
      ),
    ...gone(olds.databases, news.databases).map(
      (name) => `database ${name} is no longer declared; it stays with its data, and the pooler does not know it`,
    ),
  ];
}
