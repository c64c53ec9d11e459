/** The operations that run now, and the ways they are told to stop. */

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface OperationOptions {
  /** Seconds the resource's `customTimeouts` allow; 0 is no limit. */
  timeoutSeconds: number;
}

export class Operations {
  readonly #running = new Set<AbortController>();
  readonly #waiting: (() => void)[] = [];
  #closed: Error | undefined;

  get running(): number {
    return this.#running.size;
  }

  /**
   * Runs `work` with a signal that aborts when `abort` is called, when its own caller is gone (`cancel`), or when
   * the time is up. It settles only when `work` does: an operation that ignores its signal is still running.
   */
  async run<T>(
    options: OperationOptions,
    work: (signal: AbortSignal, cancel: (reason: Error) => void) => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const controller = new AbortController();
    const timer = deadline(options.timeoutSeconds, controller);
    this.#running.add(controller);
    try {
      return await work(controller.signal, (reason) => controller.abort(reason));
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
      if (this.#running.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Aborts what runs now; what starts later is not affected. */
  abort(reason: Error): void {
    for (const controller of this.#running) controller.abort(reason);
  }

  /** Aborts what runs now and refuses whatever comes. */
  close(reason: Error): void {
    this.#closed ??= reason;
    this.abort(reason);
  }

  /** Settles when nothing runs any more. */
  idle(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function deadline(seconds: number, controller: AbortController): NodeJS.Timeout | undefined {
  if (!(seconds > 0)) return undefined;
  const reason = new Error(`stopped after the ${seconds} s that customTimeouts allow`);
  return setTimeout(() => controller.abort(reason), Math.min(seconds * 1000, MAX_TIMER_MS));
}
