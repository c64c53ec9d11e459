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

/** Is the address, or network, `inner` within `outer`? Both as pg_hba.conf writes them; only IPv4 is taken apart. */
function within(inner: string, outer: string): boolean {
  if (inner === outer || outer === "all") return true;
  const [a, b] = [ipv4(inner), ipv4(outer)];
  if (!a || !b || a.prefix < b.prefix) return false;
  const block = 2 ** (32 - b.prefix);
  return Math.floor(a.value / block) === Math.floor(b.value / block);
}

function ipv4(network: string): { value: number; prefix: number } | undefined {
  const [, address = "", prefix = "32"] = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/.exec(network) ?? [];
  if (address === "") return undefined;
  return { value: address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0), prefix: Number(prefix) };
}

/** Lines that name who is no longer let in, one per (user, address) with its databases. */
export function lostAccess(before: string, after: string): string[] {
  const [old, fresh] = [accessOf(before), accessOf(after)];
  const lost = new Map<string, string[]>();
  for (const [key, { database, user, address }] of old) {
    if (fresh.has(key)) continue;
    const wider = (one: Access): boolean =>
      one.user === user && one.database === database && within(address, one.address);
    if ([...fresh.values()].some(wider)) continue;
    const who = `${user} from ${address}`;
    lost.set(who, [...(lost.get(who) ?? []), database]);
  }
  return [...lost].map(([who, databases]) => `pg_hba.conf no longer lets ${who} into ${databases.join(", ")}`);
}
