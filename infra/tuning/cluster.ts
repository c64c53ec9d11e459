/** The five values that must be equal on all members, and how many connections a server's memory allows. */
import { solveWorkMemMb } from "./budget.ts";
import type { TuneInput } from "./input.ts";
import { chooseMemory, fullPlan, modestParallelWorkers } from "./memory.ts";
import { type Overrides, quantity, readOverrides } from "./overrides.ts";
import type { ClusterSettings } from "./types.ts";
import { workloads } from "./workloads.ts";

/** Slots for background workers that are not parallel workers: logical replication, pg_cron and other extensions. */
const OTHER_WORKER_PROCESSES = 8;
/** A table with partitions takes a lock for each of them and of their indexes. */
const LOCKS_PER_TRANSACTION = 128;
/** Below this work_mem, half the connections are better. */
const LEAST_USEFUL_WORK_MEM_MB = 1;
const FEWEST_CONNECTIONS = 10;

export interface DefaultConnections {
  connections: number;
  /** Fewer than the workload would have: memory allows no more. */
  limited: boolean;
  /** Fewer than the smallest number that is normally offered. */
  halved: boolean;
}

type WithoutConnections = Omit<ClusterSettings, "max_connections">;

/** max_connections explicitly wanted, by override or by `connections`. */
export function wantedConnections(input: TuneInput, overrides: Overrides): number | undefined {
  return quantity(overrides, "max_connections", input.version) ?? input.connections;
}

/** As many connections as the workload has by default and this server's memory allows at a comfortable work_mem. */
export function defaultConnections(
  input: TuneInput,
  others: WithoutConnections,
  overrides: Overrides,
): DefaultConnections {
  const facts = workloads[input.workload];
  const most = facts.connections;
  const least = Math.min(input.pooledConnections === undefined ? 20 : 40, most);
  for (let n = most; n >= least; n -= n > 100 ? 10 : 5) {
    const plan = fullPlan(input, { ...others, max_connections: n }, overrides);
    const parallelWorkers = modestParallelWorkers(plan, facts.comfortableWorkMemMb);
    if (solveWorkMemMb({ ...plan, parallelWorkers }) >= facts.comfortableWorkMemMb) {
      return { connections: n, limited: n < most, halved: false };
    }
  }
  // Down to ten, halving: fewer connections that can work are better than many that cannot.
  for (let n = least; ; n = Math.max(FEWEST_CONNECTIONS, Math.floor(n / 2))) {
    const choice = chooseMemory(input, fullPlan(input, { ...others, max_connections: n }, overrides), overrides);
    const enough = choice.possible && choice.workMemMb >= LEAST_USEFUL_WORK_MEM_MB;
    if (enough || n <= FEWEST_CONNECTIONS) return { connections: n, limited: n < most, halved: n < least };
  }
}

/** work_mem is held at what the default number of connections was chosen for, where memory limits that number. */
export function workMemCapMb(input: TuneInput, chosen: DefaultConnections): number {
  if (!chosen.limited) return Number.POSITIVE_INFINITY;
  return chosen.halved ? LEAST_USEFUL_WORK_MEM_MB : workloads[input.workload].comfortableWorkMemMb;
}

/** The other four, from processors and topology only: changing a host's memory never changes them. */
export function topologySettings(inputs: readonly TuneInput[]): WithoutConnections {
  const first = inputs[0];
  if (!first) throw new Error("a cluster has at least one member");
  const { overrides } = readOverrides(first);
  const own = (name: string): number | undefined => quantity(overrides, name, first.version);
  const cpus = Math.max(...inputs.map((input) => input.cpus));
  const replicas = Math.max(...inputs.map((input) => input.replicas ?? 0));
  return {
    max_worker_processes: own("max_worker_processes") ?? Math.max(8, cpus) + OTHER_WORKER_PROCESSES,
    // Two for each standby (streaming, and a new copy of it), four for backups and tools, in steps of ten.
    max_wal_senders: own("max_wal_senders") ?? 10 * Math.ceil((2 * replicas + 4) / 10),
    max_prepared_transactions: own("max_prepared_transactions") ?? 0,
    max_locks_per_transaction: own("max_locks_per_transaction") ?? LOCKS_PER_TRANSACTION,
  };
}

/** The five values for these members; max_connections is what the smallest one allows, unless it is given. */
export function clusterSettings(inputs: readonly TuneInput[]): ClusterSettings {
  const others = topologySettings(inputs);
  const connections = inputs.map((input) => {
    const { overrides } = readOverrides(input);
    return wantedConnections(input, overrides) ?? defaultConnections(input, others, overrides).connections;
  });
  return { max_connections: Math.min(...connections), ...others };
}
