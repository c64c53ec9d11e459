/** pg_hba.conf and pg_ident.conf: who may come from where, and how they prove it. */

import type { FleetSpec, HostSpec, IdentSpec } from "../config/spec.ts";
import { type HbaLine, type HbaLines, hbaLines, hbaLinesOf } from "./hba-lines.ts";
import { EXPORTER_ROLE, IDENT_MAP, SUPERUSER } from "./names.ts";
import { hbaName } from "./quoting.ts";

export interface HbaGroup {
  /** Lines of the comment above it. */
  comments: string[];
  lines: string[];
}

interface Written {
  groups: HbaLines[];
  /** Line → its text in columns. */
  text: Map<HbaLine, string>;
}

/** A spec is rendered for many hosts, and nearly all of their lines are the same. */
const written = new WeakMap<FleetSpec, Written>();

/** All lines in order, first match wins; groups that would be empty and lines that are there already are left out. */
export function hbaGroups(spec: FleetSpec, host: HostSpec): HbaGroup[] {
  let all = written.get(spec);
  if (!all) {
    all = write(hbaLines(spec));
    written.set(spec, all);
  }
  const { text } = all;
  const seen = new Set<string>();
  const groups = hbaLinesOf(all.groups, host, spec.primary).map(({ comments, lines }) => ({
    comments,
    lines: lines.map((line) => text.get(line)!).filter((line) => !seen.has(line) && seen.add(line)),
  }));
  return groups.filter((group) => group.lines.length > 0);
}

function write(groups: HbaLines[]): Written {
  const rows = groups.flatMap(({ lines }) => lines.map((line) => ({ line, cells: cells(line) })));
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => Math.min(row.cells[i]!.length, 40))));
  const join = (row: string[]): string => row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell)).join("  ");
  return { groups, text: new Map(rows.map((row) => [row.line, join(row.cells)])) };
}

const cells = ({ type, databases, users, address, method, options }: HbaLine): string[] => [
  type,
  databases.join(","),
  users.join(","),
  address,
  [method, ...options].join(" "),
];

/**
 * [map, OS user, role] for root, who administers the host, for the user that servers and exporters run as, and then
 * those of the config.
 */
export function identLines(user: string, declared: readonly IdentSpec[] = []): string[] {
  const rows: [map: string, os: string, role: string][] = [
    [IDENT_MAP, "root", SUPERUSER],
    [IDENT_MAP, user, SUPERUSER],
    [IDENT_MAP, user, EXPORTER_ROLE],
    ...declared.map(({ map, osUser, role }): [string, string, string] => [map, osUser, role]),
  ];
  const width = Math.max(4, ...rows.map(([, os]) => os.length));
  const lines = rows.map(
    ([map, os, role]) => `${map}  ${hbaName(os, "the OS user").padEnd(width)}  ${hbaName(role, "the role")}`,
  );
  return [...new Set(lines)];
}
