/** Runs a part of a Pulumi program without an engine and keeps what it registers, in an order that keeps dependencies. */

import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  retainOnDelete: boolean;
  protect: boolean;
  /** Names of the resources it waits for. */
  dependsOn: string[];
}

/** @param build registers resources; they come back in the order in which an engine could make them */
export async function record(build: () => void): Promise<Registered[]> {
  const found: Registered[] = [];
  const retained = new Set<string>();
  const guarded = new Set<string>();
  const waits = new Map<string, string[]>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, custom }) => {
        if (custom) {
          const key = `${type} ${name}`;
          found.push({
            type,
            name,
            inputs: plain(inputs),
            retainOnDelete: retained.has(key),
            protect: guarded.has(key),
            dependsOn: waits.get(key) ?? [],
          });
        }
        return { id: name, state: inputs };
      },
      call: ({ inputs }) => inputs,
    },
    "postgres-fleet",
    "test",
    false,
  );
  await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, opts }) => {
      const options = opts as pulumi.CustomResourceOptions;
      if (options.protect) guarded.add(`${type} ${name}`);
      if (options.retainOnDelete) retained.add(`${type} ${name}`);
      const depends = [options.dependsOn ?? []].flat() as pulumi.Resource[];
      waits.set(
        `${type} ${name}`,
        depends.map((resource) => (resource as { __name?: string }).__name ?? ""),
      );
      return undefined;
    });
    build();
  });
  // Waits for registrations that are under way.
  await pulumi.runtime.disconnect();
  return found;
}

/** Secrets come wrapped: the value, beside a key that says so. */
function plain(inputs: Record<string, unknown>): Record<string, unknown> {
  const unwrapped = (value: unknown): unknown =>
    typeof value === "object" && value !== null && "value" in value && Object.keys(value).length === 2
      ? value.value
      : value;
  return Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, unwrapped(value)]));
}
