/** What a fleet off this machine may not do without saying so. */

import { z } from "zod";
import { key } from "./key.ts";

export const state = key(z.enum(["shared", "file"]).default("shared"), {
  shape: "one of shared, file",
  example: "file",
  about:
    "Platforms other than local: where Pulumi's state may be. `shared`: a backend and a secrets provider that do not depend on one machine; a folder, or a passphrase, is refused. `file` allows both, for one operator who backs them up. See docs/production.md.",
  spellings: { local: "file", folder: "file", remote: "shared", s3: "shared", cloud: "shared" },
});

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
