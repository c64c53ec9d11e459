/**
 * Shared memory of a server before it exists: an upper bound for what `postgres -C shared_memory_size` prints.
 *
 * Fitted on PostgreSQL 15 to 18 (14 cannot print it); test/server/ checks that it is never below the real value.
 */

export interface SharedMemoryInput {
  sharedBuffersMb: number;
  /** Absent: automatic, shared_buffers ÷ 32 up to 16 MB. */
  walBuffersMb?: number;
  connections: number;
  /** autovacuum_max_workers, from 18 on autovacuum_worker_slots. */
  autovacuumSlots: number;
  workerProcesses: number;
  walSenders: number;
  preparedTransactions: number;
  locksPerTransaction: number;
  /** pg_stat_statements.max; 0 when the library is not loaded. */
  statementEntries: number;
  /** What overrides add, e.g. a larger track_activity_query_size. */
  extraMb: number;
}

/** What every server has: SLRU buffers, statistics, the control structures of its own processes. */
const FIXED_MB = 5;
const MB_PER_PROCESS = 0.08;
const MB_PER_LOCK = 0.0004;
const MB_PER_STATEMENT = 0.0005;

export function automaticWalBuffersMb(sharedBuffersMb: number): number {
  return Math.min(16, Math.max(0.0625, sharedBuffersMb / 32));
}

/** Processes and prepared transactions that have an entry in shared memory. */
export function sharedSlots(input: SharedMemoryInput): number {
  const { connections, autovacuumSlots, workerProcesses, walSenders, preparedTransactions } = input;
  return connections + autovacuumSlots + workerProcesses + walSenders + preparedTransactions;
}

export function sharedMemoryMb(input: SharedMemoryInput): number {
  const slots = sharedSlots(input);
  return (
    1.04 * input.sharedBuffersMb +
    (input.walBuffersMb ?? automaticWalBuffersMb(input.sharedBuffersMb)) +
    FIXED_MB +
    MB_PER_PROCESS * slots +
    MB_PER_LOCK * Math.max(0, input.locksPerTransaction - 64) * slots +
    MB_PER_STATEMENT * input.statementEntries +
    input.extraMb
  );
}
