/** JSON Schema of a stack file, for editors: completion, descriptions, and most mistakes seen while typing. */

import { z } from "zod";
import { fleetSchema } from "./schema/fleet.ts";
import { factsOf } from "./schema/key.ts";
import { namespace } from "./stack-file.ts";

type Json = Record<string, unknown>;

/** Draft 7, which YAML editors know best. Describes the whole file, `config:` and prefixes included. */
export function fleetJsonSchema(): Json {
  const fleet = z.toJSONSchema(fleetSchema, {
    target: "draft-7",
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const facts = factsOf(zodSchema);
      if (facts === undefined) return;
      Object.assign(jsonSchema, {
        description: `${facts.about}\nMust be ${facts.shape}.${facts.default === undefined ? "" : `\nDefault: ${facts.default}.`}\nExample: ${facts.example}`,
      });
    },
  }) as Json & { properties: Record<string, Json>; required: string[] };

  const properties = Object.fromEntries(
    Object.entries(fleet.properties).map(([name, schema]) => [`${namespace}:${name}`, schema]),
  );
  const secrets = properties[`${namespace}:secrets`]!;
  secrets.additionalProperties = {
    description: (secrets.additionalProperties as Json).description,
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
    additionalProperties: false,
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack config of postgres-fleet",
    type: "object",
    required: ["config"],
    properties: {
      config: {
        type: "object",
        properties,
        required: fleet.required.map((name) => `${namespace}:${name}`),
        // Keys of other projects and of providers are theirs; of this project only the known ones.
        propertyNames: { anyOf: [{ enum: Object.keys(properties) }, { not: { pattern: `^${namespace}:` } }] },
      },
    },
  };
}
