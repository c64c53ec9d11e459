/** The plan of `up` on a fleet that stands exactly at the base: everything runs, streams and can be reached. */

import { hotStandbyParameters } from "../config/owned-parameters.ts";
import { slotName } from "../rendering/names.ts";
import { describe } from "../rollout/describe.ts";
import { plan } from "../rollout/plan.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet, Step } from "../rollout/types.ts";
import { classifier } from "../tuning/classify.ts";
import { component, Generations } from "./generations.ts";
import type { PlanFile, PlanHost } from "./plan-file.ts";
import type { PlanComparison, Stalls } from "./types.ts";

/** @param before null: the fleet is new; its primary is made and started before the plan begins */
export function predict(before: PlanFile | null, after: PlanFile, stalls: Stalls): PlanComparison {
  const names = new Generations(before, after);
  const observed = before ? observedFleet(before, names) : firstMember(after, names);
  const classify = classifier(...(before ? [before.postgresql] : []), after.postgresql);
  const found = plan(observed, declaredFleet(after, names), classify);
  const problems = [...found.problems, ...refusals(before, after)];
  // What is refused does nothing.
  const steps = problems.length > 0 ? [] : found.steps;
  return {
    steps: steps.map((step) => ({
      step: names.named(step),
      text: readable(describe(step)),
      ...stallOf(step, after.primary, stalls),
    })),
    problems,
    pending: found.pending,
  };
}

function declaredFleet(after: PlanFile, names: Generations): DeclaredFleet {
  return {
    primary: after.primary,
    restart: after.restart,
    gone: after.gone ?? [],
    ...(after.tls ? { tls: after.tls } : {}),
    members: membersOf(after).map((host) => ({
      name: host.name,
      generation: names.declared(host.name, "postgresql"),
      slot: slotName(host.name),
      settings: valuesOf(host),
      address: host.address,
      upstream: upstreamOf(host, after),
      reclone: host.reclone ?? "",
    })),
    poolers: poolersOf(after).map(({ name }) => ({ name, generation: names.declared(name, "pgbouncer") })),
  };
}

function observedFleet(before: PlanFile, names: Generations): ObservedFleet {
  const members = membersOf(before);
  const slots = new Map<string, MemberFacts["slots"]>(members.map(({ name }) => [name, []]));
  for (const host of members) slots.get(upstreamOf(host, before))?.push({ name: slotName(host.name), active: true });
  return {
    source: "base-ref",
    members: members.map((host) => {
      const generation = names.observed(host.name, "postgresql");
      return standing(host, host.name === before.primary, generation, slots.get(host.name)!);
    }),
    poolers: poolersOf(before).map((host) => ({
      name: host.name,
      reachable: true,
      running: true,
      generation: names.observed(host.name, "pgbouncer"),
      paused: [],
      drained: [],
      leadsTo: before.primary,
      differences: [],
    })),
  };
}

function firstMember(after: PlanFile, names: Generations): ObservedFleet {
  const primary = membersOf(after).find((host) => host.name === after.primary)!;
  return {
    source: "base-ref",
    members: [standing(primary, true, names.declared(primary.name, "postgresql"), [])],
    poolers: [],
  };
}

function standing(host: PlanHost, primary: boolean, generation: string, slots: MemberFacts["slots"]): MemberFacts {
  const settings = valuesOf(host);
  const five = hotStandbyParameters.filter((name) => settings[name] !== undefined);
  return {
    name: host.name,
    address: host.address,
    reachable: true,
    hasData: true,
    running: true,
    role: primary ? "primary" : "replica",
    generation,
    settings,
    running5: Object.fromEntries(five.map((name) => [name, Number(settings[name])])),
    needs5: {},
    pendingRestart: [],
    filesNewerThanLoad: false,
    streaming: !primary,
    standby: !primary,
    // Data that an earlier revision asked for is there.
    recloned: host.reclone ?? "",
    slots,
    held: {},
    alteredSystem: [],
  };
}

/** To a reader of a preview the name of a generation says nothing: the files are shown. */
const readable = (text: string): string =>
  text
    .replace(/^put generation \w+ in force/, "put new files in force")
    // Of a long connection string the host is what differs; the rest is in the file.
    .replace(/host=(\S+) port=.*? connect_timeout=\d+/g, "host=$1 …");

/** What the resources of the servers refuse before any step. */
function refusals(before: PlanFile | null, after: PlanFile): string[] {
  if (!before) return [];
  const problems: string[] = [];
  if (before.postgresql !== after.postgresql)
    problems.push(
      `the data is PostgreSQL ${before.postgresql}, declared is ${after.postgresql}. A major upgrade is not a config change: set \`version: ${before.postgresql}\`, or make a new cluster.`,
    );
  const fixed = before.initdb && after.initdb ? Object.entries(after.initdb) : [];
  for (const [key, value] of fixed) {
    const was = (before.initdb as unknown as Record<string, unknown>)[key];
    if (was !== undefined && was !== value)
      problems.push(`initdb.${key} was fixed when the cluster was made: it is ${was}, declared is ${value}.`);
  }
  return problems;
}

/** Steps that clients can notice. */
function stallOf(step: Step, primary: string, stalls: Stalls): { stallSeconds?: number | null } {
  const last = (key: string): { stallSeconds: number | null } => ({ stallSeconds: stalls[key]?.seconds ?? null });
  switch (step.kind) {
    case "restart":
      return last(step.member === primary ? "restart-primary" : "restart-replica");
    case "promote":
      return last("switchover");
    case "pause":
    case "switch-pooler":
      return stalls[step.kind] ? last(step.kind) : {};
    default:
      return {};
  }
}

const isMember = (host: PlanHost): boolean => host.role === "primary" || host.role === "replica";
export const membersOf = (plan: PlanFile): PlanHost[] => plan.hosts.filter(isMember);
export const poolersOf = (plan: PlanFile): PlanHost[] => plan.hosts.filter((host) => component(host, "pgbouncer"));

/** A revision that did not write it down knew no other place than the primary. */
const upstreamOf = (host: PlanHost, plan: PlanFile): string =>
  host.name === plan.primary ? "" : host.upstream || plan.primary;

function valuesOf({ settings }: PlanHost): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(settings)) values[name] = settings[name]!.value;
  return values;
}
