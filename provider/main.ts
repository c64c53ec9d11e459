/** The provider's process: a gRPC server on a port of its own choice, whose number is all it prints. */

import { readFileSync, writeSync } from "node:fs";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { Engine, engineAddress } from "./engine.ts";
import { messageOf } from "./failure.ts";
import { watchLifetime } from "./lifetime.ts";
import { Operations } from "./operations.ts";
import { Redactor } from "./redact.ts";
import { resources } from "./registry.ts";
import { providerService } from "./server.ts";

// Set for this process by its start script; what it runs on hosts has no use for it.
delete process.env.NODE_COMPILE_CACHE;
// Standard output belongs to the port line; the engine reads nothing else there.
process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
// When the engine is gone nobody reads our errors; that must not end an operation that cleans up.
process.stderr.on("error", () => {});

const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
const operations = new Operations();
const everySecret = new Redactor();
const lifetime = watchLifetime(operations, () => new Promise((resolve) => server.tryShutdown(() => resolve())));
const engine = new Engine(() => lifetime.stop("the engine is gone"));

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
server.addService(ResourceProviderService, providerService({ resources, engine, operations, everySecret, version }));
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  engine.connect(engineAddress(process.argv.slice(2)));
  surviveStrays();
  writeSync(1, `${port}\n`);
});

/** One operation's stray promise or event is not a reason to take down all the others. */
function surviveStrays(): void {
  process.on("unhandledRejection", (reason) => note("unhandled rejection", reason));
  process.on("uncaughtException", (error) => {
    note("uncaught exception", error);
    // Whoever waited for the code that threw waits for ever: let every operation record where it is.
    operations.abort(new Error(everySecret.redact(`stopped by an internal error: ${messageOf(error)}`)));
  });
}

function note(what: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  engine.log("debug", everySecret.redact(`${what}: ${text}`));
}
