/** The [databases] of a PgBouncer file, as far as Rollout needs them: which entry leads to which servers. */

export interface DatabaseEntry {
  alias: string;
  hosts: string[];
  /** The line as it stands. */
  line: string;
}

/** Later lines for one alias replace earlier ones, as PgBouncer reads them. */
export function databaseEntries(ini: string): DatabaseEntry[] {
  const entries = new Map<string, DatabaseEntry>();
  let section = "";
  for (const raw of ini.split("\n")) {
    const line = raw.trim();
    const head = /^\[(\w+)\]$/.exec(line);
    if (head) section = head[1]!;
    if (section !== "databases" || line === "" || /^[;#[%]/.test(line)) continue;
    const match = /^("(?:[^"]|"")+"|\S+)\s*=\s*(.*)$/.exec(line);
    if (!match) continue;
    const alias = match[1]!.replace(/^"|"$/g, "").replaceAll('""', '"');
    entries.set(alias, { alias, line, hosts: (/(?:^|\s)host=(\S+)/.exec(match[2]!)?.[1] ?? "").split(",") });
  }
  return [...entries.values()];
}

/** Lines that lead entries around a server; an entry that has no other server goes to `instead`. */
export function linesWithout(entries: DatabaseEntry[], address: string, instead: string): string[] {
  return entries
    .filter((entry) => entry.hosts.includes(address) && address !== instead)
    .map((entry) => {
      const left = entry.hosts.filter((host) => host !== address);
      return entry.line.replace(
        /((?:^|\s|=)host=)\S+/,
        (_, key: string) => `${key}${(left.length > 0 ? left : [instead]).join(",")}`,
      );
    });
}
