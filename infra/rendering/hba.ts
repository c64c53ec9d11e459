/** pg_hba.conf and pg_ident.conf: who may come from where, and how they prove it. */

import { type FleetSpec, type HostSpec, hostNamed, members } from "../config/spec.ts";
import { EXPORTER_ROLE, IDENT_MAP, REPLICATION_ROLE, SUPERUSER } from "./names.ts";
import { hbaName } from "./quoting.ts";

export interface HbaGroup {
  /** Lines of the comment above it. */
  comments: string[];
  lines: string[];
}

type Row = [type: string, database: string, user: string, address: string, method: string];

/** Longer words do not widen a column. */
const WIDEST = 40;

/** What is the same for all members of a fleet, made once. */
interface Shared {
  /** Replication from each address of a member, in the order of the members; addresses are names of rows. */
  members: Map<string, { row: Row; names: string[] }>;
  before: Group[];
  after: Group[];
  /** Column widths → lines of each row, in those widths. */
  lines: Map<string, Map<Row, string>>;
}
interface Group {
  comments: string[];
  rows: Row[];
}

const MEMBERS = ["The other members: each may become a replica of this one."];
const shared = new WeakMap<FleetSpec, Shared>();

/** All lines in order, first match wins; groups that would be empty are left out. */
export function hbaGroups(spec: FleetSpec, host: HostSpec): HbaGroup[] {
  let fleet = shared.get(spec);
  if (!fleet) {
    fleet = sharedGroups(spec);
    shared.set(spec, fleet);
  }
  const others = { comments: MEMBERS, rows: [] as Row[] };
  for (const { row, names } of fleet.members.values())
    if (names.length > 1 || names[0] !== host.name) others.rows.push(row);
  const groups = [...fleet.before, others, ...fleet.after].filter((group) => group.rows.length > 0);
  const widths = [0, 0, 0, 0];
  for (const { rows } of groups)
    for (const row of rows)
      for (let i = 0; i < 4; i++) widths[i] = Math.max(widths[i]!, Math.min(row[i]!.length, WIDEST));
  const lines = linesIn(fleet, widths);
  return groups.map(({ comments, rows }) => ({ comments, lines: rows.map((row) => lines(row)) }));
}

function linesIn({ lines }: Shared, widths: readonly number[]): (row: Row) => string {
  const key = widths.join(" ");
  const known = lines.get(key) ?? new Map<Row, string>();
  lines.set(key, known);
  return (row) => {
    let line = known.get(row);
    if (line === undefined) {
      line = row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell)).join("  ");
      known.set(row, line);
    }
    return line;
  };
}

function sharedGroups(spec: FleetSpec): Shared {
  const replication: Shared["members"] = new Map();
  for (const { name, address } of members(spec)) {
    const network = networkOf(spec, address);
    const known = replication.get(network);
    if (known) known.names.push(name);
    else
      replication.set(network, {
        row: ["host", "replication", REPLICATION_ROLE, network, "scram-sha-256"],
        names: [name],
      });
  }
  // No application's row is one of a member: a database "replication" is written in quotes.
  const seen = new Set<string>();
  const group = (comment: string, rows: Row[]): Group => ({
    comments: [comment],
    rows: rows.filter((row) => !seen.has(row.join(" ")) && seen.add(row.join(" "))),
  });
  const before = [
    group("The superuser: through the socket only, by operating system user (pg_ident.conf says which).", [
      ["local", "all", SUPERUSER, "", `peer map=${IDENT_MAP}`],
      ["local", "replication", SUPERUSER, "", `peer map=${IDENT_MAP}`],
    ]),
    group("postgres_exporter, on this host.", [["local", "all", EXPORTER_ROLE, "", `peer map=${IDENT_MAP}`]]),
  ];
  const after = [
    group(
      "Application roles through PgBouncer.",
      applicationRows(
        spec,
        (spec.pooler?.hosts ?? []).map((name) => networkOf(spec, hostNamed(spec, name).address)),
      ),
    ),
    group(
      "Application roles from allowedNetworks, without a pooler between.",
      applicationRows(
        spec,
        spec.allowedNetworks.map((network) => networkOf(spec, network)),
      ),
    ),
    group("Nobody else. Without these lines the answer would be the same; with them it is on record.", [
      ["local", "all", "all", "", "reject"],
      ["local", "replication", "all", "", "reject"],
      ["host", "all", "all", "all", "reject"],
      ["host", "replication", "all", "all", "reject"],
    ]),
  ];
  return { members: replication, before, after, lines: new Map() };
}

/** [map, OS user, role] for root, who administers the host, and for the user that servers and exporters run as. */
export function identLines(user: string): string[] {
  const rows = [
    ["root", SUPERUSER],
    [user, SUPERUSER],
    [user, EXPORTER_ROLE],
  ];
  const unique = [
    ...new Set(
      rows.map(
        ([os, role]) => `${IDENT_MAP}  ${hbaName(os!, "the OS user").padEnd(Math.max(4, user.length))}  ${role}`,
      ),
    ),
  ];
  return unique;
}

function applicationRows(spec: FleetSpec, networks: string[]): Row[] {
  const roles = spec.roles.filter((role) => role.login).map((role) => hbaName(role.name, "the role"));
  if (roles.length === 0) return [];
  return networks.flatMap((network) =>
    spec.databases.map(
      (database): Row => ["host", hbaName(database.name, "the database"), roles.join(","), network, "scram-sha-256"],
    ),
  );
}

/** On platform `local` every connection comes from 127.0.0.1, whichever loopback address it goes to. */
function networkOf(spec: FleetSpec, address: string): string {
  if (spec.platform === "local") return "127.0.0.1/32";
  if (address.includes("/")) return address;
  return `${address}/${address.includes(":") ? 128 : 32}`;
}
