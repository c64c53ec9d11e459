/** The plan of `up` on a fleet that stands exactly at the base: everything runs, streams and can be reached. */

import { slotName } from "../rendering/names.ts";
import { HOT_STANDBY_FIVE } from "../rollout/changes.ts";
import { describe } from "../rollout/describe.ts";
import { plan } from "../rollout/plan.ts";
import type { DeclaredFleet, MemberFacts, ObservedFleet, Step } from "../rollout/types.ts";
import { classifier } from "./parameters.ts";
import type { PlanComponent, PlanFile, PlanHost } from "./plan-file.ts";
import type { PlanComparison, Stalls } from "./types.ts";

/** @param before null: the fleet is new; its primary is made and started before the plan begins */
export function predict(before: PlanFile | null, after: PlanFile, stalls: Stalls): PlanComparison {
  const observed = before ? observedFleet(before, after) : firstMember(after);
  const found = plan(
    observed,
    declaredFleet(after),
    classifier(...(before ? [before.postgresql] : []), after.postgresql),
  );
  const problems = [...found.problems, ...refusals(before, after)];
  // What is refused does nothing.
  const steps = problems.length > 0 ? [] : found.steps;
  return {
    steps: steps.map((step) => ({ step, text: readable(describe(step)), ...stallOf(step, after.primary, stalls) })),
    problems,
    pending: found.pending,
  };
}

export function declaredFleet(after: PlanFile): DeclaredFleet {
  return {
    primary: after.primary,
    restart: after.restart,
    gone: after.gone ?? [],
    members: membersOf(after).map((host) => ({
      name: host.name,
      generation: generationOf(host, "postgresql"),
      slot: slotName(host.name),
      settings: valuesOf(host),
    })),
    poolers: poolersOf(after).map((host) => ({ name: host.name, generation: generationOf(host, "pgbouncer") })),
  };
}

/** @param after gives the name of a generation that an older revision did not write down */
export function observedFleet(before: PlanFile, after: PlanFile): ObservedFleet {
  const members = membersOf(before);
  const slots = members
    .filter((host) => host.name !== before.primary)
    .map((host) => ({ name: slotName(host.name), active: true }));
  const hosts = new Map(after.hosts.map((host) => [host.name, host]));
  return {
    source: "base-ref",
    members: members.map((host) => {
      const primary = host.name === before.primary;
      return standing(host, primary, generationOf(host, "postgresql", hosts.get(host.name)), primary ? slots : []);
    }),
    poolers: poolersOf(before).map((host) => ({
      name: host.name,
      reachable: true,
      running: true,
      generation: generationOf(host, "pgbouncer", hosts.get(host.name)),
      paused: [],
      drained: [],
      differences: [],
    })),
  };
}

function firstMember(after: PlanFile): ObservedFleet {
  const primary = membersOf(after).find((host) => host.name === after.primary)!;
  return {
    source: "base-ref",
    members: [standing(primary, true, generationOf(primary, "postgresql"), [])],
    poolers: [],
  };
}

function standing(host: PlanHost, primary: boolean, generation: string, slots: MemberFacts["slots"]): MemberFacts {
  const settings = valuesOf(host);
  const five = HOT_STANDBY_FIVE.filter((name) => settings[name] !== undefined);
  return {
    name: host.name,
    reachable: true,
    hasData: true,
    running: true,
    role: primary ? "primary" : "replica",
    generation,
    settings,
    running5: Object.fromEntries(five.map((name) => [name, Number(settings[name])])),
    pendingRestart: [],
    filesNewerThanLoad: false,
    streaming: !primary,
    slots,
    held: {},
    alteredSystem: [],
  };
}

/** To a reader of a preview the name of a generation says nothing: the files are shown. */
const readable = (text: string): string => text.replace(/^put generation \w+ in force/, "put new files in force");

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

export const component = (host: PlanHost | undefined, name: string): PlanComponent | undefined =>
  host?.components.find((one) => one.name === name);

const valuesOf = (host: PlanHost): Record<string, string> =>
  Object.fromEntries(Object.entries(host.settings).map(([name, { value }]) => [name, value]));

/** @param later the same host at the head: where the files are the same, so is the generation */
function generationOf(host: PlanHost, name: string, later?: PlanHost): string {
  const one = component(host, name)!;
  if (one.generation !== undefined) return one.generation;
  const other = component(later, name);
  const files = (of: PlanComponent): string =>
    JSON.stringify(of.files.map(({ path, mode, sha256 }) => [path, mode, sha256]));
  return other && files(other) === files(one) ? other.generation : "base";
}
