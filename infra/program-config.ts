/** The stack config as the engine has it: the checked spec, and the secrets it names. */

import { existsSync, readFileSync } from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { formatProblems, loadFleet } from "./config/load.ts";
import type { FleetSpec } from "./config/spec.ts";
import { parseStackFile } from "./config/stack-file.ts";
import { isExampleKey } from "./platforms/aws/example-key.ts";
import { localStateDir } from "./platforms/local.ts";
import { readMachineFacts } from "./platforms/machine.ts";
import { readStateFacts } from "./state-facts.ts";

const NAMESPACE = "postgres-fleet:";

export interface ProgramConfig {
  spec: FleetSpec;
  /** The entries of `secrets`; secret. */
  secrets: pulumi.Output<Record<string, string>>;
}

/** @throws pulumi.RunError with every problem of the config in one message. */
export function loadProgramConfig(projectRoot: string): ProgramConfig {
  const stack = pulumi.getStack();
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    if (key.startsWith(NAMESPACE)) raw[key.slice(NAMESPACE.length)] = value;
  }
  const file = path.join(projectRoot, `Pulumi.${stack}.yaml`);
  const locate = existsSync(file) ? parseStackFile(readFileSync(file, "utf8"), path.basename(file)).locate : undefined;
  const stateDir = typeof raw.stateDir === "string" ? { stateDir: raw.stateDir } : {};
  const machine =
    (raw.platform ?? "local") === "local"
      ? readMachineFacts(localStateDir({ stack, ...stateDir }, projectRoot))
      : undefined;
  const result = loadFleet(raw, {
    stack,
    ...(locate ? { locate } : {}),
    ...(machine ? { machine } : {}),
    state: readStateFacts({ env: process.env, projectRoot, stackFile: file }),
  });
  if (!result.ok) throw new pulumi.RunError(formatProblems(result.problems, stack));
  if (result.spec.aws && isExampleKey(result.spec.aws.publicKey))
    throw new pulumi.RunError(
      `aws.publicKey of stack ${stack} is still the example's, and nobody could log in; nothing was changed. Put the line of your own public key there (~/.ssh/id_ed25519.pub; ssh-keygen -t ed25519 makes one).`,
    );
  for (const warning of result.warnings) pulumi.log.warn(warning);
  const secrets = new pulumi.Config("postgres-fleet").getSecretObject<Record<string, string>>("secrets");
  return { spec: result.spec, secrets: secrets ?? pulumi.secret<Record<string, string>>({}) };
}

/** Errors of what a person declared are shown as their text alone, without a stack trace. */
export function forPeople<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new pulumi.RunError((error as Error).message);
  }
}
