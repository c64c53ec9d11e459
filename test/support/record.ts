/** Runs a part of a Pulumi program without an engine and keeps what it registers, in an order that keeps dependencies. */

import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** Keys whose value is a secret. */
  secret: string[];
  retainOnDelete: boolean;
  protect: boolean;
  /** Names of the resources it waits for. */
  dependsOn: string[];
  /** As given, without what is above. */
  options: Pick<
    pulumi.CustomResourceOptions,
    "deleteBeforeReplace" | "ignoreChanges" | "replacementTrigger" | "additionalSecretOutputs"
  >;
}

export interface RecordOptions {
  project?: string;
  stack?: string;
  /** What the cloud would answer: outputs beside the inputs. */
  outputs?: (type: string, name: string, inputs: Record<string, unknown>) => Record<string, unknown>;
  /** Id of a resource. Default: its name. */
  id?: (type: string, name: string) => string;
  /** Results of functions. Default: their inputs. */
  call?: (token: string, inputs: Record<string, unknown>) => Record<string, unknown>;
}

/** @param build registers resources; they come back in the order in which an engine could make them */
export async function record(build: () => unknown, given: RecordOptions = {}): Promise<Registered[]> {
  const found: Registered[] = [];
  const options = new Map<string, pulumi.CustomResourceOptions>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, custom }) => {
        const seen = plain(inputs);
        if (custom) {
          const own = options.get(`${type} ${name}`) ?? {};
          found.push({
            type,
            name,
            inputs: seen,
            secret: Object.keys(inputs).filter((key) => isSecret(inputs[key])),
            retainOnDelete: own.retainOnDelete ?? false,
            protect: own.protect ?? false,
            dependsOn: ([own.dependsOn ?? []].flat() as pulumi.Resource[]).map(
              (resource) => (resource as { __name?: string }).__name ?? "",
            ),
            options: chosen(own),
          });
        }
        return { id: given.id?.(type, name) ?? name, state: { ...inputs, ...given.outputs?.(type, name, seen) } };
      },
      call: ({ token, inputs }) => given.call?.(token, inputs) ?? inputs,
    },
    given.project ?? "postgres-fleet",
    given.stack ?? "test",
    false,
  );
  await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, opts }) => {
      options.set(`${type} ${name}`, opts);
      return undefined;
    });
    await build();
  });
  // Waits for registrations that are under way.
  await pulumi.runtime.disconnect();
  return found;
}

function chosen({
  deleteBeforeReplace,
  ignoreChanges,
  replacementTrigger,
  additionalSecretOutputs,
}: pulumi.CustomResourceOptions): Registered["options"] {
  const all = { deleteBeforeReplace, ignoreChanges, replacementTrigger, additionalSecretOutputs };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const isSecret = (value: unknown): value is { value: unknown } =>
  typeof value === "object" && value !== null && "value" in value && Object.keys(value).length === 2;

/** Secrets come wrapped: the value, beside a key that says so. */
function plain(inputs: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, isSecret(value) ? value.value : value]));
}
