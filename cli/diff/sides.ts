/** Both sides of every stack that is asked for, compared. */

import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import * as path from "node:path";
import { setImmediate } from "node:timers/promises";
import { renderLayouts } from "../../infra/platforms/platform.ts";
import { type Compared, compare } from "../../infra/preview/compare.ts";
import { renderedFleet } from "../../infra/preview/rendered.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import type { Side, Stalls } from "../../infra/preview/types.ts";
import { UsageError } from "../errors.ts";
import { loadStack, planStack } from "../load.ts";
import { type BaseTools, prepareBase, renderBase } from "./base.ts";
import type { Base } from "./git.ts";
import { withWorktree } from "./worktree.ts";

/** @param stack undefined: every stack that has a file on either side. */
export async function compareStacks(root: string, base: Base, stack: string | undefined): Promise<Compared[]> {
  const stalls = readStalls(root);
  return withWorktree(root, base.commit, async (worktree) => {
    const tools: BaseTools = { worktree, commit: base.commit, root };
    const stacks =
      stack === undefined ? [...new Set([...stackNames(root), ...stackNames(worktree.root)])].sort() : [stack];
    if (stacks.length === 0) throw new UsageError("there is no stack file (Pulumi.<stack>.yaml) here or at the base");
    // Says which stacks there are.
    for (const name of stacks) if (!hasStack(root, name) && !hasStack(worktree.root, name)) loadStack(name, root);
    const unusable = prepareBase(tools);
    const results = new Map<string, Compared>();
    const queue = [...stacks];
    const worker = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const problem = await unusable;
        // The base renders in another process meanwhile: that is started first.
        const head = setImmediate().then(() => headSide(root, name));
        const before =
          problem === undefined || !hasStack(worktree.root, name) ? renderBase(tools, name, head) : failed(problem);
        results.set(name, compare(name, ...(await Promise.all([before, head])), stalls));
      }
    };
    await Promise.all(Array.from({ length: Math.min(stacks.length, availableParallelism()) }, worker));
    return stacks.map((name) => results.get(name)!);
  });
}

const failed = async (problem: string): Promise<Side> => ({ kind: "failed", problem });

export function headSide(root: string, stack: string): Side {
  const file = stackFile(root, stack);
  if (!fs.existsSync(file)) return { kind: "absent" };
  try {
    const { spec, warnings, content } = loadStack(stack, root);
    const fleet = planStack(spec, renderLayouts(spec, root), root);
    return { kind: "rendered", fleet: renderedFleet(fleet, warnings), secrets: secretValues(content) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { kind: "failed", problem: error.message.replaceAll(`${root}${path.sep}`, "") };
  }
}

const stackFile = (root: string, stack: string): string => path.join(root, `Pulumi.${stack}.yaml`);
const hasStack = (root: string, stack: string): boolean => fs.existsSync(stackFile(root, stack));

function stackNames(root: string): string[] {
  return fs.readdirSync(root).flatMap((entry) => /^Pulumi\.(.+)\.yaml$/.exec(entry)?.[1] ?? []);
}

/** How long clients waited for a step when it was last measured; nothing when nobody measured. */
function readStalls(root: string): Stalls {
  const file = path.join(root, "bench/stalls.json");
  if (!fs.existsSync(file)) return {};
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Stalls;
  } catch (error) {
    throw new UsageError(`bench/stalls.json cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
