/** Databases, roles, secrets, and who may connect. */

import { z } from "zod";
import {
  databaseNameProblem,
  extensionNameProblem,
  extensionPattern,
  identifierPattern,
  roleNameProblem,
  secretNameProblem,
} from "../names.ts";
import { networkProblem } from "../network.ts";
import { integer, key, text } from "./key.ts";

export const databases = key(
  z
    .record(
      text(databaseNameProblem, identifierPattern),
      z.strictObject({
        owner: key(z.string(), {
          shape: "the name of a role under `roles`",
          example: "broxiva_owner",
          about: "Role that owns the database and what is made in it.",
        }),
        extensions: key(z.array(text(extensionNameProblem, extensionPattern)).prefault([]), {
          shape: "a list of extension names",
          example: "[pg_stat_statements, uuid-ossp]",
          about: "Extensions installed in the database.",
        }),
      }),
    )
    .prefault({}),
  {
    shape: "a map of database names to databases",
    example: "{ broxiva: { owner: broxiva_owner } }",
    about: "Databases that exist. A name is small letters, digits and _, at most 63 bytes.",
  },
);

export const roles = key(
  z
    .record(
      text(roleNameProblem, identifierPattern),
      z.strictObject({
        access: key(z.enum(["owner", "readwrite", "readonly"]), {
          shape: "one of owner, readwrite, readonly",
          example: "readwrite",
          about: "What the role may do in each database: make and change tables, read and write rows, or read.",
          spellings: { rw: "readwrite", write: "readwrite", ro: "readonly", read: "readonly", admin: "owner" },
        }),
        login: key(z.boolean().default(true), {
          shape: "true or false",
          example: "false",
          about: "Whether it can log in.",
        }),
        connectionLimit: key(integer(-1, 262143).default(-1), {
          shape: "a whole number from -1 (no limit) to 262143",
          example: "50",
          about: "How many sessions it may have at once; -1 is no limit.",
        }),
        passwordSecret: key(z.string().optional(), {
          shape: "the name of an entry under `secrets`",
          example: "broxiva_app",
          about: "Entry under `secrets` that holds the password.",
          default: "a password is generated once and kept",
          sensitive: true,
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

export const secrets = key(
  z
    .record(
      text(secretNameProblem, identifierPattern),
      key(z.string(), {
        shape: "an encrypted text",
        example: "{ secure: AAABAO… }",
        about:
          "Written by `pulumi config set --secret --path 'postgres-fleet:secrets.NAME'`, which asks for the value.",
        sensitive: true,
      }),
    )
    .prefault({}),
  {
    shape: "a map of names to encrypted texts",
    example: "{ broxiva_app: { secure: AAABAO… } }",
    about:
      "Secrets that other keys name. Each entry is encrypted on its own; the only place where encrypted values are allowed.",
    sensitive: true,
  },
);

export const allowedNetworks = key(z.array(text(networkProblem)).prefault([]), {
  shape: "a list of networks (CIDR)",
  example: "[10.20.0.0/16, fd00:20::/64]",
  about:
    "Networks that application roles may connect from, besides the fleet's own hosts. 0.0.0.0/0 and ::/0 are refused.",
});

export const stateDir = key(text(stateDirProblem).optional(), {
  shape: "an absolute path",
  example: "/var/lib/pgfleet/local",
  about:
    "Platform local only: folder that holds the hosts' files and data. Keep it short: the path of a unix socket has at most 107 bytes.",
  default: "/var/lib/pgfleet/<stack> as root, else a folder inside the project",
});

function stateDirProblem(value: string): string | undefined {
  const shown = JSON.stringify(value.slice(0, 60));
  if (!value.startsWith("/")) return `${shown} is not an absolute path; write e.g. "/var/lib/pgfleet/local".`;
  if (!/^[A-Za-z0-9._/+@=-]+$/.test(value))
    return `${shown} has characters that not every config file can hold; use letters, digits and . _ - + @ = only.`;
  const parts = value.split("/").filter((part) => part !== "");
  if (parts.includes("..") || parts.includes(".")) return `${shown} has a . or .. in it; write the path out.`;
  if (parts.length < 2)
    return `${shown} is a folder of the system; name one of its own below it, e.g. "/var/lib/pgfleet/local".`;
  return undefined;
}
