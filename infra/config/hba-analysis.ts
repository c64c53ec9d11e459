/**
 * Lines of pg_hba.conf that can never decide anything, because those before them match all that they match. The
 * server's rule is: the first line that matches decides, whatever comes of it.
 */

import type { HbaLine } from "../rendering/hba-lines.ts";
import { networkKey } from "./network.ts";

export interface DeadLine {
  /** Position of the line that never decides. */
  line: number;
  /** Positions of the lines that do instead, first to last. */
  by: number[];
  /** One of those has another outcome: what this line says is not what happens. */
  contradicted: boolean;
}

/**
 * Exact for names and networks, coverage by several lines together included. What `+role` stands for is in the
 * catalog, so such a line counts as covered only by `all` or by the same word.
 */
export function deadLines(lines: readonly HbaLine[]): DeadLine[] {
  const dead: DeadLine[] = [];
  const live: Cells[] = [];
  const names = { databases: atoms(lines.flatMap((l) => l.databases)), users: atoms(lines.flatMap((l) => l.users)) };
  lines.forEach((line, position) => {
    const cells = cellsOf(line, position, names);
    const before = live.filter((other) => meets(cells, other));
    const by = new Set<number>();
    if (covered(cells, before, by)) {
      const outcome = outcomeOf(line);
      const positions = [...by].sort((a, b) => a - b);
      dead.push({
        line: position,
        by: positions,
        contradicted: positions.some((other) => outcomeOf(lines[other]!) !== outcome),
      });
    } else live.push(cells);
  });
  return dead;
}

interface Cells {
  position: number;
  transports: ReadonlySet<string>;
  databases: ReadonlySet<string>;
  users: ReadonlySet<string>;
  networks: Network[];
}

interface Network {
  family: string;
  value: bigint;
  prefix: number;
}

/** Every database or role that no line names. */
const OTHERS = " others";
const TRANSPORTS = { local: ["socket"], host: ["tls", "plain"], hostssl: ["tls"], hostnossl: ["plain"] } as const;
const NOWHERE: Network = { family: "socket", value: 0n, prefix: 0 };
const EVERYWHERE: Network[] = ["4", "6"].map((family) => ({ family, value: 0n, prefix: 0 }));

function atoms(words: readonly string[]): string[] {
  return [...new Set(words.filter((word) => word !== "all")), OTHERS];
}

function cellsOf(line: HbaLine, position: number, names: { databases: string[]; users: string[] }): Cells {
  // A physical replication connection names no database, and `all` is not about it.
  const everyDatabase = names.databases.filter((name) => name !== "replication");
  return {
    position,
    transports: new Set<string>(TRANSPORTS[line.type]),
    databases: new Set(line.databases.flatMap((word) => (word === "all" ? everyDatabase : [word]))),
    users: new Set(line.users.flatMap((word) => (word === "all" ? names.users : [word]))),
    networks: line.type === "local" ? [NOWHERE] : line.address === "all" ? EVERYWHERE : [networkOf(line.address)],
  };
}

function networkOf(cidr: string): Network {
  const [, family, value, prefix] = /^(\d):(\d+)\/(\d+)$/.exec(networkKey(cidr))!;
  return { family: family!, value: BigInt(value!), prefix: Number(prefix) };
}

const share = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((word) => b.has(word));

const meets = (a: Cells, b: Cells): boolean =>
  share(a.transports, b.transports) && share(a.databases, b.databases) && share(a.users, b.users);

/** Is every (transport, database, user, address) of it in one of the others? Notes which ones have a part in it. */
function covered(cells: Cells, others: readonly Cells[], by: Set<number>): boolean {
  for (const transport of cells.transports)
    for (const database of cells.databases)
      for (const user of cells.users) {
        const here = others.filter(
          (other) => other.transports.has(transport) && other.databases.has(database) && other.users.has(user),
        );
        for (const network of cells.networks) if (!networkCovered(network, here, by)) return false;
      }
  return true;
}

function networkCovered(network: Network, others: readonly Cells[], by: Set<number>): boolean {
  // In the order of the file: the first that has all of it is the one that decides what the ones before it leave.
  const near = others.filter((other) => other.networks.some((one) => contains(one, network) || contains(network, one)));
  for (const other of near) {
    if (other.networks.some((one) => contains(one, network))) {
      by.add(other.position);
      return true;
    }
    if (other.networks.some((one) => contains(network, one))) break;
  }
  if (near.length === 0 || network.family === "socket") return false;
  return halves(network).every((half) => networkCovered(half, near, by));
}

function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefix > inner.prefix) return false;
  const shift = BigInt(bitsOf(outer) - outer.prefix);
  return outer.value >> shift === inner.value >> shift;
}

const bitsOf = ({ family }: Network): number => (family === "6" ? 128 : 32);

function halves({ family, value, prefix }: Network): Network[] {
  const half = 1n << BigInt((family === "6" ? 128 : 32) - prefix - 1);
  return [value, value + half].map((start) => ({ family, value: start, prefix: prefix + 1 }));
}

const outcomeOf = ({ method, options }: HbaLine): string => [method, ...options].join(" ");
