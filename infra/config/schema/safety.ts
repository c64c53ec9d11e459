/** What a fleet off this machine may not do without saying so. */

import { z } from "zod";
import { key } from "./key.ts";

export const protect = key(z.boolean().optional(), {
  shape: "true or false",
  example: "false",
  about:
    "Whether the engine refuses to delete members, and the whole fleet with `destroy`, until this is false in an `up` before. See docs/production.md.",
  default: "true on every platform but local",
});

export const hostProtect = key(z.boolean().optional(), {
  shape: "true or false",
  example: "false",
  about: "`false`, and an `up`, lets this one host be removed afterwards.",
  default: "the key of the same name at the top",
});
