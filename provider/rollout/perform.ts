/** One step, done. */

import type { RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { Step } from "../../infra/rollout/types.ts";
import { drain, repoint, undrain } from "../pooler/drain.ts";
import { entriesOfFile } from "../pooler/entries.ts";
import { resumeOne } from "../pooler/pause.ts";
import { runningProcesses } from "../pooler/processes.ts";
import type { Run } from "./execute.ts";
import * as member from "./member-steps.ts";
import * as membership from "./membership-steps.ts";
import * as pooler from "./pooler-steps.ts";
import { rejoin } from "./rejoin.ts";
import * as switchover from "./switchover-steps.ts";

export async function perform(step: Step, run: Run): Promise<void> {
  const { context } = run;
  const of = (name: string): RolloutMember => run.members.get(name)!;
  const upstreamOf = (name: string): RolloutMember => of(of(name).upstream || run.primary);
  const poolers = (names: string[]): RolloutPooler[] => names.map((name) => run.poolers.get(name)!);
  switch (step.kind) {
    case "start":
      return member.start(of(step.member), context);
    case "switch": {
      const before = await member.switchGeneration(of(step.member), step.generation, context);
      if (before) run.before.set(step.member, before);
      return;
    }
    case "reload":
      return member.reload(of(step.member), context);
    case "reset-system":
      return member.resetSystem(of(step.member), step.parameters, context);
    case "restart":
      // The primary's were read at its checkpoint, before clients were held back.
      if (step.member !== run.primary) await member.checkInForce(of(step.member), context);
      return member.restart(of(step.member), run.before.get(step.member), context);
    case "checkpoint":
      return member.checkpoint(of(step.member), context);
    case "drain":
      return drain(of(step.member), of(run.primary), poolers(step.poolers), context);
    case "undrain":
      return undrain(poolers(step.poolers), context.signal);
    case "pause":
      throw new Error("pause stands outside of its section");
    case "resume":
      return resumeAll(poolers(step.poolers), context.signal);
    case "hold":
      return member.hold(of(step.member), step.settings, context);
    case "release":
      return member.release(of(step.member), context);
    case "wait-replay":
      // Where it does not even stream, that says why it will not replay.
      await membership.waitStreaming(upstreamOf(step.member), of(step.member), context, of(run.primary));
      return member.waitReplay(of(run.primary), of(step.member), context);
    case "reserve-slot":
      return membership.reserveSlot(of(step.on), step.slot, context);
    case "clone":
      return membership.clone(of(step.from), of(step.member), context, {
        maxRateKb: run.inputs.cloneRateKb,
        upstream: upstreamOf(step.member),
        ...(run.inputs.tls ? { tls: run.inputs.tls } : {}),
      });
    case "wait-streaming":
      return membership.waitStreaming(upstreamOf(step.member), of(step.member), context, of(run.primary));
    case "set-aside":
      await membership.setAside(of(step.member), context);
      return;
    case "rejoin":
      return rejoin(of(step.member), of(step.to), context);
    case "check-switchover":
      await switchover.checkSwitchover(of(step.from), of(step.to), context);
      return run.note({ from: step.from, to: step.to });
    case "demote":
      return switchover.demote(of(step.member), of(step.to), context);
    case "promote":
      await switchover.promote(of(step.member), of(step.from), context);
      run.primary = step.member;
      return;
    case "reinstate":
      await switchover.reinstate(of(step.member), of(step.successor), context);
      run.primary = step.member;
      return;
    case "repoint":
      return repoint(of(step.to), poolers(step.poolers), context.signal);
    case "stop":
      return membership.stop(of(step.member), context);
    case "halt":
      return member.halt(of(step.member), context);
    case "drop-slot":
      return membership.dropSlot(of(step.on), step.slot, context);
    case "switch-pooler":
      return pooler.switchPooler({ ...run.poolers.get(step.pooler)!, generation: step.generation }, context);
    case "start-pooler":
      return pooler.startPooler(run.poolers.get(step.pooler)!, context);
    case "stop-pooler":
      return pooler.stopPooler(run.poolers.get(step.pooler)!, context);
    // Who belongs to the cluster is written before the first step and after the last.
    case "register":
    case "deregister":
      return;
    default:
      return step satisfies never;
  }
}

/** A pause that an earlier run left: every entry of these poolers is resumed. */
async function resumeAll(poolers: RolloutPooler[], signal: AbortSignal): Promise<void> {
  for (const each of poolers) {
    const entries = await entriesOfFile(each);
    for (const process of await runningProcesses(each, signal))
      for (const { alias } of entries) await resumeOne(process, alias, signal);
  }
}
