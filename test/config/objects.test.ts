import { describe, expect, test } from "vitest";
import { catalogObjects, credentialNames } from "../../infra/fleet.ts";
import { config, specOf } from "./support.ts";

const base = {
  databases: { shop: { owner: "own", schemas: ["audit"] }, stock: { owner: "own" } },
  roles: { own: { access: "owner", login: false } },
};
const catalogOf = (roles: object, more: object = {}) =>
  catalogObjects(specOf(config({ ...base, ...more, roles: { ...base.roles, ...roles } })).spec);

describe("what is declared about roles becomes the catalog", () => {
  test("a role with only access is as it always was", () => {
    const { spec } = specOf(config({ ...base, roles: { ...base.roles, app: { access: "readwrite" } } }));
    expect(spec.roles[0]).toEqual({
      name: "app",
      login: true,
      connectionLimit: -1,
      access: "readwrite",
      password: { kind: "generated" },
    });
    const { roles, databases } = catalogObjects(spec);
    expect(roles.app).toEqual({
      login: true,
      replication: false,
      connectionLimit: -1,
      validUntil: "infinity",
      memberOf: [],
      parameters: {},
    });
    const rights = {
      create: false,
      tables: ["SELECT", "INSERT", "UPDATE", "DELETE"],
      sequences: ["USAGE", "SELECT"],
      functions: [],
    };
    expect(databases.shop).toMatchObject({ connect: ["app"], rights: { app: { public: rights, audit: rights } } });
    expect(databases.stock!.rights).toEqual({ app: { public: rights } });
  });

  test("each purpose has its rights and no others", () => {
    const { roles, databases, monitors } = catalogOf({
      mig: { access: "migration" },
      watch: { access: "monitoring", databases: ["shop"] },
      stream: { access: "replication" },
      nobody: { access: "none" },
      guest: { access: "none", databases: ["stock"] },
    });
    expect(roles.mig).toMatchObject({ memberOf: ["own"], parameters: { role: "own" } });
    expect(roles.watch!.memberOf).toEqual(["pg_monitor"]);
    expect(monitors).toEqual(["watch"]);
    expect(
      Object.entries(roles)
        .filter(([, role]) => role.replication)
        .map(([name]) => name),
    ).toEqual(["stream", "pgfleet_replicator"]);
    expect(databases.shop!.connect).toEqual(["mig", "watch"]);
    expect(databases.stock!.connect).toEqual(["guest", "mig"]);
    expect(databases.shop!.rights).toEqual({});
  });

  test("grants add to access", () => {
    const { databases } = catalogOf({
      app: {
        access: "readonly",
        databases: ["shop"],
        grants: { shop: { audit: { tables: ["INSERT"], create: true } }, stock: { public: {} } },
      },
    });
    expect(databases.shop!.rights.app!.audit).toEqual({
      create: true,
      tables: ["SELECT", "INSERT"],
      sequences: ["SELECT"],
      functions: [],
    });
    expect(databases.shop!.rights.app!.public!.create).toBe(false);
    expect(databases.stock!.connect).toEqual(["app"]);
  });
});

describe("a pair of logins", () => {
  const versions = (passwordVersion: number) => {
    const { spec } = specOf(
      config({
        ...base,
        roles: {
          ...base.roles,
          app: {
            access: "readwrite",
            alternate: "app_b",
            passwordVersion,
            validUntil: "2030-01-01T00:00:00Z",
            parameters: { work_mem: "8MB" },
          },
        },
      }),
    );
    expect(credentialNames(spec)).toEqual(expect.arrayContaining(["app", "app_b"]));
    return spec.roles.filter((role) => role.login).map((role) => [role.name, role.passwordVersion ?? 1]);
  };

  test("one step of the version gives a new password to one of them, in turns", () => {
    expect([1, 2, 3, 4].map((version) => versions(version))).toEqual([
      [
        ["app", 1],
        ["app_b", 0],
      ],
      [
        ["app", 1],
        ["app_b", 2],
      ],
      [
        ["app", 3],
        ["app_b", 2],
      ],
      [
        ["app", 3],
        ["app_b", 4],
      ],
    ]);
  });

  test("the second login has what the first has", () => {
    const { roles, databases } = catalogOf({
      app: {
        access: "readwrite",
        alternate: "app_b",
        connectionLimit: 7,
        validUntil: "2030-01-01T00:00:00Z",
        parameters: { work_mem: "8MB" },
      },
    });
    expect(roles.app_b).toEqual({ ...roles.app, memberOf: ["app"] });
    expect(databases.shop!.connect).toEqual(["app"]);
  });
});

test("a time without quotes means the same in every program that reads the stack file", () => {
  const until = (validUntil: string) =>
    specOf(config({ ...base, roles: { ...base.roles, app: { access: "readwrite", validUntil } } })).spec.roles.find(
      ({ name }) => name === "app",
    )!.validUntil;
  // YAML reads it as a time, and the engine writes that out in its own way.
  expect(until("2027-06-30 12:00:00 +0000 UTC")).toBe("2027-06-30T12:00:00Z");
  expect(until("2027-06-30 12:00:00 +0230 +0230")).toBe("2027-06-30T12:00:00+02:30");
  expect(until("2027-06-30T12:00:00Z")).toBe("2027-06-30T12:00:00Z");
});
