import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { splitByDriver } from "../../infra/catalog.ts";
import { CatalogResources } from "../../infra/components/catalog.ts";
import { config, specOf } from "../config/support.ts";
import { record } from "../support/record.ts";

const { spec } = specOf(
  config({
    objects: { driver: "provider" },
    databases: { shop: { owner: "own", extensions: ["hstore"], schemas: ["audit"] } },
    roles: {
      app: { access: "readwrite", alternate: "app_b" },
      own: { access: "owner", login: false },
      mig: { access: "migration" },
      watch: { access: "monitoring" },
    },
    monitoring: {},
    hosts: {
      db1: { role: "primary", address: "127.0.10.1" },
      mon1: { role: "monitoring", address: "127.0.10.2" },
    },
  }),
);
const split = splitByDriver(spec);
const registered = await record(() => {
  const verifiers = Object.fromEntries(
    Object.keys(split.provider!.roles).map((name) => [name, `SCRAM-SHA-256$${name}`]),
  );
  new CatalogResources("main", { catalog: split.provider!, verifiers: pulumi.secret(verifiers) });
});
const of = (kind: string) => registered.filter(({ type }) => type.endsWith(`:${kind}`));

describe("driver provider", () => {
  test("the project's own roles stay with the host, the declared ones go to the provider", () => {
    expect(Object.keys(split.host.roles)).toEqual(["pgfleet_replicator", "pgfleet_exporter"]);
    expect(split.host).toMatchObject({ databases: {}, monitors: ["pgfleet_exporter"] });
    expect(
      of("Role")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["app", "app_b", "mig", "own", "watch"]);
  });

  test("roles carry verifiers, never passwords; without login they have none", () => {
    const passwords = Object.fromEntries(
      of("Role").map(({ name, inputs }) => [name, JSON.stringify(inputs.password) ?? null]),
    );
    expect(passwords.own).toBeNull();
    expect(passwords.app).toContain("SCRAM-SHA-256$app");
  });

  test("nothing that holds data or owns it is dropped because a line went away", () => {
    for (const kind of ["Role", "Database", "Schema", "Extension"]) {
      expect(of(kind).length).toBeGreaterThan(0);
      for (const resource of of(kind)) expect(resource.retainOnDelete, `${kind} ${resource.name}`).toBe(true);
    }
  });

  test("PUBLIC is let into no database and makes nothing in schema public", () => {
    const everyone = of("Grant").filter(({ inputs }) => inputs.role === "public");
    expect(everyone.map(({ inputs }) => [inputs.objectType, inputs.database, inputs.privileges])).toEqual([
      ["database", "shop", []],
      ["schema", "shop", ["USAGE"]],
    ]);
  });

  test("later tables have the rights of those that are there", () => {
    const key = ({ inputs }: (typeof registered)[number]): string =>
      [inputs.schema, inputs.role, inputs.objectType, inputs.privileges].join(" ");
    const now = of("Grant").filter(({ inputs }) => ["table", "sequence"].includes(inputs.objectType as string));
    expect(now.length).toBe(4);
    expect(of("DefaultPrivileges").map(key).sort()).toEqual(now.map(key).sort());
    for (const { inputs } of of("DefaultPrivileges")) expect(inputs.owner).toBe("own");
  });
});
