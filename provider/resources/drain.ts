/**
 * Drain: a host is emptied before its machine changes. Its output `type` is what the machine may have now, so a smaller
 * one comes only when the server already runs with the settings for it.
 */

import type { DrainInputs, DrainOutputs } from "../../infra/resources.ts";
import {
  type InForce,
  type MachineChange,
  type MachineState,
  machineChange,
  machineProblems,
  typeByFirmware,
  whyItWaits,
} from "../../infra/rollout/resize.ts";
import { activeGeneration, type Host, hostAt } from "../host.ts";
import { SERVICE } from "../postgres/server.ts";
import { select } from "../postgres/sql.ts";
import { targetOf } from "../rollout/member-steps.ts";
import { registryOn } from "../rollout/registry.ts";
import { vacate } from "../rollout/vacate.ts";
import { UnreachableError } from "../transports/transport.ts";
import { type Context, type DiffResult, PartialFailure, type Resource, UNKNOWN } from "../types.ts";
import { diffAccess, diffValues } from "./diff-values.ts";
import { readReachable } from "./read-reachable.ts";

/** Of a machine only these are work; how much the type has only says which way it goes. */
const COUNTING = ["type", "architecture", "diskGb", "replace"];

export const drain: Resource<DrainInputs, DrainOutputs> = {
  secrets: [],

  diff(olds, news, _oldInputs, note): DiffResult {
    const machine = diffValues(olds.machine, news.machine, COUNTING);
    const detailed: DiffResult["detailed"] = Object.fromEntries(
      Object.entries(machine).map(([path, change]) => [`machine.${path}`, change]),
    );
    // One that waits to become smaller.
    if (olds.type !== news.machine.type) detailed["machine.type"] = { kind: "update", inputDiff: true };
    Object.assign(detailed, diffAccess(olds.connection, news.connection));
    const waits = foreseen(news, olds).waits;
    if (waits) note(waits);
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  preview(news, olds) {
    if (!olds) return { ...news, type: news.machine.type, machineImage: news.image };
    refuse(news, olds);
    const { type } = foreseen(news, olds);
    return { ...news, type, machineImage: imageOf(news, olds) };
  },

  // Nothing is on it, and there may be no machine yet.
  async create(news) {
    const { type } = news.machine;
    const outputs = { ...news, type, machineImage: news.image, has: room(news), inForce: "", reachable: true };
    return { id: news.connection.host, outputs };
  },

  read: (id, olds, oldInputs, context) =>
    readReachable(id, olds, oldInputs, context, async (host) => {
      const { generation, pending } = await settingsInForce(host, olds, context);
      // A declaration that changed nothing else may have said better what the type has.
      const same = oldInputs.machine.type === olds.type;
      return {
        inForce: pending.length > 0 ? "" : generation,
        ...(same ? { has: room(oldInputs) } : {}),
        // Emptied in a run that was killed then, it may still be what it was, and at work again.
        type: typeByFirmware((await host.transport.readFile(PRODUCT))?.text, olds.type),
      };
    }),

  async update(id, olds, news, context) {
    refuse(news, olds);
    const change = machineChange(olds, news.machine);
    const { type } = news.machine;
    const machineImage = imageOf(news, olds);
    const done = { ...news, type, machineImage, has: room(news), inForce: olds.inForce, reachable: true };
    if (change === "none") return done;
    const host = hostAt(news.connection);
    let inForce: InForce;
    try {
      inForce = await settingsInForce(host, news, context);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (change !== "replace") throw new Error(unseen(error, olds, news), { cause: error });
      context.log("warning", `${error.message}. It is made anew as asked, without being emptied before.`);
      return { ...done, reachable: false };
    }
    const known = inForce.pending.length > 0 ? "" : inForce.generation;
    const waits = change === "shrink" ? whyItWaits(host.name, olds, news.machine, news.generation, inForce) : "";
    if (waits) {
      context.log("warning", waits);
      return { ...done, type: olds.type, has: olds.has, inForce: known };
    }
    await empty(id, olds, news, inForce, context);
    return { ...done, inForce: known };
  },

  async delete() {},
};

const PRODUCT = "/sys/devices/virtual/dmi/id/product_name";

const imageOf = (news: DrainInputs, olds: DrainOutputs): string =>
  olds.machine.replace === news.machine.replace ? olds.machineImage : news.image;

const room = ({ machine: { memoryMb, cpus } }: Pick<DrainInputs, "machine">) => ({ memoryMb, cpus });

/** Before anything is touched; in previews as far as it is known. */
function refuse(news: DrainInputs, olds: DrainOutputs): void {
  const problems = hasUnknown(news.machine) ? [] : machineProblems(news.connection.host, olds, news.machine);
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

const hasUnknown = (machine: object): boolean => Object.values(machine).some((value) => value === UNKNOWN);

/** Type that the machine will have after this run, from what was last seen of its settings. */
function foreseen(news: DrainInputs, olds: DrainOutputs): { type: string; waits: string } {
  const { host } = news.connection;
  if (hasUnknown(news.machine)) return { type: news.machine.type, waits: "" };
  const change: MachineChange = machineChange(olds, news.machine);
  const seen: InForce = { generation: olds.inForce, pending: [] };
  const waits = change === "shrink" ? whyItWaits(host, olds, news.machine, news.generation, seen) : "";
  return { type: waits ? olds.type : news.machine.type, waits };
}

const unseen = (error: UnreachableError, olds: MachineState, { connection: { host }, machine }: DrainInputs): string =>
  `${error.message}. ${host} stays ${olds.type}: whether it is at work cannot be seen, so it does not become ${machine.type}. Start it and run \`up\` again; or, if it is dead, put the old type back and give hosts.${host}.replace a new value, and it is made anew with its volume.`;

/** The files in force on the host, and what of them its server does not run with yet. */
async function settingsInForce(host: Host, { owner }: DrainInputs, context: Context): Promise<InForce> {
  const generation = await activeGeneration(host, SERVICE);
  const member = (await registryOn(host, owner))?.members.find((m) => m.name === host.name);
  if (!member || generation === "") return { generation, pending: [] };
  if (!(await host.services.status(SERVICE, context.signal)).running) return { generation, pending: [] };
  try {
    const rows = await select<{ name: string }>(
      targetOf({ ...member, settings: {}, repairs: 0 }),
      "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name",
      context.signal,
    );
    return { generation, pending: rows.map(({ name }) => name) };
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    context.log("debug", (error as Error).message);
    return { generation: "", pending: [] };
  }
}

async function empty(
  id: string,
  olds: DrainOutputs,
  news: DrainInputs,
  { generation }: InForce,
  context: Context,
): Promise<void> {
  const host = hostAt(news.connection);
  const registry = await registryOn(host, news.owner);
  if (!registry) {
    if (generation === "" || !(await host.services.status(SERVICE, context.signal)).running) return;
    throw new Error(
      `${host.name} runs PostgreSQL and has no ${host.paths.registry} of this cluster, so nobody knows who depends on it. Run \`up\` with the old machine first, and change it then.`,
    );
  }
  let touched = false;
  try {
    await vacate(news, registry, context, () => {
      touched = true;
    });
  } catch (error) {
    if (!touched) throw error;
    // The next run tries again: the machine is still to change.
    const state: DrainOutputs = { ...olds, connection: news.connection };
    throw new PartialFailure((error as Error).message, id, state, { cause: error });
  }
}
