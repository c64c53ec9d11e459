/** Databases: who owns them, and what is in them before an application comes. */

import { z } from "zod";
import {
  databaseNameProblem,
  extensionNameProblem,
  extensionPattern,
  identifierPattern,
  schemaNameProblem,
} from "../names.ts";
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
        extensionSchemas: key(z.record(z.string(), z.string()).prefault({}), {
          shape: "a map of names under `extensions` to `public` or names under `schemas`",
          example: "{ uuid-ossp: extensions }",
          about: "Schema that an extension is in; it is moved there when it is elsewhere.",
          default: "public for each of them",
        }),
        schemas: key(z.array(text(schemaNameProblem, identifierPattern)).prefault([]), {
          shape: "a list of names",
          example: "[audit, extensions]",
          about: "Schemas beside `public`. They are made for the owner, and `access` of roles reaches into them.",
        }),
        connectionLimit: key(integer(-1, 262143).default(-1), {
          shape: "a whole number from -1 (no limit) to 262143",
          example: "80",
          about: "How many sessions the database may have at once, superusers not counted; -1 is no limit.",
        }),
        allowConnections: key(z.boolean().default(true), {
          shape: "true or false",
          example: "false",
          about: "Whether anybody may connect; false closes it and keeps its data.",
        }),
      }),
    )
    .prefault({}),
  {
    shape: "a map of database names to databases",
    example: "{ broxiva: { owner: broxiva_owner } }",
    about:
      "Databases that exist. A name is small letters, digits and _, at most 63 bytes. One that is taken out of here is left as it is: nothing in a stack file drops data.",
  },
);
