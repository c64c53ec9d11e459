/**
 * Both drivers of the catalog through the real engine and its SDKs: the same declarations, one after the other, give the
 * same catalogs. The plugin of @pulumi/postgresql is stood in for by one that runs the same SQL (test/fakes/postgresql).
 */

import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostAt } from "../../provider/host.ts";
import { select } from "../../provider/postgres/sql.ts";
import { type Dump, dumpCatalog } from "../server/support/catalog.ts";
import { ROOT, TestFleet } from "./support/fleet.ts";
import { counts } from "./support/observe.ts";

const DRIVERS = ["host", "provider"] as const;
type Driver = (typeof DRIVERS)[number];
const fleets = {} as Record<Driver, TestFleet>;

type Roles = Record<string, Record<string, unknown>>;
const roles: Roles = {
  own: { access: "owner", login: false },
  mig: { access: "migration" },
  app: { access: "readwrite", databases: ["shop"], alternate: "app_b", connectionLimit: 9 },
  reports: { access: "readonly", validUntil: "2031-02-03T04:05:06Z" },
  auditor: { access: "none", grants: { shop: { audit: { tables: ["SELECT"], create: true } } } },
  watch: { access: "monitoring" },
  stream: { access: "replication" },
};
const shop = { owner: "own", schemas: ["audit"], extensions: ["hstore"], connectionLimit: 40 };
const declarations: [what: string, declared: { roles: Roles; databases: Record<string, object> }][] = [
  ["made from nothing", { roles, databases: { shop } }],
  [
    "more of everything",
    {
      roles: {
        ...roles,
        app: {
          ...roles.app,
          connectionLimit: 12,
          parameters: { statement_timeout: 30000, search_path: "audit, public" },
        },
        reports: { access: "readonly", memberOf: ["pg_read_all_settings"] },
        auditor: {
          access: "none",
          grants: { shop: { audit: { tables: ["SELECT", "INSERT"], sequences: ["USAGE"] } } },
        },
        second: { access: "readonly", databases: ["stock"] },
      },
      databases: { shop: { ...shop, schemas: ["audit", "more"], connectionLimit: 60 }, stock: { owner: "own" } },
    },
  ],
  [
    "rights and parameters taken back",
    {
      roles: {
        ...roles,
        app: { ...roles.app, parameters: { statement_timeout: 10000 } },
        auditor: { access: "none", grants: { shop: { audit: { tables: ["SELECT"] } } } },
        second: { access: "readonly", databases: ["stock"], connectionLimit: 3 },
      },
      databases: { shop: { ...shop, schemas: ["audit", "more"] }, stock: { owner: "own", connectionLimit: 5 } },
    },
  ],
];

beforeAll(() => {
  for (const driver of DRIVERS) {
    const fleet = new TestFleet(`drv${driver}`, { objects: { driver } });
    const { db1 } = fleet.config.hosts;
    fleet.config.hosts = { db1: db1! };
    if (driver === "provider") {
      // Ambient plugins are found on PATH.
      fleet.env.PATH = `${path.join(ROOT, "test/fakes/postgresql")}:${process.env.PATH}`;
      // Through the socket of the one host there is, as the superuser: nothing else is there before the first `up`.
      fleet.config["postgresql:host"] = path.join(fleet.home("db1"), "run");
      fleet.config["postgresql:username"] = "postgres";
    }
    fleets[driver] = fleet;
  }
});

afterAll(async () => {
  for (const driver of DRIVERS) await fleets[driver]?.remove();
});

async function catalogOf(fleet: TestFleet, databases: string[]): Promise<Dump> {
  const at = { platform: "local", host: "db1", address: fleet.address(1), user: "postgres" } as const;
  const host = hostAt({ ...at, home: fleet.home("db1"), run: path.join(fleet.home("db1"), "run") });
  const binDirectory = `/usr/lib/postgresql/${fleet.config.version}/bin`;
  const rows = <T>(query: string, database = "postgres"): Promise<T[]> =>
    select({ host, port: 5432, binDirectory, database }, query, AbortSignal.timeout(60_000));
  const { verifiers, ...dump } = await dumpCatalog({ rows }, databases);
  // Passwords are each fleet's own: what counts is who has one.
  const has = (verifiers as { rolname: string; rolpassword: string | null }[]).map(
    ({ rolname, rolpassword }) => `${rolname} ${rolpassword?.split("$")[0] ?? "none"}`,
  );
  return { ...dump, verifiers: has };
}

describe.each(declarations)("%s", (what, declared) => {
  const dumps: Partial<Record<Driver, Dump>> = {};
  const migrate = (fleet: TestFleet): void => {
    if (what !== "made from nothing") return;
    // What the owner makes has the rights that the declaration gives by default.
    const made = "CREATE TABLE orders (id serial); CREATE TABLE audit.log (id serial);";
    fleet.sql("db1", `SET SESSION AUTHORIZATION mig; SET ROLE own; ${made}`, "shop");
  };

  it.each(DRIVERS)("driver %s makes it, and finds nothing to do after", async (driver) => {
    const fleet = fleets[driver];
    Object.assign(fleet.config, declared);
    await fleet.up();
    migrate(fleet);
    dumps[driver] = await catalogOf(fleet, Object.keys(declared.databases));
    const again = await fleet.up();
    expect(Object.keys(counts(again)), again).toEqual(["unchanged"]);
    expect(await catalogOf(fleet, Object.keys(declared.databases))).toEqual(dumps[driver]);
  });

  it("the catalogs are the same", () => {
    expect(Object.keys(dumps)).toHaveLength(2);
    expect(dumps.provider).toEqual(dumps.host);
  });
});
