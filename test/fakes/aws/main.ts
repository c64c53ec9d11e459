/** The stand-in's process: serves the engine as the plugin of @pulumi/aws does, out of a cloud in a folder. */

import { readFileSync, writeSync } from "node:fs";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { Engine, engineAddress } from "../../../provider/engine.ts";
import { watchLifetime } from "../../../provider/lifetime.ts";
import { Operations } from "../../../provider/operations.ts";
import { Redactor } from "../../../provider/redact.ts";
import { providerService } from "../../../provider/server.ts";
import { Envelope } from "../../../provider/wire.ts";
import { Cloud } from "./cloud.ts";
import { call } from "./functions.ts";
import { Hardware } from "./hardware.ts";
import { type Account, resourcesIn } from "./resources.ts";

const server = new Server();
const operations = new Operations();
const lifetime = watchLifetime(operations, () => new Promise((resolve) => server.tryShutdown(() => resolve())));
const engine = new Engine(() => lifetime.stop("the engine is gone"));
// The version that the SDK asks for.
const sdk = new URL("../../../node_modules/@pulumi/aws/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(sdk, "utf8")) as { version: string };
const cloud = Cloud.here();
let account: Account | undefined;

/** The stack's own keys of this provider, or those of an explicit one: what is nested comes as JSON. */
function configure(
  { request }: ServerUnaryCall<messages.ConfigureRequest, messages.ConfigureResponse>,
  answer: sendUnaryData<messages.ConfigureResponse>,
): void {
  const { region, defaultTags } = new Envelope().open(request.getArgs());
  const { tags = {} } = (typeof defaultTags === "string" ? JSON.parse(defaultTags) : (defaultTags ?? {})) as {
    tags?: Record<string, string>;
  };
  const where = (region ?? process.env.AWS_REGION) as string | undefined;
  if (where) account = { region: where, defaultTags: tags };
  answer(null, new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true));
}

function known(): Account {
  if (!account) throw new Error("Missing region configuration: aws:region is not set");
  return account;
}

function invoke(
  { request }: ServerUnaryCall<messages.InvokeRequest, messages.InvokeResponse>,
  answer: sendUnaryData<messages.InvokeResponse>,
): void {
  // To the SDK it is a secret whatever it says.
  const envelope = new Envelope(request.getTok() === "aws:ssm/getParameter:getParameter" ? ["value"] : []);
  try {
    const result = call(request.getTok(), envelope.open(request.getArgs()), {
      state: cloud.state(),
      region: known().region,
    });
    answer(null, new messages.InvokeResponse().setReturn(envelope.seal(result)));
  } catch (error) {
    answer({ code: status.UNKNOWN, details: (error as Error).message });
  }
}

const resources = resourcesIn(cloud, new Hardware(cloud), known);
const service = providerService({ resources, engine, operations, everySecret: new Redactor(), version });
server.addService(ResourceProviderService, { ...service, configure, invoke });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  engine.connect(engineAddress(process.argv.slice(2)));
  writeSync(1, `${port}\n`);
});
