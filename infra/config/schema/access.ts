/** Who else may connect than the fleet itself: lines of pg_hba.conf and pg_ident.conf. */

import { z } from "zod";
import { networkProblem } from "../network.ts";
import { integer, key, text } from "./key.ts";

/** One text or a list of texts, read into a list. */
const oneOrMore = () =>
  z
    .union([z.string(), z.array(z.string()).min(1)])
    .transform((given) => (typeof given === "string" ? [given] : [...given]));

/** Orders that a rule may have: behind what the fleet needs to work, before the lines that refuse everybody else. */
export const RULE_ORDER = { min: 301, max: 899, default: 600 } as const;

export const hbaMethods = ["scram-sha-256", "cert", "peer", "reject", "md5", "password", "trust", "ident"] as const;

const rule = key(
  z.strictObject({
    database: key(oneOrMore(), {
      shape: "`all`, `replication`, `postgres` or names under `databases`; one or a list",
      example: "broxiva",
      about: "Databases that it is about. `all` is every database, but no replication connection.",
    }),
    user: key(oneOrMore(), {
      shape: "`all` or names under `roles` (`+name`: that role and its members); one or a list",
      example: "broxiva_app",
      about: "Roles that it is about. The project's own roles have their own lines and are in none of these.",
    }),
    from: key(oneOrMore(), {
      shape:
        "one or a list of: cluster, pooler, monitoring, app (`allowedNetworks`), admin (`adminNetworks`), socket, or networks (CIDR)",
      example: "[admin, 10.30.0.0/16]",
      about:
        "Where the connection comes from. `socket` is the unix socket of the host. Names of hosts are refused, because PostgreSQL would ask DNS at every login; 0.0.0.0/0 and ::/0 need an `exception`.",
    }),
    method: key(z.enum(hbaMethods).default("scram-sha-256"), {
      shape: "one of scram-sha-256, reject, and peer (socket only); cert with TLS",
      example: "reject",
      about:
        "How it is proved who comes. md5, password, trust and ident need an `exception` that says why, and are then in every audit.",
      spellings: { scram: "scram-sha-256", deny: "reject", certificate: "cert" },
    }),
    options: key(z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).prefault({}), {
      shape: "a map of options of the method to values",
      example: "{ map: people }",
      about: "Options of the method, as in pg_hba.conf, e.g. `map` for peer.",
    }),
    hosts: key(z.array(z.string()).min(1).optional(), {
      shape: "a list of members",
      example: "[db2]",
      about: "Members whose pg_hba.conf has it.",
      default: "all members",
    }),
    role: key(z.enum(["primary", "replica"]).optional(), {
      shape: "one of primary, replica",
      example: "replica",
      about: "Only members with this role have it; it moves with the key `primary`.",
      default: "both",
    }),
    order: key(integer(RULE_ORDER.min, RULE_ORDER.max).default(RULE_ORDER.default), {
      shape: `a whole number from ${RULE_ORDER.min} to ${RULE_ORDER.max}`,
      example: "450",
      about:
        "Place among the lines; the first that matches decides. The project's own: 400 through the pooler, 500 from `allowedNetworks`. Rules of one order stay as they are written.",
    }),
    comment: key(z.string().optional(), {
      shape: "text of one line",
      example: "reports of the finance team",
      about: "Written above its lines.",
    }),
    exception: key(z.string().min(1).optional(), {
      shape: "text: why",
      example: "legacy appliance speaks md5 only, until 2027-03",
      about: "Allows what is otherwise refused: everyone's address, or a method weaker than SCRAM.",
    }),
  }),
  { shape: "a map", example: "{ database: broxiva, user: broxiva_app, from: admin }", about: "One rule." },
);

export const hba = key(z.array(rule).optional(), {
  shape: "a list of rules",
  example: "[{ database: broxiva, user: broxiva_readonly, from: 10.30.0.0/16 }]",
  about:
    "Lines of pg_hba.conf beside those that the project derives from members, `pooler` and `allowedNetworks`. A rule that can never decide anything, and two that contradict each other, are refused.",
  default: "the derived lines alone",
});

const mapping = key(
  z.strictObject({
    map: key(text(mapNameProblem), {
      shape: "a name: small letters, digits, _; not pgfleet",
      example: "people",
      about: "Name of the map; a rule with `options: { map: NAME }` uses it.",
    }),
    osUser: key(text(osUserProblem), {
      shape: "the name of an operating system user",
      example: "anna",
      about: "Who comes through the socket.",
    }),
    role: key(z.string(), {
      shape: "a name under `roles`",
      example: "broxiva_readonly",
      about: "The role that this user may be.",
    }),
  }),
  { shape: "a map", example: "{ map: people, osUser: anna, role: broxiva_readonly }", about: "One line." },
);

export const ident = key(z.array(mapping).optional(), {
  shape: "a list of maps",
  example: "[{ map: people, osUser: anna, role: broxiva_readonly }]",
  about: "Lines of pg_ident.conf, for rules with method peer.",
  default: "the project's own map alone",
});

export const adminNetworks = key(z.array(text(networkProblem)).optional(), {
  shape: "a list of networks (CIDR)",
  example: "[10.99.0.0/24]",
  about:
    "Networks that administrators connect from: what `admin` means in a rule under `hba`. Opens nothing by itself.",
  default: "none",
});

function mapNameProblem(value: string): string | undefined {
  const shown = JSON.stringify(value.slice(0, 60));
  if (!/^[a-z_][a-z0-9_]*$/.test(value)) return `${shown} is no name of a map: small letters, digits and _.`;
  return value === "pgfleet" ? `${shown} is the project's own map; choose another name.` : undefined;
}

function osUserProblem(value: string): string | undefined {
  return /^[A-Za-z0-9._@-]+$/.test(value)
    ? undefined
    : `${JSON.stringify(value.slice(0, 60))} is no name of an operating system user: letters, digits and . _ @ -.`;
}
