import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fleetJsonSchema } from "../../infra/config/json-schema.ts";
import { loadStackFile } from "../../infra/config/load.ts";
import { allKeys, configReference } from "../../infra/config/reference.ts";
import { fleetSchema } from "../../infra/config/schema/fleet.ts";

// Both files are made by this test: `npx vitest run --project unit test/config/reference.test.ts -u`.
const docs = new URL("../../docs/config.md", import.meta.url);
const schema = new URL("../../schema/stack.schema.json", import.meta.url);

describe("what is written about the keys follows from the schema", () => {
  test("docs/config.md is current", async () => {
    await expect(configReference()).toMatchFileSnapshot(docs.pathname);
  });

  test("schema/stack.schema.json is current", async () => {
    await expect(`${JSON.stringify(fleetJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(schema.pathname);
  });

  test("the docs name every key", () => {
    const text = configReference();
    const keys = allKeys();
    expect(keys).toEqual(
      expect.arrayContaining([
        "cluster",
        "initdb.walSegmentSize",
        "hosts.<name>.role",
        "pooler.port",
        "roles.<name>.passwordSecret",
      ]),
    );
    for (const key of keys) expect(text).toContain(`| \`${key}\` |`);
    expect(keys.filter((key) => !key.includes("."))).toEqual(Object.keys(fleetSchema.shape));
  });

  test("each key has facts of its own", () => {
    const text = configReference();
    expect(text).toContain("| `pooler.hosts` | a list of host names | the hosts with role pooler |");
    expect(text).toContain("| `monitoring.hosts` | a list of host names | the hosts with role monitoring |");
  });

  test("the first example of the docs is valid", () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(configReference())?.[1] ?? "";
    expect(loadStackFile(example, "example", { stack: "example" })).toMatchObject({ ok: true, warnings: [] });
  });

  test("every example in the tables is valid YAML", async () => {
    const { parse } = await import("yaml");
    const rows = configReference()
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(rows.length).toBe(allKeys().length);
    for (const row of rows) expect(() => parse(`key: ${/\| `([^`]*)` \| [^|]*\|$/.exec(row)?.[1]}`)).not.toThrow();
  });

  test("editors find the schema from every stack file", () => {
    for (const stack of ["local", "prod"]) {
      const first = readFileSync(new URL(`../../Pulumi.${stack}.yaml`, import.meta.url), "utf8").split("\n")[0];
      expect(first).toBe("# yaml-language-server: $schema=./schema/stack.schema.json");
    }
  });

  test("editors see what is required and what is unknown", () => {
    const { config } = fleetJsonSchema().properties as {
      config: {
        required: string[];
        propertyNames: unknown;
        properties: Record<string, { additionalProperties?: unknown }>;
      };
    };
    expect(config.required).toEqual(["cluster", "version", "initdb", "hosts"].map((name) => `postgres-fleet:${name}`));
    expect(JSON.stringify(config.propertyNames)).toContain("postgres-fleet:memory");
    expect(config.properties["postgres-fleet:initdb"]?.additionalProperties).toBe(false);
  });
});
