/** The gRPC service: each call opened, handed to its resource, and sealed again. */

import { type handleUnaryCall, type ServerUnaryCall, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { diffResponse } from "./diff-response.ts";
import type { Engine } from "./engine.ts";
import { serviceError } from "./failure.ts";
import { unlessGone } from "./gone.ts";
import type { Operations } from "./operations.ts";
import type { Redactor } from "./redact.ts";
import { type AnyResource, resourceFor } from "./registry.ts";
import type { Context } from "./types.ts";
import { Envelope } from "./wire.ts";

const FLUSH_LIMIT_MS = 1_000;

export interface ServiceOptions {
  resources: ReadonlyMap<string, AnyResource>;
  engine: Engine;
  operations: Operations;
  /** Collects the secrets of all requests, for what is said outside of any. */
  everySecret: Redactor;
  /** Semantic version. */
  version: string;
}

/** What every request about a resource has. */
interface ResourceRequest {
  getUrn(): string;
  getType(): string;
  getTimeout?(): number;
}

interface Call {
  resource: AnyResource;
  envelope: Envelope;
  context: Context;
  /** Read goes on with these when it fails half way. */
  inputs?: object;
}

export function providerService(options: ServiceOptions): UntypedServiceImplementation {
  const { engine, operations, version } = options;

  /** A call about one resource: its own envelope, its own signal, and an error without secrets. */
  const about =
    <Q extends ResourceRequest, R>(recordsState: boolean, work: (request: Q, call: Call) => Promise<R> | R) =>
    (call: ServerUnaryCall<Q, R>, callback: Parameters<handleUnaryCall<Q, R>>[1]) => {
      const { request } = call;
      let envelope = new Envelope();
      let running: Call | undefined;
      let aborted = false;
      const answer = operations.run({ timeoutSeconds: request.getTimeout?.() ?? 0 }, async (signal, cancel) => {
        call.on("cancelled", () => cancel(new Error("stopped: the engine no longer waits for the answer")));
        signal.addEventListener("abort", () => (aborted = true), { once: true });
        const urn = request.getUrn();
        const resource = resourceFor(options.resources, request.getType(), urn);
        envelope = new Envelope(resource.secrets, options.everySecret);
        const context: Context = {
          urn,
          signal,
          log: (severity, message) => engine.log(severity, envelope.redact(message), urn),
          status: (message) => engine.log("info", envelope.redact(message), urn, true),
        };
        running = { resource, envelope, context };
        try {
          return await work(request, running);
        } finally {
          // The last lines must be there before the engine hears that this is over.
          await engine.flush(FLUSH_LIMIT_MS);
        }
      });
      answer.then(
        (response) => callback(null, response),
        (error) => {
          const inputs = running?.inputs;
          callback(serviceError(error, { envelope, recordsState, aborted, ...(inputs && { inputs }) }));
        },
      );
    };

  return {
    handshake: reply(() => new messages.ProviderHandshakeResponse().setAcceptSecrets(true)),
    getPluginInfo: reply(() => new plugin.PluginInfo().setVersion(version)),
    getSchema: reply(() => new messages.GetSchemaResponse().setSchema(JSON.stringify({ name: "pgfleet", version }))),
    checkConfig: reply((request: messages.CheckRequest) => new messages.CheckResponse().setInputs(request.getNews())),
    diffConfig: reply(() => new messages.DiffResponse().setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE)),
    // Only plain data and secrets come in: output values and resource references arrive resolved. Previews are asked for:
    // what is made of an output, such as the type of a machine, is in them as far as it is known.
    configure: reply(() => new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true)),
    attach: reply((request: plugin.PluginAttach) => {
      engine.connect(request.getAddress());
      return new empty.Empty();
    }),
    // Also sent on every ordinary shutdown.
    cancel: reply(() => {
      operations.abort(new Error("stopped: the update was cancelled"));
      return new empty.Empty();
    }),

    check: about(false, (request: messages.CheckRequest, { resource, envelope }) => {
      envelope.open(request.getOlds());
      const news = new Envelope(resource.secrets);
      const inputs = news.open(request.getNews());
      envelope.open(request.getNews());
      const failures = (resource.check?.(inputs) ?? []).map(({ property, reason }) =>
        new messages.CheckFailure().setProperty(envelope.redact(property)).setReason(envelope.redact(reason)),
      );
      return new messages.CheckResponse().setInputs(news.seal(inputs, "keep")).setFailuresList(failures);
    }),
    diff: about(false, (request: messages.DiffRequest, { resource, envelope, context }) => {
      const olds = envelope.open(request.getOlds());
      const news = envelope.open(request.getNews());
      const oldInputs = envelope.open(request.getOldInputs());
      const diff = resource.diff(olds, news, oldInputs, (line) => context.log("info", line));
      return diffResponse(diff, request.getIgnorechangesList(), (text) => envelope.redact(text));
    }),
    create: about(true, async (request: messages.CreateRequest, { resource, envelope, context }) => {
      const news = envelope.open(request.getProperties());
      if (request.getPreview())
        return new messages.CreateResponse().setProperties(envelope.seal(resource.preview?.(news) ?? news, "keep"));
      const { id, outputs } = await resource.create(news, context);
      return new messages.CreateResponse().setId(id).setProperties(envelope.seal(outputs));
    }),
    read: about(true, async (request: messages.ReadRequest, call) => {
      const { resource, envelope, context } = call;
      const olds = envelope.open(request.getProperties());
      const oldInputs = envelope.open(request.getInputs());
      call.inputs = oldInputs;
      const live = await resource.read(request.getId(), olds, oldInputs, context);
      // An answer without an id is how the engine learns that a resource is gone.
      if (live === undefined) return new messages.ReadResponse();
      const outputs = envelope.seal(live.outputs);
      return new messages.ReadResponse().setId(live.id).setProperties(outputs).setInputs(envelope.seal(live.inputs));
    }),
    update: about(true, async (request: messages.UpdateRequest, { resource, envelope, context }) => {
      const olds = envelope.open(request.getOlds());
      const news = envelope.open(request.getNews());
      envelope.open(request.getOldInputs());
      if (request.getPreview())
        return new messages.UpdateResponse().setProperties(
          envelope.seal(resource.preview?.(news, olds) ?? news, "keep"),
        );
      const outputs = await resource.update(request.getId(), olds, news, context);
      return new messages.UpdateResponse().setProperties(envelope.seal(outputs));
    }),
    delete: about(false, async (request: messages.DeleteRequest, { resource, envelope, context }) => {
      const olds = envelope.open(request.getProperties());
      envelope.open(request.getOldInputs());
      await unlessGone(() => resource.delete(request.getId(), olds, context), context);
      return new empty.Empty();
    }),

    invoke: unimplemented((request: messages.InvokeRequest) => `has no function "${request.getTok()}"`),
    call: unimplemented((request: messages.CallRequest) => `has no method "${request.getTok()}"`),
    construct: unimplemented((request: messages.ConstructRequest) => `has no component "${request.getType()}"`),
    parameterize: unimplemented(() => "takes no parameters"),
    getMapping: reply(() => new messages.GetMappingResponse()),
    getMappings: reply(() => new messages.GetMappingsResponse()),
  };
}

function reply<Q, R>(work: (request: Q) => R): handleUnaryCall<Q, R> {
  return (call, callback) => callback(null, work(call.request));
}

function unimplemented<Q>(problem: (request: Q) => string): handleUnaryCall<Q, never> {
  return (call, callback) =>
    callback({ code: status.UNIMPLEMENTED, details: `the provider pgfleet ${problem(call.request)}` });
}
