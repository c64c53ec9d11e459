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

/** All lines in order, first match wins; groups that would be empty are left out. */
export function hbaGroups(spec: FleetSpec, host: HostSpec): HbaGroup[] {
  const seen = new Set<string>();
  const groups: { comments: string[]; rows: Row[] }[] = [
    {
      comments: ["The superuser: through the socket only, by operating system user (pg_ident.conf says which)."],
      rows: [
        ["local", "all", SUPERUSER, "", `peer map=${IDENT_MAP}`],
        ["local", "replication", SUPERUSER, "", `peer map=${IDENT_MAP}`],
      ],
    },
    {
      comments: ["postgres_exporter, on this host."],
      rows: [["local", "all", EXPORTER_ROLE, "", `peer map=${IDENT_MAP}`]],
    },
    {
      comments: ["The other members: each may become a replica of this one."],
      rows: members(spec)
        .filter((member) => member.name !== host.name)
        .map((member) => ["host", "replication", REPLICATION_ROLE, networkOf(spec, member.address), "scram-sha-256"]),
    },
    {
      comments: ["Application roles through PgBouncer."],
      rows: applicationRows(
        spec,
        (spec.pooler?.hosts ?? []).map((name) => networkOf(spec, hostNamed(spec, name).address)),
      ),
    },
    {
      comments: ["Application roles from allowedNetworks, without a pooler between."],
      rows: applicationRows(
        spec,
        spec.allowedNetworks.map((network) => networkOf(spec, network)),
      ),
    },
    {
      comments: ["Nobody else. Without these lines the answer would be the same; with them it is on record."],
      rows: [
        ["local", "all", "all", "", "reject"],
        ["local", "replication", "all", "", "reject"],
        ["host", "all", "all", "all", "reject"],
        ["host", "replication", "all", "all", "reject"],
      ],
    },
  ];
  const fresh = groups.map(({ comments, rows }) => ({
    comments,
    rows: rows.filter((row) => !seen.has(row.join(" ")) && seen.add(row.join(" "))),
  }));
  const kept = fresh.filter((group) => group.rows.length > 0);
  const widths = [0, 1, 2, 3].map((i) =>
    Math.max(...kept.flatMap((group) => group.rows.map((row) => Math.min(row[i]!.length, 40)))),
  );
  return kept.map(({ comments, rows }) => ({
    comments,
    lines: rows.map((row) => row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell)).join("  ")),
  }));
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
