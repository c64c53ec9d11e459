/** A stack's config and plan without the engine: no passphrase, no state, no credentials. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { formatProblems, loadStackFile } from "../infra/config/load.ts";
import type { FleetSpec } from "../infra/config/spec.ts";
import { didYouMean } from "../infra/config/suggest.ts";
import { type Fleet, planFleet } from "../infra/fleet.ts";
import { projectTemplates } from "../infra/rendering/templates.ts";
import type { HostLayout } from "../infra/rendering/types.ts";
import { UsageError } from "./errors.ts";

/** The project's folder: the one with Pulumi.yaml. */
export const ROOT = path.resolve(import.meta.dirname, "..");

export interface LoadedStack {
  spec: FleetSpec;
  warnings: string[];
  /** The stack file as it was read. */
  content: Uint8Array;
}

/**
 * @param stack Name of the stack; "org/project/name" counts as "name".
 * @param root Folder of Pulumi.yaml.
 * @param configFile Stack file. Default: `<root>/Pulumi.<stack>.yaml`.
 * @throws UsageError with every problem of the config, each with its key path and line.
 */
export function loadStack(stack: string, root: string = ROOT, configFile?: string): LoadedStack {
  const name = stack.slice(stack.lastIndexOf("/") + 1);
  const file = configFile ?? path.join(root, `Pulumi.${name}.yaml`);
  if (!existsSync(file)) throw new UsageError(missing(name, file, root, configFile !== undefined));
  const content = read(file);
  const result = loadStackFile(content, path.basename(file), { stack: name });
  if (!result.ok) throw new UsageError(formatProblems(result.problems, name));
  return { spec: result.spec, warnings: result.warnings, content };
}

/**
 * The loaded stack with its tuned settings and rendered files.
 * @throws UsageError with every problem of the tuning or the templates.
 */
export function planStack(spec: FleetSpec, layouts: Map<string, HostLayout>, root: string = ROOT): Fleet {
  try {
    return planFleet(spec, layouts, projectTemplates(root));
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function missing(stack: string, file: string, root: string, given: boolean): string {
  if (given) return `--config-file: there is no file ${file}`;
  const stacks = readdirSync(root)
    .map((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1])
    .filter((found) => found !== undefined)
    .sort();
  const known = stacks.length > 0 ? `Stacks here: ${stacks.join(", ")}.` : "There are no stack files here.";
  return `there is no stack "${stack}": ${file} does not exist.${didYouMean(stack, stacks)} ${known}`;
}
