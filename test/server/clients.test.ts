/**
 * Clients that applications use, from npm, against real servers with the options that `pgfleet clients --for …` prints:
 * reads, writes, prepared statements and migrations.
 */

import { rmSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, snippet } from "../../cli/clients/snippets.ts";
import { clientEndpoint } from "../../infra/clients.ts";
import { programVersion } from "../../infra/platforms/program-version.ts";
import { DEFAULT_PGBOUNCER_VERSION } from "../../infra/rendering/pgbouncer.ts";
import { config } from "../config/support.ts";
import { type ClientFolder, clientFolder, installedClients } from "./support/clients.ts";
import { RenderedFleet } from "./support/rendered-fleet.ts";

const fleet = new RenderedFleet(
  config({
    version: 15,
    memory: "1GB",
    connections: 60,
    hosts: {
      db1: { role: "primary", address: "127.0.94.1" },
      db2: { role: "replica", address: "127.0.94.2" },
      pool1: { role: "pooler", address: "127.0.94.3" },
    },
    databases: { shop: { owner: "own" }, blog: { owner: "own" } },
    roles: {
      own: { access: "owner", login: false },
      mig: { access: "migration" },
      app: { access: "readwrite" },
    },
    allowedNetworks: ["127.0.0.0/8"],
    pooler: { poolSize: 4, reservePoolSize: 0 },
  }),
);
const installed = fleet.missing.length === 0 ? await installedClients() : undefined;
const reason = fleet.missing.length > 0 ? `missing ${fleet.missing}` : "npm gave no clients";
const version = programVersion(fleet.layout("pool1").programs.pgbouncer) ?? DEFAULT_PGBOUNCER_VERSION;
const endpoint = (role: string, database: string) => clientEndpoint(fleet.spec, role, database, 1, version);

describe.skipIf(!installed)(`clients from npm${installed ? "" : `: SKIPPED, ${reason}`}`, () => {
  const folders: string[] = [];
  beforeAll(() => fleet.start());
  afterAll(async () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    await fleet.stop();
  });

  /** What is printed for a client and role; a migration has a password of its own. */
  const printed = (client: Client, role: string, database = "shop"): string =>
    snippet(client, endpoint(role, database)).replaceAll(
      "DB_PASSWORD",
      role === "mig" ? "MIG_PASSWORD" : "DB_PASSWORD",
    );
  const secrets = (): Record<string, string> => ({
    DB_PASSWORD: fleet.passwords.app!,
    MIG_PASSWORD: fleet.passwords.mig!,
    // See schema.prisma.
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
  });
  function place(settings: string): ClientFolder {
    const made = clientFolder(installed!, { "settings.ts": settings, "root.crt": fleet.authority });
    folders.push(made.folder);
    return made;
  }

  test("node-postgres", async () => {
    const { readWrite } = endpoint("mig", "shop");
    const [{ address, port }] = readWrite.hosts as [(typeof readWrite.hosts)[number]];
    const migration = new pg.Client({
      host: address,
      port,
      user: "mig",
      password: fleet.passwords.mig!,
      database: readWrite.database,
      ssl: { ca: fleet.authority, host: address },
    });
    await migration.connect();
    await migration.query("BEGIN; CREATE TABLE notes_pg (id serial PRIMARY KEY, text text NOT NULL); COMMIT");
    await migration.end();
    const found = await place(printed("node-postgres", "app")).report("node-postgres.mjs", secrets());
    expect(found).toEqual({
      read: "written",
      replica: true,
      refused: expect.stringContaining("read-only transaction"),
      undone: 0,
      many: true,
      // As the notes of `pgfleet clients` say of this PgBouncer.
      kept: endpoint("app", "shop").preparedStatements ? "none" : expect.stringContaining("prepared statement"),
    });
  });

  test("TypeORM, migrations through the pooler too", async () => {
    const options = (name: string, role: string): string =>
      printed("typeorm", role).replace("new DataSource(", `export const ${name} = (`).concat(";");
    const settings = [
      `import { readFileSync } from "node:fs";`,
      options("applicationOptions", "app"),
      options("migrationOptions", "mig"),
    ].join("\n");
    expect(await place(settings).report("typeorm.mjs", secrets())).toEqual({
      migrations: { first: ["Notes1700000000000"], second: 0, pending: false },
      read: "written",
      replica: { master: false, slave: true },
      undone: "rolled back",
      left: 0,
      many: true,
    });
  });

  test("Prisma, migrations on the primary itself", { timeout: 600_000 }, async () => {
    const code = (role: string): string => printed("prisma", role, "blog").split("\n# Prisma up to 6")[0]!;
    const migration = place(code("mig"));
    // Settings import the client, so it is there first.
    await migration.prisma(["generate"], secrets());
    expect(await migration.prisma(["migrate", "deploy"], secrets())).toContain(
      "migrations have been successfully applied",
    );
    expect(await migration.prisma(["migrate", "deploy"], secrets())).toContain("No pending migrations to apply");
    expect(await migration.prisma(["migrate", "status"], secrets())).toContain("Database schema is up to date");

    const application = place(code("app"));
    await application.prisma(["generate"], secrets());
    expect(await application.report("prisma.mjs", secrets())).toEqual({
      read: "written",
      replica: { writer: false, reader: true },
      refused: expect.stringMatching(/read-only transaction|25006/),
      undone: "rolled back",
      left: 0,
      many: true,
    });
  });
});
