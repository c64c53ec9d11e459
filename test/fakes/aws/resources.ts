/** Every resource of @pulumi/aws, kept in the stand-in's cloud; instances and volumes are real ones where they can be. */

import type { AnyResource } from "../../../provider/registry.ts";
import { PartialFailure, type Resource } from "../../../provider/types.ts";
import { type Cloud, type Entry, kindOf, outputsOf, type Values } from "./cloud.ts";
import { changedKeys, diff } from "./diff.ts";
import type { Hardware } from "./hardware.ts";
import { refusedCreate, refusedDelete, refusedUpdate } from "./refusals.ts";
import { made } from "./shapes.ts";

export interface Account {
  region: string;
  /** Of the provider: put on everything. */
  defaultTags: Record<string, string>;
}

/** @param account asked for at each change */
export function resourcesIn(
  cloud: Cloud,
  hardware: Hardware,
  account: () => Account,
): ReadonlyMap<string, AnyResource> {
  // Whatever the type is: there are more than a thousand.
  return new (class extends Map<string, AnyResource> {
    override get(type: string): AnyResource | undefined {
      return type.startsWith("aws:") ? resource(type, cloud, hardware, account) : undefined;
    }
  })();
}

function resource(type: string, cloud: Cloud, hardware: Hardware, account: () => Account): Resource<Values, Values> {
  const refuse = (problem: string | undefined): void => {
    if (problem !== undefined) throw new Error(problem);
  };
  const tagged = (computed: Values, { tags }: Values): Values => ({
    ...computed,
    tagsAll: { ...account().defaultTags, ...(tags as Record<string, string> | undefined) },
  });
  const entryOf = (id: string): Entry => {
    const entry = cloud.get(type, id);
    if (!entry) throw new Error(`${type}: ${id} does not exist`);
    return entry;
  };

  return {
    secrets: [],
    diff: (_olds, news, oldInputs) => diff(type, oldInputs, news),

    async create(news, { urn, signal }) {
      const name = urn.split("::").at(-1)!;
      refuse(refusedCreate(cloud.state(), type, news));
      const { id, computed } = made({ type, name, inputs: news, region: account().region, state: cloud.state() });
      const entry = { type, id, name, inputs: news, computed: tagged(computed, news) };
      // It has its address from here on: two that are made at a time cannot have the same.
      cloud.put(entry);
      try {
        await hardware.create(entry, signal);
      } catch (error) {
        cloud.drop(entry);
        throw error;
      }
      cloud.log(entry, "create");
      return { id, outputs: outputsOf(entry) };
    },

    async read(id, _olds, oldInputs) {
      const entry = cloud.get(type, id);
      if (!entry || (kindOf(type) === "ec2/volumeAttachment" && !hardware.attached(entry))) return undefined;
      // Imports have none.
      const inputs = Object.keys(oldInputs).length > 0 ? { ...oldInputs, ...entry.inputs } : entry.inputs;
      return { id, inputs, outputs: outputsOf(entry) };
    },

    async update(id, _olds, news, { signal }) {
      const before = entryOf(id);
      refuse(refusedUpdate(cloud.state(), type, before.inputs, news));
      const changed = changedKeys(before.inputs, news);
      const after = cloud.put({ ...before, inputs: news, computed: tagged(before.computed, news) });
      try {
        await hardware.update(before, after, changed, signal);
      } catch (error) {
        throw new PartialFailure(`${(error as Error).message}`, id, outputsOf(cloud.put(before)));
      }
      cloud.log(after, "update", changed);
      return outputsOf(cloud.get(type, id) ?? after);
    },

    async delete(id, _olds, { signal }) {
      const entry = cloud.get(type, id);
      if (!entry) return;
      refuse(refusedDelete(cloud.state(), entry));
      await hardware.delete(entry, signal);
      cloud.drop(entry);
      cloud.log(entry, "delete");
    },
  };
}
