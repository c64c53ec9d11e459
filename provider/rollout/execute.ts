/** Executes a plan, step by step; clones run side by side. */

import type { RolloutInputs, RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { Plan, Step } from "../../infra/rollout/types.ts";
import type { Context } from "../types.ts";
import * as member from "./member-steps.ts";
import * as pooler from "./pooler-steps.ts";

/** Clones at once: more would only share the source's disk. */
const CLONES_AT_ONCE = 3;

export interface Fleet {
  members: Map<string, RolloutMember>;
  poolers: Map<string, RolloutPooler>;
  /** Live primary. */
  primary: string;
}

export async function execute(plan: Plan, fleet: Fleet, inputs: RolloutInputs, context: Context): Promise<void> {
  const { steps } = plan;
  for (let i = 0; i < steps.length; ) {
    context.signal.throwIfAborted();
    let end = i + 1;
    while (steps[i]!.kind === "clone" && steps[end]?.kind === "clone" && end - i < CLONES_AT_ONCE) end++;
    const batch = steps.slice(i, end);
    const results = await Promise.allSettled(
      batch.map((step, at) => timed(step, `step ${i + at + 1} of ${steps.length}`, fleet, inputs, context)),
    );
    const failed = results.find((r): r is PromiseRejectedResult => r.status === "rejected");
    if (failed) throw failed.reason;
    i = end;
  }
}

async function timed(step: Step, at: string, fleet: Fleet, inputs: RolloutInputs, context: Context): Promise<void> {
  const started = Date.now();
  context.status(`${at}: ${describe(step)}`);
  try {
    await perform(step, fleet, inputs, context);
  } catch (error) {
    throw new Error(`${at}, ${describe(step)}: ${(error as Error).message}`, { cause: error });
  }
  context.log("info", `${describe(step)} (${((Date.now() - started) / 1000).toFixed(2)} s)`);
}

async function perform(step: Step, fleet: Fleet, _inputs: RolloutInputs, context: Context): Promise<void> {
  const of = (name: string): RolloutMember => fleet.members.get(name)!;
  switch (step.kind) {
    case "start":
      return member.start(of(step.member), context);
    case "switch":
      return member.switchGeneration(of(step.member), step.generation, context);
    case "reload":
      return member.reload(of(step.member), context);
    case "restart":
      return member.restart(of(step.member), context);
    case "hold":
      return member.hold(of(step.member), step.settings);
    case "release":
      return member.release(of(step.member), context);
    case "wait-replay":
      return member.waitReplay(of(fleet.primary), of(step.member), context);
    case "reserve-slot":
      return member.reserveSlot(of(step.on), step.slot, context);
    case "clone":
      return member.clone(of(step.from), of(step.member), context);
    case "wait-streaming":
      return member.waitStreaming(of(fleet.primary), of(step.member), context);
    case "stop":
      return member.stop(of(step.member), context);
    case "drop-slot":
      return member.dropSlot(of(step.on), step.slot, context);
    case "switch-pooler":
      return pooler.switchPooler({ ...fleet.poolers.get(step.pooler)!, generation: step.generation }, context);
    case "start-pooler":
      return pooler.startPooler(fleet.poolers.get(step.pooler)!, context);
    case "stop-pooler":
      return pooler.stopPooler(fleet.poolers.get(step.pooler)!, context);
    // Who belongs to the cluster is written before the first step and after the last.
    case "register":
    case "deregister":
      return;
    default:
      return step satisfies never;
  }
}

/** A step as one line for people. */
export function describe(step: Step): string {
  const of = (what: string): string => `${what} (${step.reason})`;
  switch (step.kind) {
    case "start":
    case "reload":
    case "restart":
    case "stop":
      return of(`${step.kind} ${step.member}`);
    case "switch":
      return of(`put generation ${step.generation.slice(0, 8)} in force on ${step.member}`);
    case "hold":
      return of(
        `hold ${Object.entries(step.settings)
          .map(([k, v]) => `${k}=${v}`)
          .join(", ")} on ${step.member}`,
      );
    case "release":
      return of(`release held values on ${step.member}`);
    case "wait-replay":
      return of(`wait until ${step.member} has replayed`);
    case "wait-streaming":
      return of(`wait until ${step.member} streams`);
    case "reserve-slot":
      return of(`reserve slot ${step.slot} on ${step.on}`);
    case "drop-slot":
      return of(`drop slot ${step.slot} on ${step.on}`);
    case "clone":
      return of(`clone ${step.member} from ${step.from}`);
    case "register":
    case "deregister":
      return of(`${step.kind} ${step.members.join(", ")}`);
    case "switch-pooler":
      return of(`put generation ${step.generation.slice(0, 8)} in force on pooler ${step.pooler}`);
    case "start-pooler":
      return of(`start pooler ${step.pooler}`);
    case "stop-pooler":
      return of(`stop pooler ${step.pooler}`);
    default:
      return step satisfies never;
  }
}
