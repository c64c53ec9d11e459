/** Reads where the engine keeps its state, as the CLI decides it: environment, then Pulumi.yaml, then the last login. */

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import * as path from "node:path";
import type { StateFacts } from "./config/load.ts";
import { stackRoot } from "./config/stack-root.ts";

export interface StatePlaces {
  env: NodeJS.ProcessEnv;
  /** Folder of Pulumi.yaml. */
  projectRoot: string;
  /** Path of the stack file; it may not be there. */
  stackFile: string;
}

/** @throws nothing: what cannot be read is not known. */
export function readStateFacts({ env, projectRoot, stackFile }: StatePlaces): StateFacts {
  const project = yaml(path.join(projectRoot, "Pulumi.yaml"));
  const stack = yaml(stackFile);
  const backend = readBackend(env, project);
  return {
    ...(backend ? { backend } : {}),
    ...(typeof stack.secretsprovider === "string" ? { secretsProvider: stack.secretsprovider } : {}),
    ...(typeof stack.encryptionsalt === "string" ? { encryptionSalt: true } : {}),
  };
}

function readBackend(env: NodeJS.ProcessEnv, project: Record<string, unknown>): StateFacts["backend"] {
  if (env.PULUMI_BACKEND_URL) return { url: env.PULUMI_BACKEND_URL, from: "PULUMI_BACKEND_URL" };
  const declared = (project.backend as { url?: unknown } | undefined)?.url;
  if (typeof declared === "string" && declared !== "") return { url: declared, from: "backend.url in Pulumi.yaml" };
  const current = currentLogin(env);
  return current ? { url: current, from: "pulumi login" } : undefined;
}

/** Only which backend is current; the tokens beside it are not kept. */
function currentLogin(env: NodeJS.ProcessEnv): string | undefined {
  const folder = env.PULUMI_CREDENTIALS_PATH || env.PULUMI_HOME || path.join(env.HOME || homedir(), ".pulumi");
  try {
    const { current } = JSON.parse(readFileSync(path.join(folder, "credentials.json"), "utf8")) as {
      current?: unknown;
    };
    return typeof current === "string" && current !== "" ? current : undefined;
  } catch {
    return undefined;
  }
}

function yaml(file: string): Record<string, unknown> {
  let root: unknown;
  try {
    root = stackRoot(readFileSync(file));
  } catch {
    return {};
  }
  return typeof root === "object" && root !== null ? (root as Record<string, unknown>) : {};
}
