/** `pgfleet clients`: connection URLs and pool settings that are right for this fleet. Never shows a password. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { clientEndpoint, PASSWORD, tlsParameters, url } from "../infra/clients.ts";
import { layouts } from "../infra/platforms/platform.ts";
import { CLIENTS, type Client, notes, snippet } from "./clients/snippets.ts";
import { UsageError } from "./errors.ts";
import { loadStack, ROOT } from "./load.ts";
import { type FormatOptions, print, type StackOptions, warn, withFormat, withStack } from "./options.ts";
import { applicationRole } from "./status/psql-line.ts";

interface ClientsOptions extends StackOptions, FormatOptions {
  for: Client;
  role?: string;
  database?: string;
  instances: number;
}

export const CLIENTS_VERSION = 1;

export function register(program: Command): void {
  withFormat(withStack(program.command("clients")))
    .description("how applications connect: URLs and pool settings for a kind of client")
    .addOption(new Option("--for <client>", "kind of client").choices(CLIENTS).default("psql"))
    .option("--role <name>", "role that connects; default: the first that may write")
    .option("--database <name>", "database; default: the first")
    .option("--instances <number>", "instances of the application that share the pools", count, 2)
    .addHelpText("after", `\nA password is never shown: ${PASSWORD} stands in its place.`)
    .action(clients);
}

function clients(options: ClientsOptions): void {
  const { spec, warnings } = loadStack(options.stack, ROOT, options.configFile);
  warn(warnings);
  const role = options.role ?? applicationRole(spec.roles)?.name;
  const database = options.database ?? spec.databases[0]?.name;
  if (role === undefined || database === undefined)
    throw new UsageError(`stack ${spec.stack} has no ${role === undefined ? "role that may log in" : "database"}`);
  let endpoint: ReturnType<typeof clientEndpoint>;
  try {
    endpoint = clientEndpoint(spec, role, database, options.instances, pgbouncerVersion(spec));
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  const text = snippet(options.for, endpoint);
  const remarks = notes(endpoint, options.instances);
  if (options.format === "table") {
    print(`${text}\n\n${remarks.map((note) => `- ${note}`).join("\n")}`);
    return;
  }
  const { readWrite, readOnly, direct, ...rest } = endpoint;
  const urls = {
    readWrite: url(role, readWrite, tlsParameters(endpoint)),
    readOnly: url(role, readOnly, tlsParameters(endpoint)),
    direct: direct && url(role, direct, tlsParameters(endpoint)),
  };
  const found = {
    version: CLIENTS_VERSION,
    stack: spec.stack,
    database,
    for: options.for,
    ...rest,
    urls,
    settings: text,
    notes: remarks,
  };
  print(JSON.stringify(found, null, 2));
}

/** As far as the platform knows it; otherwise the oldest that the project supports. */
function pgbouncerVersion(spec: Parameters<typeof layouts>[0]): string | undefined {
  if (spec.platform !== "local" || !spec.pooler) return undefined;
  return layouts(spec, ROOT).get(spec.pooler.hosts[0]!)?.versions?.pgbouncer;
}

function count(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("a whole number from 1");
  return number;
}
