/** Who may connect, read back from pg_hba.conf: a line that is written differently may still say the same. */

import { commonLines } from "./common.ts";
import { Memo } from "./memo.ts";

export interface Access {
  database: string;
  user: string;
  address: string;
}

/** Each (database, user, address) that lines of type host… let in, with lists taken apart. Rejections are left out. */
export function accessOf(hba: string): Map<string, Access> {
  const found = new Map<string, Access>();
  for (const line of hba.split("\n")) for (const access of accessOfLine(line)) found.set(keyOf(access), access);
  return found;
}

const keyOf = ({ database, user, address }: Access): string => `${database} ${user} ${address}`;
const parsed = new Memo<Access[]>();

function accessOfLine(line: string): Access[] {
  if (!line.startsWith("host")) return [];
  return parsed.get(line, () => {
    const [, databases = "", users = "", address = "", method = ""] = line.trim().split(/\s+/);
    if (method === "reject") return [];
    return databases.split(",").flatMap((database) => users.split(",").map((user) => ({ database, user, address })));
  });
}

/** Lines that can let `address` in: those for it, and all that are not for one address alone. */
function linesFor(hba: string, address: string): string[] {
  const lines: string[] = [];
  let single = hba.indexOf(SINGLE);
  for (let from = 0; from < hba.length; ) {
    const next = hba.indexOf("\n", from);
    const end = next < 0 ? hba.length : next;
    while (single >= 0 && single < from) single = hba.indexOf(SINGLE, single + 1);
    const line = single < 0 || single > end ? hba.slice(from, end) : "";
    if (line !== "") lines.push(line);
    from = end + 1;
  }
  for (let at = hba.indexOf(address); at >= 0; at = hba.indexOf(address, at + 1)) {
    const end = hba.indexOf("\n", at);
    lines.push(hba.slice(hba.lastIndexOf("\n", at) + 1, end < 0 ? hba.length : end));
  }
  return lines;
}

/** After an IPv4 address: of that address alone. */
const SINGLE = "/32 ";

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
  const { start, end } = commonLines(before, after);
  const part = (text: string): string => text.slice(start, text.length - end);
  const fresh = accessOf(part(after));
  const lost = new Map<string, string[]>();
  for (const [key, access] of accessOf(part(before))) {
    if (fresh.has(key)) continue;
    const { database, user, address } = access;
    const wider = (one: Access): boolean =>
      one.user === user && one.database === database && within(address, one.address);
    if (linesFor(after, address).some((line) => accessOfLine(line).some(wider))) continue;
    const who = `${user} from ${address}`;
    lost.set(who, [...(lost.get(who) ?? []), database]);
  }
  return [...lost].map(([who, databases]) => `pg_hba.conf no longer lets ${who} into ${databases.join(", ")}`);
}
