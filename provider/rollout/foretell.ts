/** The plan as a preview can tell it: from what the last read recorded, before anything is done. */

import type { RolloutInputs, RolloutOutputs } from "../../infra/resources.ts";
import { describe } from "../../infra/rollout/describe.ts";
import { plan as makePlan } from "../../infra/rollout/plan.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet } from "../../infra/rollout/types.ts";
import { classifier } from "../../infra/tuning/classify.ts";
import { UNKNOWN } from "../types.ts";
import { NEWER_FILES } from "./report.ts";

/** The plan as far as it can be told before anything is done: what was read a moment ago against what is declared. */
export function notePlan(olds: RolloutOutputs, news: RolloutInputs, note: (line: string) => void): void {
  if (holdsUnknown(news) || !olds.observed) return;
  const plan = makePlan(observedBefore(olds), declaredFleet(news), classifier(olds.version, news.version));
  for (const problem of plan.problems) note(`this would fail: ${problem}`);
  plan.steps.forEach((step, i) => {
    note(`plan, from what runs now, ${i + 1} of ${plan.steps.length}: ${describe(step)}`);
  });
  for (const line of plan.pending) note(`plan, left for later: ${line}`);
}

function holdsUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsUnknown);
}

/** What the last read recorded, as the planner takes it. */
function observedBefore(olds: RolloutOutputs): ObservedFleet {
  const members = Object.entries(olds.observed).map(([name, o]): MemberFacts => {
    const recorded = olds.members.find((m) => m.name === name);
    const settings = { ...recorded?.settings, ...o.otherSettings };
    const text = Object.fromEntries(Object.entries(settings).filter((e): e is [string, string] => e[1] !== null));
    return {
      name,
      address: recorded?.connection.address ?? "",
      reachable: o.reachable,
      hasData: o.hasData,
      running: o.running,
      role: o.role,
      generation: o.generation,
      settings: text,
      running5: o.running5,
      needs5: {},
      pendingRestart: o.pendingRestart,
      filesNewerThanLoad: o.drift.includes(NEWER_FILES),
      // State of an older version says nothing of these: then a replica is taken to be in order.
      streaming: o.streaming ?? o.role === "replica",
      standby: o.standby ?? o.role === "replica",
      recloned: o.recloned ?? recorded?.reclone ?? "",
      slots: o.slots.map((slot) => ({ name: slot, active: true })),
      held: o.held,
      alteredSystem: o.drift.flatMap((line) => /^(\S+) was set by ALTER SYSTEM$/.exec(line)?.[1] ?? []),
    };
  });
  const poolers = Object.entries(olds.observedPoolers ?? {}).map(([name, { reachable, running, generation }]) => ({
    name,
    reachable,
    running,
    generation,
    paused: [],
    drained: [],
    leadsTo: "",
    differences: [],
  }));
  return { source: "live", members, poolers };
}

export function declaredFleet(news: RolloutInputs): DeclaredFleet {
  return {
    primary: news.primary,
    restart: news.restart,
    gone: news.gone,
    ...(news.tls ? { tls: news.tls } : {}),
    poolers: news.poolers.map(({ name, generation }) => ({ name, generation })),
    members: news.members.map(({ name, connection, generation, slot, upstream, reclone, settings }) => ({
      name,
      address: connection.address,
      generation,
      slot,
      upstream,
      reclone,
      settings,
    })),
  };
}
