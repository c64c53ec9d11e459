/** pg_hba.conf and pg_ident.conf: who may come from where, and how they prove it. */

import type { FleetSpec, HostSpec, IdentSpec } from "../config/spec.ts";
import { appliesTo, type HbaLine, type HbaLines, hbaLines } from "./hba-lines.ts";
import { EXPORTER_ROLE, IDENT_MAP, SUPERUSER } from "./names.ts";
import { hbaName } from "./quoting.ts";

export interface HbaGroup {
  /** Lines of the comment above it. */
  comments: string[];
  lines: string[];
}

interface Written {
  groups: WrittenGroup[];
  /** Texts that are there more than once: a host gets the first that is its own. */
  repeated: Set<string>;
}

interface WrittenGroup extends Pick<HbaLines, "comments" | "rule"> {
  /** In columns. */
  lines: string[];
  /** Member → places of the lines it never has. */
  notOn: Map<string, number[]>;
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
  const { repeated } = all;
  const seen = new Set<string>();
  const isFirst = (line: string): boolean => !repeated.has(line) || (!seen.has(line) && seen.add(line) !== undefined);
  const groups = all.groups
    .filter(({ rule }) => !rule || appliesTo(rule, host, spec.primary))
    .map(({ comments, lines, notOn }) => {
      const own = without(lines, notOn.get(host.name) ?? []);
      return { comments, lines: repeated.size === 0 ? own : own.filter(isFirst) };
    });
  return groups.filter((group) => group.lines.length > 0);
}

/** @param places ascending */
function without<T>(all: readonly T[], places: readonly number[]): T[] {
  const kept = all.slice();
  for (const place of places.toReversed()) kept.splice(place, 1);
  return kept;
}

function write(groups: HbaLines[]): Written {
  const rows = groups.flatMap(({ lines }) => lines.map((line) => ({ line, cells: cells(line) })));
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => Math.min(row.cells[i]!.length, 40))));
  const join = (row: string[]): string => row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell)).join("  ");
  const text = new Map(rows.map((row) => [row.line, join(row.cells)]));
  const counts = Map.groupBy(text.values(), (line) => line);
  return {
    groups: groups.map(({ comments, rule, lines }) => ({
      comments,
      ...(rule ? { rule } : {}),
      lines: lines.map((line) => text.get(line)!),
      notOn: placesOf(lines),
    })),
    repeated: new Set([...counts].flatMap(([line, all]) => (all.length > 1 ? [line] : []))),
  };
}

function placesOf(lines: readonly HbaLine[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  lines.forEach(({ notOn }, place) => {
    if (notOn === undefined) return;
    const known = places.get(notOn);
    if (known) known.push(place);
    else places.set(notOn, [place]);
  });
  return places;
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
