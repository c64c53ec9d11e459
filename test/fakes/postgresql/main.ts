/** The stand-in's process: serves the engine as the plugin of @pulumi/postgresql does, and runs what SQL that runs. */

import { readFileSync, writeSync } from "node:fs";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { Engine, engineAddress } from "../../../provider/engine.ts";
import { watchLifetime } from "../../../provider/lifetime.ts";
import { Operations } from "../../../provider/operations.ts";
import { Redactor } from "../../../provider/redact.ts";
import { providerService } from "../../../provider/server.ts";
import { type Login, resourcesAt } from "./resources.ts";

const server = new Server();
const operations = new Operations();
const lifetime = watchLifetime(operations, () => new Promise((resolve) => server.tryShutdown(() => resolve())));
const engine = new Engine(() => lifetime.stop("the engine is gone"));
// The version that the SDK asks for.
const sdk = new URL("../../../node_modules/@pulumi/postgresql/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(sdk, "utf8")) as { version: string };
let login: Login | undefined;

/** The stack's own keys of this provider: `postgresql:host` and so on. */
function configure(
  { request }: ServerUnaryCall<messages.ConfigureRequest, messages.ConfigureResponse>,
  answer: sendUnaryData<messages.ConfigureResponse>,
): void {
  const given = (request.getArgs()?.toJavaScript() ?? {}) as Record<string, string>;
  if (given.host && given.username)
    login = {
      host: given.host,
      port: Number(given.port ?? 5432),
      user: given.username,
      ...(given.password ? { password: given.password } : {}),
    };
  answer(null, new messages.ConfigureResponse().setAcceptsecrets(true));
}

const resources = resourcesAt(() => {
  if (!login) throw new Error("postgresql:host and postgresql:username say where the server is, and who logs in");
  return login;
});
const service = providerService({ resources, engine, operations, everySecret: new Redactor(), version });
server.addService(ResourceProviderService, { ...service, configure });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  engine.connect(engineAddress(process.argv.slice(2)));
  writeSync(1, `${port}\n`);
});
