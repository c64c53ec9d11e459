/** Both drivers, one declaration: the catalogs are the same. The provider's plugin is stood in for by the SQL it runs. */

import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalogObjects, splitByDriver } from "../../infra/catalog.ts";
import { CatalogResources } from "../../infra/components/catalog.ts";
import type { DatabaseObjectsInputs } from "../../infra/resources.ts";
import { scramVerifier } from "../../provider/postgres/scram.ts";
import { databaseObjects } from "../../provider/resources/database-objects.ts";
import { config, specOf } from "../config/support.ts";
import { createScript } from "../fakes/postgresql/sql.ts";
import { record } from "../support/record.ts";
import { type Bare, bareServer, binaries, dumpCatalog, inputsFor, listening } from "./support/catalog.ts";

const declaration = (driver: "host" | "provider") =>
  config({
    objects: { driver },
    databases: {
      shop: {
        owner: "own",
        schemas: ["audit", "ext"],
        extensions: ["hstore", "earthdistance"],
        extensionSchemas: { hstore: "ext" },
        connectionLimit: 40,
      },
      stock: { owner: "own" },
    },
    roles: {
      own: { access: "owner", login: false },
      mig: { access: "migration" },
      app: {
        access: "readwrite",
        databases: ["shop"],
        alternate: "app_b",
        connectionLimit: 9,
        parameters: { statement_timeout: 30000, search_path: '"$user", audit, public' },
      },
      reports: { access: "readonly", validUntil: "2031-02-03T04:05:06Z", memberOf: ["pg_read_all_settings"] },
      auditor: {
        access: "none",
        grants: { shop: { audit: { tables: ["SELECT"], sequences: ["USAGE"], functions: ["EXECUTE"], create: true } } },
      },
      watch: { access: "monitoring" },
      stream: { access: "replication" },
    },
  });

let hostDriven: Bare;
let provided: Bare;
beforeAll(async () => {
  const from = (await binaries(15))!;
  [hostDriven, provided] = await Promise.all([bareServer(from), bareServer(from)]);
});
afterAll(async () => {
  await Promise.all([hostDriven?.stop(), provided?.stop()]);
});

test("driver host and driver provider give the same catalog", async () => {
  const { spec } = specOf(declaration("provider"));
  const { host, provider } = splitByDriver(spec);
  const all = catalogObjects(specOf(declaration("host")).spec);
  const verifiers = Object.fromEntries(Object.keys(all.roles).map((name) => [name, scramVerifier(name)]));
  const inputs = (bare: Bare, { roles, ...rest }: typeof all): DatabaseObjectsInputs =>
    inputsFor(bare, {
      ...rest,
      verifiers,
      roles: Object.fromEntries(Object.entries(roles).map(([name, role]) => [name, { ...role, credentialVersion: 1 }])),
    });
  await databaseObjects.create(inputs(hostDriven, all), listening());
  // The project's own roles are the host's business whatever the driver is.
  await databaseObjects.create(inputs(provided, host), listening());
  const registered = await record(() => {
    new CatalogResources("main", { catalog: provider!, verifiers: pulumi.secret(verifiers) });
  });
  expect(registered.length).toBeGreaterThan(30);
  for (const { type, inputs: given } of registered) {
    const { database, script } = createScript(type, given);
    await provided.sql(script, database);
  }
  const migrate =
    "SET SESSION AUTHORIZATION mig; SET ROLE own; CREATE TABLE orders (id serial); CREATE TABLE audit.log (id serial);";
  for (const bare of [hostDriven, provided]) await bare.sql(migrate, "shop");
  expect(await dumpCatalog(provided, ["shop", "stock"])).toEqual(await dumpCatalog(hostDriven, ["shop", "stock"]));
  // And the host driver finds nothing to change in what the other one made.
  const looked = await databaseObjects.read(
    "main",
    { ...inputs(provided, all), drift: [], undeclared: [] },
    inputs(provided, all),
    listening(),
  );
  expect(looked!.outputs).toMatchObject({ drift: [], undeclared: [] });
});
