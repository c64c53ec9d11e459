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
