/** What a resource of this provider implements. The gRPC edge (server.ts, wire.ts) is the only caller. */

/** Stands in inputs for a value that the engine does not know yet (preview only). */
export const UNKNOWN: unique symbol = Symbol("unknown");

export interface Context {
  urn: string;
  /** Aborts when the engine cancels, dies, or the deadline of the operation passes. */
  signal: AbortSignal;
  /** A line in the engine's diagnostics, kept. */
  log(severity: "debug" | "info" | "warning" | "error", message: string): void;
  /** A line in the engine's progress display that the next one replaces. */
  status(message: string): void;
}

export interface CheckFailure {
  /** Property path, e.g. "members[0].port". */
  property: string;
  reason: string;
}

export type DiffKind = "add" | "update" | "delete" | "add-replace" | "update-replace" | "delete-replace";

export interface DiffResult {
  changes: boolean;
  /** Property path → what happens to it; shown by the engine line by line. */
  detailed: Record<string, { kind: DiffKind; inputDiff: boolean }>;
  deleteBeforeReplace?: boolean;
}

export interface Resource<I, O> {
  /** Top-level keys that are secret in inputs and outputs, whatever the program marked. */
  readonly secrets: readonly string[];
  /** No dialing here: inputs only. May hold UNKNOWN anywhere. */
  check?(news: I): CheckFailure[];
  /**
   * From state only. `olds` are outputs after the last read, `oldInputs` what the program or read gave last.
   * `note` puts a line for people into the engine's diagnostics.
   */
  diff(olds: O, news: I, oldInputs: I, note: (line: string) => void): DiffResult;
  /**
   * Outputs that a preview can know, from inputs and state alone; `news` may hold UNKNOWN anywhere. Absent: the inputs.
   * `olds` is there when the resource is. Throws what create or update would refuse.
   */
  preview?(news: I, olds?: O): object;
  create(news: I, context: Context): Promise<{ id: string; outputs: O }>;
  /** Live facts. Undefined: it is gone. An unreachable host is never "gone". */
  read(id: string, olds: O, oldInputs: I, context: Context): Promise<{ id: string; inputs: I; outputs: O } | undefined>;
  update(id: string, olds: O, news: I, context: Context): Promise<O>;
  delete(id: string, olds: O, context: Context): Promise<void>;
}

/** Thrown once a side effect has happened: the engine records the state reached and tries again next time. */
export class PartialFailure extends Error {
  readonly id: string;
  readonly outputs: object;
  constructor(message: string, id: string, outputs: object, options?: ErrorOptions) {
    super(message, options);
    this.id = id;
    this.outputs = outputs;
  }
}
