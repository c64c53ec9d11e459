/** Rules that are right: what becomes of them, and what is said about exceptions. */

import { expect, test } from "vitest";
import { config, fleet, specOf } from "./support.ts";

const raw = (more: object) =>
  config({
    platform: "existing",
    hosts: {
      db1: { role: "primary", address: "10.0.0.1" },
      db2: { role: "replica", address: "10.0.0.2" },
    },
    databases: { shop: { owner: "own" } },
    roles: { own: { access: "owner", login: false }, app: { access: "readwrite", alternate: "app_b" } },
    ...more,
  });

test("one text or a list, defaults filled in, twice the same network once", () => {
  const { spec, warnings } = specOf(
    raw({
      adminNetworks: ["10.9.0.0/24"],
      hba: [{ database: "shop", user: ["app", "+own"], from: ["admin", "10.1.0.0/16"] }],
      ident: [{ map: "people", osUser: "anna", role: "app" }],
    }),
  );
  expect(spec.hba).toEqual([
    {
      index: 0,
      databases: ["shop"],
      users: ["app", "+own"],
      from: ["admin", "10.1.0.0/16"],
      method: "scram-sha-256",
      options: {},
      order: 600,
    },
  ]);
  expect(spec.adminNetworks).toEqual(["10.9.0.0/24"]);
  expect(spec.ident).toEqual([{ map: "people", osUser: "anna", role: "app" }]);
  expect(warnings).toEqual([]);
});

test("an exception allows what it is for, and is said out loud; one for nothing is said too", () => {
  const rule = { database: "shop", user: "app", from: "10.1.0.0/16" };
  const { warnings } = specOf(
    raw({
      hba: [
        { ...rule, method: "md5", exception: "old appliance" },
        { ...rule, from: "0.0.0.0/0", exception: "open house", order: 601 },
        { ...rule, from: "10.2.0.0/16", exception: "no reason", order: 500 },
      ],
    }),
  );
  expect(warnings).toEqual([
    "hba[0] lets app in by exception: old appliance",
    "hba[1] lets app in by exception: open house",
    "hba[2].exception is not needed: the rule allows nothing weak. Remove it.",
  ]);
});

test("a narrow refusal before a wide rule, and rules for other members, are no contradiction", () => {
  const rule = { database: "shop", user: "app", from: "10.0.0.0/8" };
  const hba = [
    { ...rule, from: "10.6.6.0/24", method: "reject" },
    { ...rule, hosts: ["db1"] },
    { ...rule, hosts: ["db2"], method: "reject" },
  ];
  expect(specOf(raw({ hba })).spec.hba).toHaveLength(3);
});

test("pools of the config reach the spec; sizes count as given only when they are there", () => {
  const withPooler = (pooler: object) =>
    specOf(
      config({
        hosts: fleet(),
        databases: { shop: { owner: "own" } },
        roles: { own: { access: "owner", login: false }, app: { access: "readwrite" } },
        pooler,
      }),
    ).spec.pooler!;
  expect(withPooler({})).not.toHaveProperty("sizesGiven");
  expect(withPooler({ reservePoolSize: 5 })).toMatchObject({ sizesGiven: true, poolSize: 20, reservePoolSize: 5 });
  expect(
    withPooler({ processes: 2, databases: { shop_ro: { maxConnections: 9 } }, users: { app: { maxConnections: 3 } } }),
  ).toMatchObject({
    processes: 2,
    databases: { shop_ro: { maxConnections: 9 } },
    users: { app: { maxConnections: 3 } },
  });
});
