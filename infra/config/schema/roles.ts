/** Roles: who they are for, what they may do, and how they prove who they are. */

import { z } from "zod";
import { identifierPattern, roleNameProblem } from "../names.ts";
import { integer, key, text } from "./key.ts";

/** What is written → what is meant, for privileges in small letters. */
const spelled = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name.toLowerCase(), name]));

function privileges<const T extends readonly [string, ...string[]]>(names: T, what: string) {
  const one = key(z.enum(names), {
    shape: `one of ${names.join(", ")}`,
    example: names[0],
    about: `A right on ${what}.`,
    spellings: spelled(names),
  });
  return key(z.array(one).prefault([]), {
    shape: `a list of ${names.join(", ")}`,
    example: `[${names[0]}]`,
    about: `Rights on all ${what} of the schema, later ones included.`,
  });
}

const grant = z.strictObject({
  create: key(z.boolean().default(false), {
    shape: "true or false",
    example: "true",
    about: "May make objects in the schema.",
  }),
  tables: privileges(["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"], "tables and views"),
  sequences: privileges(["USAGE", "SELECT", "UPDATE"], "sequences"),
  functions: privileges(["EXECUTE"], "functions"),
});

const parameter = key(
  z
    .union([z.string(), z.number(), z.boolean()])
    .transform((given) => (typeof given === "boolean" ? (given ? "on" : "off") : String(given))),
  { shape: "text, a number or true/false", example: "30s", about: "The value as PostgreSQL reads it." },
);

export const roles = key(
  z
    .record(
      text(roleNameProblem, identifierPattern),
      z.strictObject({
        access: key(z.enum(["owner", "migration", "readwrite", "readonly", "monitoring", "replication", "none"]), {
          shape: "one of owner, migration, readwrite, readonly, monitoring, replication, none",
          example: "readwrite",
          about:
            "What it is for. owner: owns databases. migration: logs in and makes what belongs to the owner. readwrite, readonly: rows of every table, later ones included. monitoring: statistics of the server. replication: streams, and no rights on data. none: what `memberOf` and `grants` say.",
          spellings: {
            rw: "readwrite",
            write: "readwrite",
            ro: "readonly",
            read: "readonly",
            admin: "owner",
            migrate: "migration",
            migrations: "migration",
            monitor: "monitoring",
            replica: "replication",
          },
        }),
        login: key(z.boolean().default(true), {
          shape: "true or false",
          example: "false",
          about: "Whether it can log in.",
        }),
        databases: key(z.array(z.string()).optional(), {
          shape: "a list of names under `databases`",
          example: "[broxiva]",
          about: "Databases that `access` is about; it cannot connect to the others.",
          default: "all databases",
        }),
        memberOf: key(z.array(z.string()).prefault([]), {
          shape: "a list of names under `roles`, or of roles that PostgreSQL brings",
          example: "[pg_read_all_settings]",
          about: "Roles whose rights it has too. Memberships that are not in the list are taken away.",
        }),
        grants: key(z.record(z.string(), z.record(z.string(), grant)).prefault({}), {
          shape: "a map of databases to maps of schemas to rights",
          example: "{ broxiva: { audit: { tables: [SELECT] } } }",
          about:
            "Rights on everything in a schema, over what `access` gives: `tables`, `sequences`, `functions` are lists of privileges, `create` lets it make objects.",
        }),
        parameters: key(z.record(z.string(), parameter).prefault({}), {
          shape: "a map of PostgreSQL parameters to values",
          example: "{ statement_timeout: 30s, search_path: 'app, public' }",
          about: "What its sessions begin with. Only parameters that a session can change.",
        }),
        connectionLimit: key(integer(-1, 262143).default(-1), {
          shape: "a whole number from -1 (no limit) to 262143",
          example: "50",
          about: "How many sessions it may have at once; -1 is no limit.",
        }),
        validUntil: key(text(validUntilProblem).optional(), {
          shape: "a date and time with its zone",
          example: "2027-06-30T12:00:00Z",
          about: "When its password stops working; sessions that are open stay.",
          default: "never",
        }),
        passwordSecret: key(z.string().optional(), {
          shape: "the name of an entry under `secrets`",
          example: "broxiva_app",
          about: "Entry under `secrets` that holds the password.",
          default: "a password is generated once and kept",
          sensitive: true,
        }),
        passwordVersion: key(integer(1, 1_000_000).default(1), {
          shape: "a whole number from 1",
          example: "2",
          about:
            "Raised by one, it makes a new password. Without `alternate` the old one stops working; with it, the other of the two logins gets the new one.",
        }),
        alternate: key(text(roleNameProblem, identifierPattern).optional(), {
          shape: "a role name that is not under `roles`",
          example: "broxiva_app_b",
          about:
            "A second login with the same rights, so that two passwords work while applications move: odd versions of the password belong to the role itself, even ones to this name.",
          default: "one login",
        }),
      }),
    )
    .prefault({}),
  {
    shape: "a map of role names to roles",
    example: "{ broxiva_app: { access: readwrite } }",
    about: "Roles of applications and people. A name is small letters, digits and _, at most 63 bytes.",
  },
);

export const removed = key(
  z
    .strictObject({
      roles: key(z.array(z.string()).prefault([]), {
        shape: "a list of names of former roles",
        example: "[broxiva_old]",
        about:
          "Roles to drop. Their rights are taken away; one that owns anything is refused with the list of it, and can no longer log in.",
      }),
    })
    .prefault({}),
  {
    shape: "a map",
    example: "{ roles: [broxiva_old] }",
    about: "What may be dropped. Without a name here, a role that is no longer under `roles` stays in the catalog.",
    default: "nothing",
  },
);

export const objects = key(
  z
    .strictObject({
      driver: key(z.enum(["host", "provider"]).default("host"), {
        shape: "one of host, provider",
        example: "provider",
        about:
          "Who makes databases and roles: host, the project itself through the primary's unix socket; provider, @pulumi/postgresql from where `up` runs, over TCP.",
        spellings: { socket: "host", local: "host", postgresql: "provider", pulumi: "provider" },
      }),
    })
    .prefault({}),
  {
    shape: "a map",
    example: "{ driver: host }",
    about: "How databases, roles and grants are made.",
    default: "the value below",
  },
);

/** PostgreSQL reads many spellings of a time; one that names its zone means the same everywhere. */
function validUntilProblem(value: string): string | undefined {
  const shown = JSON.stringify(value.slice(0, 60));
  const parts = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.exec(value);
  if (!parts) return `${shown} is not a date and time with its zone, e.g. "2027-06-30T12:00:00Z".`;
  const [year, month, day] = parts.slice(1, 4).map(Number) as [number, number, number];
  // Date rolls the 31st of June over to July; PostgreSQL refuses it.
  const exists = day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate() && month >= 1 && month <= 12;
  return exists && !Number.isNaN(Date.parse(value))
    ? undefined
    : `${shown} is not a time that exists, e.g. "2027-06-30T12:00:00Z".`;
}
