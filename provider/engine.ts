/** The way back to the engine: its log, and whether it is still there. */

import { credentials, Metadata } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/engine_pb.js";

export type Severity = "debug" | "info" | "warning" | "error";

const READY = 2;
const LOG_LIMIT_MS = 5_000;
const CONNECT_LIMIT_MS = 10_000;
/**
 * How long a lost connection may take to come back before the engine counts as gone. An engine that ends hangs up first and
 * then stops its plugins one after the other, and calls one that ended by itself meanwhile a failure; one that was killed
 * is noticed sooner by other means.
 */
const RECONNECT_LIMIT_MS = 20_000;
const SEVERITIES = {
  debug: messages.LogSeverity.DEBUG,
  info: messages.LogSeverity.INFO,
  warning: messages.LogSeverity.WARNING,
  error: messages.LogSeverity.ERROR,
} as const;

interface Line {
  severity: Severity;
  message: string;
  urn: string;
  ephemeral: boolean;
}

export class Engine {
  readonly #onLost: () => void;
  #client: EngineClient | undefined;
  #queue: Line[] = [];
  #sending: Promise<void> | undefined;

  /** `onLost` is called once when an engine that had answered is gone. */
  constructor(onLost: () => void) {
    this.#onLost = onLost;
  }

  /** `address`: "host:port"; empty or absent: there is no engine, and log lines go nowhere. */
  connect(address: string | undefined): void {
    this.#client?.close();
    this.#client = undefined;
    if (address === undefined || address === "") return;
    const client = new EngineClient(address, credentials.createInsecure(), {
      // The engine is on this machine; a proxy from the environment would swallow the connection.
      "grpc.enable_http_proxy": 0,
      "grpc.max_send_message_length": -1,
      "grpc.max_receive_message_length": -1,
    });
    this.#client = client;
    client.waitForReady(Date.now() + CONNECT_LIMIT_MS, (error) => {
      if (error === undefined) this.#watch(client);
    });
  }

  /** Queues one line and returns. Lines arrive in order; a status line that was not sent yet is replaced by a newer one. */
  log(severity: Severity, message: string, urn = "", ephemeral = false): void {
    if (this.#client === undefined) return;
    const line = { severity, message, urn, ephemeral };
    const last = this.#queue.at(-1);
    if (ephemeral && last?.ephemeral && last.urn === urn) this.#queue[this.#queue.length - 1] = line;
    else this.#queue.push(line);
    this.#sending ??= this.#drain();
  }

  /** Waits until every queued line is delivered or `limitMs` passed. */
  async flush(limitMs: number): Promise<void> {
    if (this.#sending === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    await Promise.race([this.#sending, late]);
    clearTimeout(timer);
  }

  close(): void {
    this.connect(undefined);
  }

  async #drain(): Promise<void> {
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) await this.#send(line);
    this.#sending = undefined;
  }

  #send(line: Line): Promise<void> {
    const client = this.#client;
    if (client === undefined) return Promise.resolve();
    const request = new messages.LogRequest()
      .setSeverity(SEVERITIES[line.severity])
      .setMessage(line.message)
      .setUrn(line.urn)
      .setEphemeral(line.ephemeral);
    // A log line that cannot be delivered must not fail the operation that wrote it.
    return new Promise((resolve) =>
      client.log(request, new Metadata(), { deadline: Date.now() + LOG_LIMIT_MS }, () => resolve()),
    );
  }

  #watch(client: EngineClient): void {
    client.getChannel().watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => {
      if (this.#client !== client) return;
      // An idle channel also leaves READY: only one that cannot come back has lost its engine.
      client.waitForReady(Date.now() + RECONNECT_LIMIT_MS, (error) => {
        if (this.#client !== client) return;
        if (error === undefined) this.#watch(client);
        else this.#onLost();
      });
    });
  }
}

/** The engine's address among the arguments it starts a provider with; flags and their values are skipped. */
export function engineAddress(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--tracing") i += 1;
    else if (!args[i]!.startsWith("-")) return args[i];
  }
  return undefined;
}
