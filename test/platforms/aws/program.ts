/** The whole program under mocks, as an account on AWS would answer it. */

import * as fs from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";
import { parse } from "yaml";
import { type Registered, record } from "../../support/record.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"];

/** Its private half was never kept. */
const ANYBODYS_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEg1ODc3MWJkZTNhMzQ4YmI5OGE1YjE4NzQxNjM4Y2Fi test";

export type Config = Record<string, unknown> & { hosts: Record<string, Record<string, unknown>> };

/** Keys of a stack file without their namespace. */
export function stackConfig(stack: string): Config {
  const { config } = parse(fs.readFileSync(path.join(ROOT, `Pulumi.${stack}.yaml`), "utf8"));
  const found = Object.fromEntries(
    Object.entries(config as Record<string, unknown>).map(([key, value]) => [
      key.replace("postgres-fleet:", ""),
      value,
    ]),
  ) as Config;
  // The example's key is refused.
  const aws = found.aws as { publicKey: string } | undefined;
  if (aws) aws.publicKey = ANYBODYS_KEY;
  return found;
}

/** Resources that the program registers for this config, in an order in which an engine could make them. */
export async function runProgram(config: Config, stack = "prod"): Promise<Registered[]> {
  const values = Object.entries(config).map(([key, value]): [string, string] => [
    `postgres-fleet:${key}`,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
  vi.resetModules();
  return record(
    async () => {
      pulumi.runtime.setAllConfig(Object.fromEntries(values));
      await import("../../../infra/index.ts");
    },
    { stack, outputs, call, id: idOf },
  );
}

const PREFIXES: Record<string, string> = {
  Instance: "i",
  Volume: "vol",
  Vpc: "vpc",
  Subnet: "subnet",
  SecurityGroup: "sg",
};
const kindOf = (type: string): string => type.split(":").at(-1)!;

function idOf(type: string, name: string): string {
  const prefix = PREFIXES[kindOf(type)];
  return prefix && type.startsWith("aws:") ? `${prefix}-${name}` : name;
}

/** What resources have that nobody gives them. */
function outputs(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  if (type.startsWith("aws:"))
    return {
      arn: `arn:aws:${kindOf(type)}:${name}`,
      name: inputs.name ?? name,
      zoneId: name,
      keyName: name,
      bucket: inputs.bucket ?? name,
    };
  switch (kindOf(type)) {
    case "Credential":
      return { password: "given-by-mocks", verifier: `SCRAM-SHA-256$${name}`, version: 1 };
    case "CertificateAuthority":
      return { certificate: "authority", key: "authority-key", bundle: "authority" };
    case "Certificate":
      return { ca: "authority", certificate: name, key: `${name}-key`, notAfter: "2027-01-01T00:00:00Z", version: 1 };
    case "Drain": {
      return { type: (inputs.machine as { type: string }).type, machineImage: inputs.image };
    }
    case "Rollout":
      return { observed: {} };
    default:
      return {};
  }
}

function call(token: string, inputs: Record<string, unknown>): Record<string, unknown> {
  if (token.endsWith(":getParameter")) return { ...inputs, value: `ami-of${String(inputs.name).replaceAll("/", "-")}` };
  if (token.endsWith(":getAvailabilityZones")) return { names: ZONES };
  return inputs;
}
