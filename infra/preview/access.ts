/** Who may connect, read back from pg_hba.conf: a line that is written differently may still say the same. */

export interface Access {
  database: string;
  user: string;
  address: string;
}

/** Each (database, user, address) that lines of type host… let in, with lists taken apart. Rejections are left out. */
export function accessOf(hba: string): Map<string, Access> {
  const found = new Map<string, Access>();
  for (const line of hba.split("\n")) {
    if (!line.startsWith("host")) continue;
    const [, databases = "", users = "", address = "", method = ""] = line.trim().split(/\s+/);
    if (method === "reject") continue;
    for (const database of databases.split(","))
      for (const user of users.split(",")) found.set(`${database} ${user} ${address}`, { database, user, address });
  }
  return found;
}

/** Lines that name who is no longer let in, one per (user, address) with its databases. */
export function lostAccess(before: string, after: string): string[] {
  const [old, fresh] = [accessOf(before), accessOf(after)];
  const lost = new Map<string, string[]>();
  for (const [key, { database, user, address }] of old) {
    if (fresh.has(key)) continue;
    const who = `${user} from ${address}`;
    lost.set(who, [...(lost.get(who) ?? []), database]);
  }
  return [...lost].map(([who, databases]) => `pg_hba.conf no longer lets ${who} into ${databases.join(", ")}`);
}
