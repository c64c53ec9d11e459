/**
 * The connection gate: sizes that stand in the config have to fit into the servers, all pools full at once. Defaults
 * are not asked: they shrink until they do.
 */

import type { FleetSpec } from "../config/spec.ts";
import { DIRECT_CONNECTIONS } from "../tuning/input.ts";
import type { RenderInput } from "./host-input.ts";
import {
  entriesPerServer,
  entryDemand,
  type PoolEntry,
  poolEntries,
  poolerProcesses,
  roomForPools,
  serverLimits,
} from "./pools.ts";

interface Term {
  text: string;
  connections: number;
}

/** One problem per kind of server whose connections do not suffice, with the sum term by term. */
export function poolGateProblems(input: Pick<RenderInput, "spec" | "tunings">): string[] {
  const { spec } = input;
  if (!spec.pooler || spec.databases.length === 0) return [];
  const limits = serverLimits(input);
  const problems = entriesPerServer(spec, poolEntries(spec)).map((entries) => problemOf(spec, entries, limits));
  return problems.filter((problem) => problem !== undefined);
}

function problemOf(
  spec: FleetSpec,
  entries: PoolEntry[],
  { maxConnections, reserved }: ReturnType<typeof serverLimits>,
): string | undefined {
  const given = entries.filter((entry) => entry.given);
  if (given.length === 0) return undefined;
  const processes = poolerProcesses(spec);
  const terms = [...entries.map((entry) => poolTerm(entry, processes)), ...directTerms(spec, entries, processes)];
  const sum = terms.reduce((total, term) => total + term.connections, 0);
  const room = roomForPools(maxConnections, reserved);
  if (sum <= room) return undefined;
  const server = entries.every((entry) => entry.readOnly) ? "a replica" : "the primary";
  const most = Math.max(0, Math.floor(room / processes / entries.length));
  return [
    `pooler: all pools full are ${sum} connections to ${server}, and ${room} are there for them:`,
    ...terms.map((term) => `  ${String(term.connections).padStart(6)}  ${term.text}`),
    `  ${String(sum).padStart(6)}  in all; of max_connections ${maxConnections}, ${reserved} are reserved for the superuser and ${DIRECT_CONNECTIONS} kept for who comes without a pooler (exporter 5, maintenance 4, backup 2, migrations 2, people 3): 90 % × (${maxConnections} − ${reserved} − ${DIRECT_CONNECTIONS}) = ${room}`,
    `  Lower pooler.poolSize or reservePoolSize, cap an entry with pooler.databases.${entries[0]!.alias}.maxConnections (${most} for each fits), or set connections to at least ${Math.ceil(sum / 0.9) + reserved + DIRECT_CONNECTIONS}.`,
  ].join("\n");
}

/** Entries that only have defaults take what is left, and at least one connection. */
function poolTerm(entry: PoolEntry, processes: number): Term {
  const what = `${entry.alias}: ${processes} PgBouncer ${processes === 1 ? "process" : "processes"} × `;
  if (!entry.given) return { text: `${what}1, the least that an entry works with`, connections: processes };
  const demand = entryDemand(entry);
  const pools = entry.pools.map((pool) => `${pool.role} ${pool.connections}`).join(" + ") || "1";
  const text = entry.maxConnections === demand ? `${demand} (its maxConnections)` : `(${pools})`;
  return { text: what + text, connections: processes * demand };
}

/** Roles that may come without the pooler too, beyond what their pools have already. */
function directTerms(spec: FleetSpec, entries: PoolEntry[], processes: number): Term[] {
  const rules = (spec.hba ?? []).filter((rule) => rule.method !== "reject").flatMap((rule) => rule.users);
  const everybody = spec.allowedNetworks.length > 0 || rules.includes("all");
  return spec.roles
    .filter((role) => role.login && role.connectionLimit > 0 && (everybody || rules.includes(role.name)))
    .map((role) => {
      const own = entries.flatMap((entry) => entry.pools.filter((pool) => pool.role === role.name));
      const pooled = processes * own.reduce((sum, pool) => sum + pool.connections, 0);
      return {
        text: `${role.name}, without a pooler: ${role.connectionLimit} (its connectionLimit) − ${pooled} in its pools`,
        connections: Math.max(0, role.connectionLimit - pooled),
      };
    })
    .filter((term) => term.connections > 0);
}
