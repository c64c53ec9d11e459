/** PostgreSQL parameters that a person sets over what the project derives. */

import { z } from "zod";
import { key } from "./key.ts";

const shape = "text, a number or true/false";

/** Read as PostgreSQL would read it: true → "on", 1.1 → "1.1". */
const value = key(
  z
    .union([z.string(), z.number(), z.boolean()])
    .transform((given) => (typeof given === "boolean" ? (given ? "on" : "off") : String(given))),
  { shape, example: "64MB", about: "The value as PostgreSQL reads it." },
);

export const parameters = z.record(z.string(), value);

export const clusterParameters = key(parameters.prefault({}), {
  shape: "a map of PostgreSQL parameters to values",
  example: "{ work_mem: 64MB, jit: off }",
  about:
    "PostgreSQL parameters of every member, over what is derived. Names, ranges and units are checked against the version.",
});

const poolerValue = key(
  z
    .union([z.string().regex(/^[^\r\n]*$/), z.number(), z.boolean()])
    .transform((given) => (typeof given === "boolean" ? (given ? "1" : "0") : String(given))),
  { shape, example: "256", about: "The value as PgBouncer reads it." },
);

export const poolerParameters = key(z.record(z.string(), poolerValue).prefault({}), {
  shape: "a map of PgBouncer settings to values",
  example: "{ listen_backlog: 256 }",
  about:
    "PgBouncer settings over what the project writes. They are tried in a throw-away process on the pooler's host before they are put in force.",
});
