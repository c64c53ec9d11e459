/** What poolers need: files in force, running, nothing left over from a run that died. */

import type { DeclaredFleet, ObservedFleet, PoolerFacts, Step } from "./types.ts";

/** What a run that died left on poolers is taken back, once there is a primary to lead clients to. */
export function leftoverSteps(observed: ObservedFleet, primary: string): Step[] {
  const steps: Step[] = [];
  const which = (test: (p: PoolerFacts) => boolean): string[] => observed.poolers.filter(test).map((p) => p.name);
  const astray = which((p) => p.running && p.leadsTo !== "" && p.leadsTo !== primary);
  const paused = which((p) => p.paused.length > 0);
  const drained = which((p) => p.drained.length > 0);
  if (astray.length > 0) steps.push({ kind: "repoint", to: primary, poolers: astray, reason: `${primary} is primary` });
  if (paused.length > 0) steps.push({ kind: "resume", poolers: paused, reason: "an earlier run left it paused" });
  if (drained.length > 0)
    steps.push({ kind: "undrain", poolers: drained, reason: "an earlier run left replicas out of its read pool" });
  return steps;
}

export function poolerSteps(observed: ObservedFleet, declared: DeclaredFleet): Step[] {
  const steps: Step[] = [];
  for (const pooler of declared.poolers) {
    const facts = observed.poolers.find((p) => p.name === pooler.name);
    if (facts && !facts.reachable) continue;
    if (facts?.generation !== pooler.generation) {
      steps.push({
        kind: "switch-pooler",
        pooler: pooler.name,
        generation: pooler.generation,
        reason: facts?.generation ? "its files changed" : "it is new",
      });
    } else if (!facts.running) steps.push({ kind: "start-pooler", pooler: pooler.name, reason: "it does not run" });
    else if (facts.differences.length > 0)
      steps.push({
        kind: "switch-pooler",
        pooler: pooler.name,
        generation: pooler.generation,
        reason: facts.differences.join(", "),
      });
  }
  for (const pooler of observed.poolers) {
    if (!declared.poolers.some((p) => p.name === pooler.name))
      steps.push({ kind: "stop-pooler", pooler: pooler.name, reason: "it is no longer declared" });
  }
  return steps;
}
