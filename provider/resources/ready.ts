/** Ready: a machine is up again, its data volume is in its place and used in whole, and it serves what it served before. */

import type { ReadyInputs, ReadyOutputs } from "../../infra/resources.ts";
import { waitForBoot } from "../boot.ts";
import { readVolume, useVolume, volumeDrift } from "../data-volume.ts";
import { hostAt } from "../host.ts";
import { registryOn } from "../rollout/registry.ts";
import { serveAgain } from "../rollout/serve-again.ts";
import { type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffAccess, diffDrift, diffValues } from "./diff-values.ts";
import { readReachable } from "./read-reachable.ts";

export const ready: Resource<ReadyInputs, ReadyOutputs> = {
  secrets: [],

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, ["machineId", "type", "volume"]);
    Object.assign(detailed, diffAccess(olds.connection, news.connection));
    Object.assign(detailed, diffDrift(olds.drift));
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    const host = hostAt(news.connection);
    await waitForBoot(host, context);
    if (news.volume) await useVolume(host, news.volume, context);
    return { id: host.name, outputs: { ...news, drift: [], reachable: true } };
  },

  read: (id, olds, oldInputs, context) =>
    readReachable(id, olds, oldInputs, context, async (host) => {
      const { volume } = olds;
      return { drift: volume ? volumeDrift(host.name, volume, await readVolume(host, volume, context.signal)) : [] };
    }),

  async update(id, olds, news, context) {
    const host = hostAt(news.connection);
    await waitForBoot(host, context);
    try {
      if (news.volume) await useVolume(host, news.volume, context);
      const registry = await registryOn(host, news.owner);
      if (registry) await serveAgain(host, registry, context);
    } catch (error) {
      // The machine has changed already; the next run goes on from here.
      const { machineId, type, volume } = olds;
      const state: ReadyOutputs = { ...news, machineId, type, volume, drift: [], reachable: true };
      throw new PartialFailure((error as Error).message, id, state, { cause: error });
    }
    return { ...news, drift: [], reachable: true };
  },

  async delete() {},
};
