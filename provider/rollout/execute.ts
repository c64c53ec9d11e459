/** Executes a plan: step by step, clones side by side, and what is between pause and resume as one piece. */

import type { RolloutInputs, RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import { describe } from "../../infra/rollout/describe.ts";
import type { Plan, Step, Switchover } from "../../infra/rollout/types.ts";
import { hostAt } from "../host.ts";
import { undrain } from "../pooler/drain.ts";
import { Blocked, type Paused, pause } from "../pooler/pause.ts";
import { select } from "../postgres/sql.ts";
import type { Context } from "../types.ts";
import { targetOf } from "./member-steps.ts";
import { perform } from "./perform.ts";
import { removeUnfinished } from "./unfinished.ts";

/** Clones at once: more would only share the source's disk. */
const CLONES_AT_ONCE = 3;

export interface Run {
  members: Map<string, RolloutMember>;
  poolers: Map<string, RolloutPooler>;
  /** Live primary; a switchover changes it. */
  primary: string;
  inputs: Pick<RolloutInputs, "pause" | "cloneRateKb" | "tls">;
  context: Context;
  /** Keeps on every host that a switchover is under way. */
  note: (switchover: Switchover) => Promise<void>;
  /** Member → generation that it ran with before this run switched it. */
  before: Map<string, string>;
}

export async function execute(plan: Plan, run: Run): Promise<void> {
  const drained: { by: Extract<Step, { kind: "drain" }> | undefined } = { by: undefined };
  for (const { connection } of [...run.members.values(), ...run.poolers.values()])
    await removeUnfinished(hostAt(connection));
  try {
    await inOrder(plan, run, drained);
  } catch (error) {
    if (drained.by) await backIntoPool(drained.by, run);
    throw error;
  }
}

/** A replica that answers takes reads again, also when its change went wrong. */
async function backIntoPool(drain: Extract<Step, { kind: "drain" }>, run: Run): Promise<void> {
  const signal = AbortSignal.timeout(15_000);
  try {
    await select(targetOf(run.members.get(drain.member)!), "SELECT 1 AS one", signal, 5000);
    await undrain(
      drain.poolers.map((name) => run.poolers.get(name)!),
      signal,
    );
  } catch (error) {
    run.context.log("warning", `${drain.member} stays out of the read pool: ${(error as Error).message}`);
  }
}

async function inOrder(
  plan: Plan,
  run: Run,
  drained: { by: Extract<Step, { kind: "drain" }> | undefined },
): Promise<void> {
  const { steps } = plan;
  for (let i = 0; i < steps.length; ) {
    run.context.signal.throwIfAborted();
    const at = `step ${i + 1} of ${steps.length}`;
    const section = pausedSection(steps, i);
    if (section) {
      await underPause(section, at, run);
      i += section.all.length;
      continue;
    }
    let end = i + 1;
    const step = steps[i]!;
    if (step.kind === "drain") drained.by = step;
    while (steps[i]!.kind === "clone" && steps[end]?.kind === "clone" && end - i < CLONES_AT_ONCE) end++;
    const results = await Promise.allSettled(steps.slice(i, end).map((step) => one(step, at, run)));
    const failed = results.find((r): r is PromiseRejectedResult => r.status === "rejected");
    if (failed) throw failed.reason;
    if (step.kind === "undrain") drained.by = undefined;
    i = end;
  }
}

interface PausedSection {
  all: Step[];
  /** Repeated before each try. */
  checkpoint: Step | undefined;
  pause: Extract<Step, { kind: "pause" }>;
  inside: Step[];
  resume: Extract<Step, { kind: "resume" }>;
}

/** A checkpoint, a pause, and what follows up to its resume, when they begin here. */
function pausedSection(steps: Step[], from: number): PausedSection | undefined {
  const checkpoint = steps[from]!.kind === "checkpoint" ? steps[from] : undefined;
  const at = checkpoint ? from + 1 : from;
  const first = steps[at];
  if (first?.kind !== "pause") return undefined;
  const end = steps.findIndex((step, i) => i > at && step.kind === "resume");
  const resume = steps[end];
  if (resume?.kind !== "resume") throw new Error("this plan pauses poolers and never resumes them");
  return { all: steps.slice(from, end + 1), checkpoint, pause: first, inside: steps.slice(at + 1, end), resume };
}

async function underPause(section: PausedSection, at: string, run: Run): Promise<void> {
  const { context, inputs } = run;
  const { limitSeconds, tries, terminate } = inputs.pause;
  const primary = run.members.get(section.pause.member)!;
  const poolers = section.pause.poolers.map((name) => run.poolers.get(name)!);
  const target = targetOf(primary);
  let paused: Paused | undefined;
  for (let attempt = 1; !paused; attempt++) {
    if (section.checkpoint) await one(section.checkpoint, at, run);
    context.status(`${at}: ${describe(section.pause)}, try ${attempt} of ${tries}`);
    try {
      paused = await pause(primary, poolers, target, { limitMs: limitSeconds * 1000, terminate }, context);
    } catch (error) {
      if (!(error instanceof Blocked)) throw error;
      if (attempt >= tries) {
        throw new Error(
          `${describe(section.pause)} was given up after ${tries} tries; clients waited at most ${limitSeconds} s each time and nothing was restarted. ` +
            `In the way: ${error.message}. End these sessions, or set rollout.terminateBlockers, and run again.`,
          { cause: error },
        );
      }
      context.log("warning", `try ${attempt} of ${tries}: ${error.message}`);
    }
  }
  let atLimit = false;
  try {
    for (const step of section.inside) await one(step, at, run);
    atLimit = section.resume.atLimit === true;
  } finally {
    if (!atLimit) {
      const heldBackMs = await paused.resume();
      context.log(
        "info",
        `clients of ${section.pause.poolers.join(", ")} were held back for ${(heldBackMs / 1000).toFixed(2)} s`,
      );
    }
  }
}

async function one(step: Step, at: string, run: Run): Promise<void> {
  const started = Date.now();
  run.context.status(`${at}: ${describe(step)}`);
  try {
    await perform(step, run);
  } catch (error) {
    run.context.signal.throwIfAborted();
    throw new Error(`${at}, ${describe(step)}: ${(error as Error).message}`, { cause: error });
  }
  run.context.log("info", `${describe(step)} (${((Date.now() - started) / 1000).toFixed(2)} s)`);
}
