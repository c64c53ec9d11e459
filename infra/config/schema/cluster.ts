/** Keys about the cluster as a whole. */

import { z } from "zod";
import { factMajors } from "../../tuning/facts-files.ts";
import { clusterNamePattern, clusterNameProblem } from "../names.ts";
import { integer, key, quantity, text } from "./key.ts";

const majors = factMajors();

export const platform = key(z.enum(["local", "docker", "existing", "aws"]).default("local"), {
  shape: "one of local, docker, existing, aws",
  example: "local",
  about: "Where the hosts are: this machine, containers, machines that exist already, or EC2.",
  spellings: { ec2: "aws", amazon: "aws", ssh: "existing", container: "docker", localhost: "local" },
});

export const cluster = key(text(clusterNameProblem, clusterNamePattern), {
  shape: "a name: small letters, digits and _, a letter first, at most 40 characters",
  example: "broxiva",
  about:
    "Name of the cluster. It is in `cluster_name` of every member and in the owner file beside every data directory.",
});

export const version = key(z.literal(majors), {
  shape: `a PostgreSQL major: one of ${majors.join(", ")}`,
  example: "17",
  about: "PostgreSQL major version of every member.",
});

export const workload = key(z.enum(["web", "oltp", "dw", "mixed", "desktop"]).default("web"), {
  shape: "one of web, oltp, dw, mixed, desktop",
  example: "oltp",
  about: "What the cluster is mostly used for; settings are derived from it.",
  spellings: { olap: "dw", analytics: "dw", warehouse: "dw" },
});

export const connections = key(integer(10, 262143).optional(), {
  shape: "a whole number from 10 to 262143",
  example: "200",
  about:
    "`max_connections` of every member. Changing it restarts the members in an order that is safe for replication.",
  default: "by workload, as many as the smallest member's memory allows",
});

export const restart = key(z.enum(["rolling", "manual"]).default("rolling"), {
  shape: "one of rolling, manual",
  example: "manual",
  about:
    "Whether `up` may restart servers, one by one with the primary last, or only reports what waits for a restart.",
});

export const synchronous = key(
  // YAML 1.1, which the engine reads, takes off for false.
  z
    .preprocess((given) => (given === false || given === "false" ? "off" : given), z.enum(["off", "quorum"]))
    .default("off"),
  {
    shape: "one of off, quorum",
    example: "quorum",
    about:
      "`quorum`: a commit is acknowledged only once one replica, whichever is first, has its WAL on disk, so that losing the primary loses no commit. Every commit pays the way to a replica and its disk, and waits while no replica answers; see docs/members.md. Needs two replicas.",
    spellings: { on: "quorum", true: "quorum", any: "quorum", async: "off", none: "off", false: "off" },
  },
);

const onlyAtCreation = "It can only be set when the cluster is created.";
export const initdb = key(
  z.strictObject({
    dataChecksums: key(z.boolean(), {
      shape: "true or false",
      example: "true",
      about: "Checksums on data pages, so that a damaged page is noticed when it is read.",
      whenMissing: `${onlyAtCreation} Recommended: true.`,
    }),
    encoding: key(
      z.enum([
        "UTF8",
        "SQL_ASCII",
        "LATIN1",
        "LATIN2",
        "LATIN5",
        "LATIN9",
        "WIN1250",
        "WIN1251",
        "WIN1252",
        "KOI8R",
        "EUC_JP",
        "EUC_KR",
        "EUC_CN",
      ]),
      {
        shape: "a server encoding, e.g. UTF8, LATIN1, LATIN9, WIN1252 or SQL_ASCII",
        example: "UTF8",
        about: "Encoding of the template databases, and so of every database.",
        whenMissing: `${onlyAtCreation} Recommended: UTF8.`,
        spellings: {
          "utf-8": "UTF8",
          utf: "UTF8",
          unicode: "UTF8",
          "iso-8859-1": "LATIN1",
          "iso-8859-15": "LATIN9",
          ascii: "SQL_ASCII",
        },
      },
    ),
    localeProvider: key(z.enum(["libc", "icu"]), {
      shape: "one of libc, icu",
      example: "libc",
      about: "Who sorts text: the operating system's C library, or ICU (PostgreSQL 15 and later).",
      whenMissing: `${onlyAtCreation} Recommended: libc with locale C.UTF-8, whose order no system upgrade changes.`,
    }),
    locale: key(text(localeProblem), {
      shape: "a locale: for libc as in `locale -a`, for icu a language tag",
      example: "C.UTF-8",
      about:
        "Sort order and character classes. For libc e.g. `C.UTF-8` or `en_US.UTF-8`, for icu e.g. `en-US` or `und`.",
      whenMissing: `${onlyAtCreation} Recommended: C.UTF-8 with localeProvider libc.`,
    }),
    walSegmentSize: key(quantity("memory"), {
      shape: "a power of two from 1MB to 1GB",
      example: "16MB",
      about: "Size of a WAL file, a power of two from 1MB to 1GB.",
      whenMissing: `${onlyAtCreation} Recommended: 16MB.`,
      quantity: "memory",
    }),
  }),
  {
    shape: "a map with all of dataChecksums, encoding, localeProvider, locale, walSegmentSize",
    example: "{ dataChecksums: true, encoding: UTF8, localeProvider: libc, locale: C.UTF-8, walSegmentSize: 16MB }",
    about:
      "What can only be set when the cluster is created. All five are written out, so that none is ever a silent default; a later change is refused.",
    whenMissing:
      "It holds what can only be set when the cluster is created. For most clusters write:\n  postgres-fleet:initdb:\n    dataChecksums: true\n    encoding: UTF8\n    localeProvider: libc\n    locale: C.UTF-8\n    walSegmentSize: 16MB",
  },
);

function localeProblem(value: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9_.@=-]{0,62}$/.test(value)
    ? undefined
    : `${JSON.stringify(value.slice(0, 60))} is not a locale name, e.g. "C.UTF-8" for libc or "en-US" for icu.`;
}
