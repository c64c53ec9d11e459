/** How a change reaches servers that are in use. */

import { z } from "zod";
import { integer, key, quantity } from "./key.ts";

export const rollout = key(
  z
    .strictObject({
      pauseLimit: key(quantity("duration").prefault("5s"), {
        shape: "a duration from 1s to 60s",
        example: "3s",
        about:
          "Longest time that pooled clients wait while the primary restarts, counted from sending PAUSE; whole seconds. After it everything goes back and `up` fails with the session that was in the way.",
        quantity: "duration",
      }),
      pauseTries: key(integer(1, 100).default(3), {
        shape: "a whole number from 1 to 100",
        example: "5",
        about: "How often pausing is tried before `up` fails.",
      }),
      terminateBlockers: key(z.boolean().default(false), {
        shape: "true or false",
        example: "true",
        about: "End sessions whose transaction is older than the limit instead of failing.",
      }),
      cloneRate: key(quantity("rate").optional(), {
        shape: "a size per second from 32kB to 1GB",
        example: "50MB",
        about:
          "Largest rate of one clone, so that copying leaves the source's disk and network to its clients; `pg_basebackup --max-rate`. At most three clones run at once, each at this rate.",
        default: "no limit",
        quantity: "rate",
      }),
    })
    .prefault({}),
  {
    shape: "a map",
    example: "{ pauseLimit: 3s }",
    about: "How a change reaches servers that are in use.",
    default: "the values below",
  },
);

export const gone = key(z.array(z.string()).default([]), {
  shape: "a list of names of former hosts",
  example: "[db4]",
  about:
    "Members that were removed from `hosts`, cannot be reached, and will not come back. Without this, `up` waits for them.",
});
