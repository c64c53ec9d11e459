/** The lines of pg_hba.conf as data: what the project derives, and the rules of the config, in their order. */

import {
  type FleetSpec,
  type HbaRuleSpec,
  type HostSpec,
  hostNamed,
  isMember,
  type RoleSpec,
  tlsForClients,
  tlsVerified,
} from "../config/spec.ts";
import { EXPORTER_ROLE, IDENT_MAP, REPLICATION_ROLE, SUPERUSER } from "./names.ts";
import { commentText, hbaName } from "./quoting.ts";

/** What of a FleetSpec the lines are made from. */
export type HbaSource = Pick<
  FleetSpec,
  "platform" | "hosts" | "primary" | "pooler" | "monitoring" | "tls" | "allowedNetworks" | "adminNetworks" | "hba"
> & {
  databases: readonly { name: string }[];
  roles: readonly Pick<RoleSpec, "name" | "login" | "access" | "databases" | "grants" | "alternateOf">[];
};

export interface HbaLine {
  type: "local" | "host" | "hostssl" | "hostnossl";
  /** As written in the file: keywords bare, names quoted where they need it. */
  databases: readonly string[];
  users: readonly string[];
  /** CIDR, `all`, or "" for type local. */
  address: string;
  method: string;
  /** `name=value`, as written in the file. */
  options: readonly string[];
  /** Lines for another member name this one: it never has them itself. */
  notOn?: string;
  /** The entry of `from` it comes from. */
  from?: string;
}

export interface HbaLines {
  order: number;
  comments: string[];
  lines: HbaLine[];
  /** The rule of the config; absent: derived. */
  rule?: HbaRuleSpec;
}

/** Places of the derived lines; rules of the config come in between (docs/access.md). */
export const HBA_ORDER = {
  superuser: 100,
  exporter: 200,
  members: 300,
  ownRoles: 300,
  pooler: 400,
  allowedNetworks: 500,
  nobody: 900,
} as const;

const EVERYBODY_HERE = "127.0.0.1/32";

/**
 * All groups of all members, in order; `appliesTo` and `notOn` say which are whose.
 *
 * @param declared Keep the addresses of the config. Default: as they are in the file; on platform `local` every
 *   connection comes from 127.0.0.1, whichever loopback address it goes to.
 */
export function hbaLines(source: HbaSource, declared = false): HbaLines[] {
  const collapse = source.platform === "local" && !declared;
  const network = (address: string): string => (collapse ? EVERYBODY_HERE : asNetwork(address));
  const rules = source.hba ?? [];
  const inside = tlsVerified(source) ? "hostssl" : "host";
  const outside = tlsForClients(source) ? "hostssl" : "host";
  const peer = (database: string, user: string): HbaLine => ({
    ...line("local", database, user, "", "peer"),
    options: [`map=${IDENT_MAP}`],
  });
  const derived: HbaLines[] = [
    {
      order: HBA_ORDER.superuser,
      comments: ["The superuser: through the socket only, by operating system user (pg_ident.conf says which)."],
      lines: [peer("all", SUPERUSER), peer("replication", SUPERUSER)],
    },
    {
      order: HBA_ORDER.exporter,
      comments: ["postgres_exporter, on this host."],
      lines: [peer("all", EXPORTER_ROLE)],
    },
    {
      order: HBA_ORDER.members,
      comments: ["The other members: each may become a replica of this one."],
      lines: source.hosts.filter(isMember).map((member) => ({
        ...line(inside, "replication", REPLICATION_ROLE, network(member.address), "scram-sha-256"),
        notOn: member.name,
      })),
    },
    {
      order: HBA_ORDER.ownRoles,
      comments: ["The project's own roles come no other way: no rule below is about them."],
      // Rules may say "all", and "all" is the superuser too.
      lines: rules.length > 0 ? ownRolesRefused() : [],
    },
    {
      order: HBA_ORDER.pooler,
      comments: ["Application roles through PgBouncer."],
      lines: applicationLines(
        source,
        (source.pooler?.hosts ?? []).map((name) => network(hostNamed(source as FleetSpec, name).address)),
        inside,
      ),
    },
    {
      order: HBA_ORDER.allowedNetworks,
      comments: ["Application roles from allowedNetworks, without a pooler between."],
      lines: applicationLines(source, source.allowedNetworks.map(network), outside),
    },
    {
      order: HBA_ORDER.nobody,
      comments: ["Nobody else. Without these lines the answer would be the same; with them it is on record."],
      lines: [
        line("local", "all", "all", "", "reject"),
        line("local", "replication", "all", "", "reject"),
        line("host", "all", "all", "all", "reject"),
        line("host", "replication", "all", "all", "reject"),
      ],
    },
  ];
  // Sorting is stable: a derived group comes before rules of its order, rules stay as they are written.
  return [...derived, ...rules.map((rule) => ruleLines(source, rule, collapse))].sort((a, b) => a.order - b.order);
}

/** Whether this member has the rule's lines. */
export function appliesTo(rule: HbaRuleSpec, host: Pick<HostSpec, "name">, primary: string): boolean {
  if (rule.hosts && !rule.hosts.includes(host.name)) return false;
  return rule.role === undefined || (rule.role === "primary") === (host.name === primary);
}

/** The lines of one member. */
export function hbaLinesOf(groups: readonly HbaLines[], host: Pick<HostSpec, "name">, primary: string): HbaLines[] {
  return groups
    .filter(({ rule }) => !rule || appliesTo(rule, host, primary))
    .map((group) => ({ ...group, lines: group.lines.filter((one) => one.notOn !== host.name) }))
    .filter((group) => group.lines.length > 0);
}

/** Addresses that an entry of `from` means: none when the config has none of the kind, undefined for the socket. */
export function addressesOf(source: HbaSource, from: string): string[] | undefined {
  const hosts = (names: readonly string[]): string[] =>
    source.hosts.filter((host) => names.includes(host.name)).map((host) => asNetwork(host.address));
  switch (from) {
    case "socket":
      return undefined;
    case "cluster":
      return source.hosts.filter(isMember).map((host) => asNetwork(host.address));
    case "pooler":
      return hosts(source.pooler?.hosts ?? []);
    case "monitoring":
      return hosts(source.monitoring?.hosts ?? []);
    case "app":
      return source.allowedNetworks;
    case "admin":
      return source.adminNetworks ?? [];
    default:
      return [from];
  }
}

/** The line as in the file, its parts one blank apart. */
export function lineText({ type, databases, users, address, method, options }: HbaLine): string {
  return [type, databases.join(","), users.join(","), address, method, ...options]
    .filter((part) => part !== "")
    .join(" ");
}

function ruleLines(source: HbaSource, rule: HbaRuleSpec, collapse: boolean): HbaLines {
  const options = Object.entries(rule.options).map(([name, value]) => `${name}=${optionValue(value)}`);
  const common = {
    databases: rule.databases.map((name) =>
      name === "all" || name === "replication" ? name : hbaName(name, "the database"),
    ),
    users: rule.users.flatMap((user) => [user, ...alternatesOf(source, user)]).map(userWord),
    method: rule.method,
    options,
  };
  const lines = rule.from.flatMap((from): HbaLine[] => {
    const addresses = addressesOf(source, from);
    if (!addresses) return [{ ...common, type: "local", address: "", from }];
    // An alias means hosts of the fleet; a network that someone wrote is somewhere else and stays as it is.
    const shown = collapse && !from.includes("/") ? addresses.slice(0, 1).map(() => EVERYBODY_HERE) : addresses;
    // Who comes without TLS then is refused at the end, so refusals say it too: one kind of line is compared.
    const tls = rule.method === "cert" || tlsForClients(source) || (tlsVerified(source) && amongHosts(rule, from));
    return shown.map((address) => ({ ...common, type: tls ? "hostssl" : "host", address, from }));
  });
  const comments = [
    `hba[${rule.index}]${rule.comment ? `: ${commentText(rule.comment)}` : ""}`,
    ...(rule.exception ? [`Exception: ${commentText(rule.exception)}`] : []),
  ];
  return { order: rule.order, comments, lines, rule };
}

/** Replication, and what the fleet's own hosts are let in for: with TLS also where applications may come without. */
const amongHosts = ({ method, databases }: HbaRuleSpec, from: string): boolean =>
  method !== "reject" && (databases.includes("replication") || from === "cluster" || from === "pooler");

/** The second logins of a role: what is said of a role is said of them. */
const alternatesOf = (source: HbaSource, user: string): string[] =>
  source.roles.filter((role) => role.alternateOf === user).map((role) => role.name);

function userWord(name: string): string {
  if (name === "all") return name;
  return name.startsWith("+") ? `+${hbaName(name.slice(1), "the role")}` : hbaName(name, "the role");
}

function ownRolesRefused(): HbaLine[] {
  const users = [SUPERUSER, EXPORTER_ROLE, REPLICATION_ROLE];
  return ["all", "replication"].flatMap((database) => [
    { ...line("local", database, "", "", "reject"), users },
    { ...line("host", database, "", "all", "reject"), users },
  ]);
}

/** One line for each database and network, with the roles that have business there. */
function applicationLines(source: HbaSource, networks: string[], type: "host" | "hostssl"): HbaLine[] {
  const perDatabase = source.databases.flatMap((database): HbaLine[] => {
    const users = source.roles
      .filter((role) => logsInto(role, database.name))
      .map((role) => hbaName(role.name, "the role"));
    return users.length === 0
      ? []
      : [{ ...line(type, hbaName(database.name, "the database"), "", "", "scram-sha-256"), users }];
  });
  return networks.flatMap((address) => perDatabase.map((one) => ({ ...one, address })));
}

/** Whether a role logs into a database at all: one that only replicates does not. */
export function logsInto(role: HbaSource["roles"][number], database: string): boolean {
  if (!role.login || role.access === "replication") return false;
  return (role.databases?.includes(database) ?? true) || (role.grants?.some((g) => g.database === database) ?? false);
}

const line = (type: HbaLine["type"], database: string, user: string, address: string, method: string): HbaLine => ({
  type,
  databases: [database],
  users: [user],
  address,
  method,
  options: [],
});

const optionValue = (value: string): string => (/^[A-Za-z0-9_./@-]+$/.test(value) ? value : `"${value}"`);

function asNetwork(address: string): string {
  return address.includes("/") ? address : `${address}/${address.includes(":") ? 128 : 32}`;
}
