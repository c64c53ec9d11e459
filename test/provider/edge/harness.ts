/** Starts the real executable beside an engine that only listens, and talks to it as the engine would. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { credentials, type Metadata, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb.js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import statusMessages from "@pulumi/pulumi/proto/status_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";

export const EXECUTABLE = fileURLToPath(new URL("../../../provider/pulumi-resource-pgfleet", import.meta.url));
export const ECHO_ENTRY = new URL("./echo-entry.ts", import.meta.url).href;
export const URN = "urn:pulumi:test::postgres-fleet::pgfleet:test:Parent$pgfleet:test:Echo::one";
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const LIMIT_MS = 15_000;

// biome-ignore lint/suspicious/noExplicitAny: JSON of the tests' own making
export type Json = any;

export const secret = (value: unknown) => ({ [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value });
export const struct = (value: Json) => structs.Struct.fromJavaScript(value);
export const json = (value: structs.Struct | undefined): Json => value?.toJavaScript();

export interface FakeEngine {
  address: string;
  lines: { severity: number; message: string; urn: string; ephemeral: boolean }[];
  stop(): void;
}

export async function startEngine(): Promise<FakeEngine> {
  const lines: FakeEngine["lines"] = [];
  const server = new Server();
  server.addService(EngineService, {
    log: (call: { request: LogRequest }, callback: (error: null, value: unknown) => void) => {
      const request = call.request;
      lines.push({
        severity: request.getSeverity(),
        message: request.getMessage(),
        urn: request.getUrn(),
        ephemeral: request.getEphemeral(),
      });
      callback(null, new empty.Empty());
    },
    getRootResource: unused,
    setRootResource: unused,
    startDebugging: unused,
    requirePulumiVersion: unused,
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  return { address: `127.0.0.1:${port}`, lines, stop: () => server.forceShutdown() };
}

function unused(_call: unknown, callback: (error: Error) => void): void {
  callback(new Error("not part of the test"));
}

export interface Provider {
  process: ChildProcess;
  port: number;
  stdout(): string;
  stderr(): string;
  client: ResourceProviderClient;
  /** One unary call by method name. */
  call<R>(method: keyof ResourceProviderClient, request: unknown): Promise<R>;
  stop(): Promise<void>;
}

export async function startProvider(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Provider> {
  const child = spawn(EXECUTABLE, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: `--import ${ECHO_ENTRY}`, ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  await until(() => stdout.includes("\n") || child.exitCode !== null, "the port line");
  const port = Number(stdout);
  if (!Number.isInteger(port)) throw new Error(`no port: ${stdout} ${stderr}`);
  const client = connect(port);
  return {
    process: child,
    port,
    stdout: () => stdout,
    stderr: () => stderr,
    client,
    call: (method, request) => call(client, method, request),
    stop: async () => {
      client.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

export function connect(port: number): ResourceProviderClient {
  return new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_http_proxy": 0,
  });
}

export function call<R>(
  client: ResourceProviderClient,
  method: keyof ResourceProviderClient,
  request: unknown,
): Promise<R> {
  return new Promise((resolve, reject) => {
    const unary = client[method] as unknown as (
      request: unknown,
      callback: (error: Error | null, value: R) => void,
    ) => void;
    unary.call(client, request, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

export const create = (properties: Json, timeoutSeconds = 0) =>
  new messages.CreateRequest().setUrn(URN).setProperties(struct(properties)).setTimeout(timeoutSeconds);

/** The state that a failed call carries. */
export function partialState(
  error: ServiceError,
): { id: string; properties: Json; inputs: Json; reasons: string[] } | undefined {
  const [bytes] = (error.metadata as Metadata).get("grpc-status-details-bin");
  if (bytes === undefined) return undefined;
  const [any] = statusMessages.Status.deserializeBinary(bytes as Buffer).getDetailsList();
  if (any?.getTypeUrl() !== "type.googleapis.com/pulumirpc.ErrorResourceInitFailed") return undefined;
  const detail = messages.ErrorResourceInitFailed.deserializeBinary(any.getValue_asU8());
  return {
    id: detail.getId(),
    properties: json(detail.getProperties()),
    inputs: json(detail.getInputs()),
    reasons: detail.getReasonsList(),
  };
}

/** The error of a call that must fail. */
export async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  const result = await promise.then(
    () => undefined,
    (error) => error as ServiceError,
  );
  if (result === undefined) throw new Error("the call succeeded");
  return result;
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${LIMIT_MS} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
