/** What Rollout records of a look at the cluster: facts for the next preview, and what is not as declared. */

import { hotStandbyParameters } from "../../infra/config/owned-parameters.ts";
import type {
  ObservedMember,
  ObservedPooler,
  RolloutInputs,
  RolloutMember,
  RolloutOutputs,
} from "../../infra/resources.ts";
import type { PoolerFacts } from "../../infra/rollout/types.ts";
import type { LiveFleet, LiveMember } from "./observe.ts";

export const NEWER_FILES = "its files are newer than what the server read";

export function outputs(news: RolloutInputs, live: LiveFleet, systemIdentifier: string): RolloutOutputs {
  const primary = live.members.find((m) => m.role === "primary");
  const sourceOf = (member: RolloutMember) => live.members.find((m) => m.name === member.upstream) ?? primary;
  const observed: Record<string, ObservedMember> = {};
  for (const facts of live.members) {
    const member = news.members.find((m) => m.name === facts.name);
    observed[facts.name] = {
      reachable: facts.reachable,
      running: facts.running,
      role: facts.role,
      generation: facts.generation,
      hasData: facts.hasData,
      standby: facts.standby,
      streaming: facts.streaming,
      recloned: facts.recloned,
      pendingRestart: facts.pendingRestart,
      otherSettings: member && facts.hasData ? otherSettings(facts.settings, member.settings) : {},
      running5: facts.running5,
      held: facts.held,
      slots: facts.slots.map((slot) => slot.name),
      drift: member ? drift(facts, member, sourceOf(member), news) : ["registered, no longer declared"],
    };
  }
  const observedPoolers = Object.fromEntries(live.poolers.map((facts) => [facts.name, observedPooler(facts, news)]));
  const lines: string[] = [];
  for (const leaver of live.members)
    if (!news.members.some((m) => m.name === leaver.name)) lines.push(`member ${leaver.name} is no longer declared`);
  return { ...news, systemIdentifier, observed, observedPoolers, drift: lines };
}

function observedPooler(facts: PoolerFacts, news: RolloutInputs): ObservedPooler {
  const { reachable, running, generation } = facts;
  const declared = news.poolers.find((p) => p.name === facts.name);
  const drift: string[] = [];
  if (!declared) drift.push("is no longer declared");
  else if (reachable) {
    if (generation !== declared.generation) drift.push(`has generation ${generation || "none"} in force`);
    else if (!running) drift.push("does not run");
    drift.push(...facts.differences);
    for (const alias of facts.paused) drift.push(`${alias} is paused`);
    for (const address of facts.drained) drift.push(`leads around the replica at ${address}`);
    if (facts.leadsTo !== "" && facts.leadsTo !== news.primary) drift.push(`leads writes to ${facts.leadsTo}`);
  }
  return { reachable, running, generation, drift };
}

/** How a member differs from what it was declared to be, one line each. Pending restarts under `manual` are no drift. */
function drift(
  facts: LiveMember,
  member: RolloutMember,
  source: LiveMember | undefined,
  news: RolloutInputs,
): string[] {
  if (!facts.reachable) return [];
  if (!facts.hasData) return ["has no data"];
  const lines: string[] = [];
  if (facts.generation !== member.generation) lines.push(`has generation ${facts.generation || "none"} in force`);
  if (!facts.running) return [...lines, "does not run"];
  if (facts.filesNewerThanLoad) lines.push(NEWER_FILES);
  if (news.restart === "rolling" && facts.pendingRestart.length > 0)
    lines.push(`restart pending for ${facts.pendingRestart.join(", ")}`);
  for (const name of facts.alteredSystem) lines.push(`${name} was set by ALTER SYSTEM`);
  for (const error of facts.errors) lines.push(error);
  if (facts.generation === member.generation) {
    for (const [name, value] of Object.entries(member.settings)) {
      if (facts.settings[name] !== undefined && facts.settings[name] !== value)
        lines.push(`${name} is ${facts.settings[name]} in its files, declared ${value}`);
    }
  }
  if (facts.role === "primary" && member.name !== news.primary) lines.push(`is primary, declared is ${news.primary}`);
  if (facts.role === "replica" && member.name === news.primary) lines.push("is a standby, declared primary");
  for (const name of unfinishedHolds(facts, news)) lines.push(`an unfinished change holds ${name}`);
  for (const { name } of facts.slots) {
    const user = news.members.find((m) => m.slot === name);
    if (user && (user.name === news.primary || (user.upstream || news.primary) !== member.name))
      lines.push(`keeps WAL in slot ${name}, and ${user.name} does not stream from it`);
  }
  if (facts.role !== "replica") return lines;
  if (!facts.streaming) lines.push(`does not stream${source ? ` from ${source.name}` : ""}`);
  if (source?.running && source !== facts && !source.slots.some((s) => s.name === member.slot))
    lines.push(`its slot ${member.slot} is missing on ${source.name}`);
  return lines;
}

/** Under `manual` the five are held as they run until somebody restarts. */
const unfinishedHolds = (facts: LiveMember, news: RolloutInputs): string[] =>
  Object.keys(facts.held).filter(
    (name) => news.restart === "rolling" || !(hotStandbyParameters as readonly string[]).includes(name),
  );

/** Parameters whose text differs: name → text in the files, null when it is not there. */
function otherSettings(live: Record<string, string>, declared: Record<string, string>): Record<string, string | null> {
  const names = [...new Set([...Object.keys(live), ...Object.keys(declared)])].sort();
  return Object.fromEntries(
    names.filter((name) => live[name] !== declared[name]).map((name) => [name, live[name] ?? null]),
  );
}
