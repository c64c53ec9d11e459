/** Hosts, and the sizes that are defaults for all of them. */

import { z } from "zod";
import { hostNamePattern, hostNameProblem } from "../names.ts";
import { hostSize, hostVolume } from "./aws.ts";
import { integer, key, quantity, text } from "./key.ts";
import { parameters } from "./parameters.ts";
import { hostProtect } from "./safety.ts";
import { hostSsh } from "./ssh.ts";

export const maxMemoryMb = 64 * 1024 * 1024;
export const maxDiskMb = 1024 * 1024 * 1024;

/** Default sizes of hosts that run no server, when nothing is set anywhere. */
export const helperHost = { memoryMb: 512, cpus: 1, diskMb: 10 * 1024 } as const;

const sizes = {
  memory: {
    shape: "a size from 256MB to 64TB (hosts without a server: from 64MB)",
    example: "32GB",
    quantity: "memory",
  },
  cpus: { shape: "a whole number from 1 to 1024", example: "8" },
  disk: { shape: "a size from 1GB to 1024TB", example: "500GB", quantity: "disk" },
  storage: { shape: "one of hdd, ssd, nvme, san", example: "nvme" },
} as const;
const inherited = "the key of the same name at the top";
const storageKinds = z.enum(["hdd", "ssd", "nvme", "san"]);
const storageSpellings = { gp3: "ssd", gp2: "ssd", ebs: "ssd", io2: "ssd", disk: "hdd", sata: "hdd" };

export const memory = key(quantity("memory").optional(), {
  ...sizes.memory,
  about: "RAM that a host may plan with; every setting that depends on memory follows from it. Default for all hosts.",
  default: "none for members; 512MB for pooler and monitoring hosts",
});
export const cpus = key(integer(1, 1024).optional(), {
  ...sizes.cpus,
  about: "CPU cores of a host. Default for all hosts.",
  default: "none for members; 1 for pooler and monitoring hosts",
});
export const disk = key(quantity("disk").optional(), {
  ...sizes.disk,
  about: "Size of the volume that holds data and WAL. Default for all hosts.",
  default: "none for members; 10GB for pooler and monitoring hosts",
});
export const storage = key(storageKinds.default("ssd"), {
  ...sizes.storage,
  about: "Kind of that volume. Default for all hosts.",
  spellings: storageSpellings,
});

/** What asks for something once, by being new. Read as text. The engine takes a bare YAML date for a point in time and gives "2026-03-01 00:00:00 +0000 UTC". */
const newValue = z
  .union([z.string(), z.number()])
  .transform((given) =>
    String(given)
      .replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) \+0000 UTC$/, "$1T$2Z")
      .replace(/^(\d{4}-\d\d-\d\d)T00:00:00Z$/, "$1"),
  )
  .pipe(
    text((value) =>
      /^[A-Za-z0-9._:+-]{1,63}$/.test(value)
        ? undefined
        : `must be a number or a word (letters, digits and . _ : + -, at most 63 characters), but is ${JSON.stringify(value.slice(0, 60))}. A date or a counter says best when it was asked for, e.g. 2026-03-01.`,
    ),
  );

export const host = z.strictObject({
  role: key(z.enum(["primary", "replica", "pooler", "monitoring"]), {
    shape: "one of primary, replica, pooler, monitoring",
    example: "replica",
    about: "What the host is for. Exactly one host is primary; primary and replicas are the members of the cluster.",
    spellings: {
      master: "primary",
      leader: "primary",
      slave: "replica",
      standby: "replica",
      secondary: "replica",
      pgbouncer: "pooler",
      pool: "pooler",
      prometheus: "monitoring",
      monitor: "monitoring",
    },
  }),
  address: key(z.string(), {
    shape: "an IPv4 address",
    example: "10.20.0.11",
    about:
      "Address its services listen on, used by no other host. On platform local one of 127.0.0.0/8 other than 127.0.0.1.",
  }),
  memory: key(quantity("memory").optional(), {
    ...sizes.memory,
    about: "RAM this host may plan with.",
    default: inherited,
  }),
  cpus: key(integer(1, 1024).optional(), { ...sizes.cpus, about: "CPU cores of this host.", default: inherited }),
  disk: key(quantity("disk").optional(), {
    ...sizes.disk,
    about: "Size of this host's volume for data and WAL.",
    default: inherited,
  }),
  storage: key(storageKinds.optional(), {
    ...sizes.storage,
    about: "Kind of this host's volume.",
    default: inherited,
    spellings: storageSpellings,
  }),
  size: hostSize,
  volume: hostVolume,
  replace: key(newValue.optional(), {
    shape: "a number or a word: letters, digits and . _ : + -, at most 63 characters",
    example: "2026-03-01",
    about:
      "Platform aws: any new value asks for a new machine, on which the data volume stays. Taking the line away does nothing.",
    default: "none",
  }),
  ssh: hostSsh,
  upstream: key(z.string().optional(), {
    shape: "the name of another replica",
    example: "db2",
    about: "Replica that this one streams from (a cascade), so that the primary sends its WAL fewer times.",
    default: "the primary",
  }),
  reclone: key(newValue.optional(), {
    shape: "a number or a word: letters, digits and . _ : + -, at most 63 characters",
    example: "2026-03-01",
    about:
      "Any new value asks for new data: the replica is stopped, its data is kept aside, and it is cloned again. Taking the line away does nothing.",
    default: "none",
  }),
  protect: hostProtect,
  parameters: key(parameters.prefault({}), {
    shape: "a map of PostgreSQL parameters to values",
    example: "{ work_mem: 64MB }",
    about:
      "PostgreSQL parameters of this member only, over those of the cluster. The five that a standby may not have smaller than its primary are refused here.",
  }),
});

export const hosts = key(z.record(text(hostNameProblem, hostNamePattern), host), {
  shape: "a map of host names to hosts",
  example: "{ db1: { role: primary, address: 10.20.0.11 } }",
  about: "The hosts of the fleet. A host's name is small letters, digits and -, a letter first, at most 40 characters.",
  whenMissing:
    "Name at least the primary, e.g.\n  postgres-fleet:hosts:\n    db1: { role: primary, address: 127.0.10.1 }",
});

export const primary = key(z.string().optional(), {
  shape: "the name of a host with role replica",
  example: "db2",
  about: "Names the primary when no host has role primary: then a switchover is a change of this one line.",
  default: "the host with role primary",
});
