/** Rollout: one per cluster. Looks, plans, and does what the plan says; the only thing that activates anything ordered. */

import type { RolloutInputs, RolloutMember, RolloutOutputs, RolloutPooler } from "../../infra/resources.ts";
import { plan as makePlan } from "../../infra/rollout/plan.ts";
import type { ObservedFleet, Step } from "../../infra/rollout/types.ts";
import { classifier } from "../../infra/tuning/classify.ts";
import { rememberGone } from "../gone.ts";
import { lockHost } from "../host-lock.ts";
import { warnOfBackups } from "../rollout/backup-note.ts";
import { execute } from "../rollout/execute.ts";
import { declaredFleet, notePlan } from "../rollout/foretell.ts";
import { type LiveMember, observe } from "../rollout/observe.ts";
import { readRegistries, registryOf, writeRegistries } from "../rollout/registry.ts";
import { outputs } from "../rollout/report.ts";
import { warnOfSmallPages } from "../rollout/small-pages.ts";
import { strays } from "../rollout/strays.ts";
import { type Crew, lockCrew, look, runOf } from "../rollout/work.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffDrift, diffValues } from "./diff-values.ts";

export const rollout: Resource<RolloutInputs, RolloutOutputs> = {
  secrets: [],

  diff(olds, news, _oldInputs, note): DiffResult {
    rememberGone(news.gone);
    refuseProtected(olds, news);
    const detailed = diffValues(olds, news, [
      "primary",
      "restart",
      "members",
      "poolers",
      "machines",
      "gone",
      "version",
    ]);
    for (const [name, member] of Object.entries(olds.observed ?? {})) {
      if (news.members.some?.((m) => m.name === name))
        Object.assign(detailed, diffDrift(member.drift, `observed["${name}"].drift`));
    }
    for (const [name, pooler] of Object.entries(olds.observedPoolers ?? {})) {
      Object.assign(detailed, diffDrift(pooler.drift, `observedPoolers["${name}"].drift`));
    }
    Object.assign(detailed, diffDrift(olds.drift));
    const changes = Object.keys(detailed).length > 0;
    if (changes) notePlan(olds, news, note);
    return { changes, detailed };
  },

  async create(news, context) {
    return { id: news.cluster, outputs: await converge(news, undefined, news.cluster, context) };
  },

  async read(id, olds, oldInputs, context) {
    const known = await everyone(olds, olds);
    const live = await observe(known.members, known.poolers, context);
    const seen = outputs(olds, live, olds.systemIdentifier);
    const left = await strays(olds.hosts, olds.owner, context.signal);
    await warnOfBackups(olds, live, context);
    const drift = [...seen.drift, ...left.map((host) => `host ${host.name} is not declared and runs`)];
    return { id, inputs: oldInputs, outputs: { ...seen, drift } };
  },

  async update(id, olds, news, context) {
    return converge(news, olds, id, context);
  },

  // Instances and services stop themselves; what no state knows is stopped here.
  async delete(_id, olds, context) {
    rememberGone(olds.gone);
    await sweep(olds, context);
  },
};

/**
 * The engine refuses to delete a protected member, but only after the rollout would have stopped it; without a preview
 * that is too late.
 */
export function refuseProtected(olds: Pick<RolloutInputs, "members">, news: RolloutInputs): void {
  // In a preview a list may not be known yet.
  if (!Array.isArray(news.members) || !Array.isArray(news.gone)) return;
  const stays = new Set([...news.members.map((m) => m.name), ...news.gone]);
  const leaving = olds.members.flatMap((m) => (m.protect && !stays.has(m.name) ? [m.name] : []));
  if (leaving.length === 0) return;
  const [one, them] = leaving.length === 1 ? ["is", "it"] : ["are", "them"];
  throw new Error(
    `${leaving.join(", ")} ${one} protected and no longer under hosts; nothing was stopped. ` +
      `To remove ${them}: put ${them} back with protect: false, run up, and take ${them} away then (docs/members.md).`,
  );
}

/** Looks after the first plan is done; each does what the one before could not see. */
const MORE_LOOKS = 2;

/** A replica that streamed before takes a moment after its primary's restart; leavers are taken off the list at the end. */
const settles = (step: Step, streamed: Set<string>): boolean =>
  step.kind === "deregister" || (step.kind === "wait-streaming" && streamed.has(step.member));

/** Members are where they were last declared: an address that changed is seen by that. */
const placed = (observed: ObservedFleet, places: Map<string, string>): ObservedFleet => ({
  ...observed,
  members: observed.members.map((m) => ({ ...m, address: places.get(m.name) ?? m.address })),
});

async function converge(
  news: RolloutInputs,
  olds: RolloutOutputs | undefined,
  id: string,
  context: Context,
): Promise<RolloutOutputs> {
  const known = await everyone(news, olds);
  const planNow = (observed: ObservedFleet) => {
    const found = makePlan(placed(observed, known.places), declaredFleet(news), classifier(news.version));
    if (found.problems.length > 0) throw new Error(found.problems.join("\n"));
    return found;
  };
  const observed = await look(known, context);
  let plan = planNow(observed);
  // Later looks see the same restarts wait, and no longer what for.
  const { pending } = plan;
  const streamed = new Set(observed.members.filter((m) => m.streaming || m.role === "primary").map((m) => m.name));
  const identifier = sameCluster(observed.members, olds?.systemIdentifier || known.systemIdentifier);
  await lockCrew(known, observed);
  const run = runOf(known, plan, news, context, (switchover) =>
    writeRegistries({ ...registryOf(news, identifier, known), switchover }),
  );
  try {
    // Before the first step, so that a run that dies in the middle leaves nothing that nobody knows of.
    await writeRegistries({ ...registryOf(news, identifier, known), ...known.switchover });
    await execute(plan, run);
    // What a stopped server holds is seen only now that it runs.
    for (let again = 1; again <= MORE_LOOKS && plan.steps.length > 0; again++) {
      const next = planNow(await look(known, context));
      plan = { ...next, steps: next.steps.filter((step) => !settles(step, streamed)) };
      await execute(plan, run);
    }
    await sweep(news, context);
    await writeRegistries(registryOf(news, identifier));
    for (const line of pending) context.log("warning", `pending: ${line}`);
    const reached = await observe(news.members, news.poolers, context);
    // From then on it is said whenever hosts are read, which is before every `up`.
    if (!olds) await warnOfBackups(news, reached, context);
    await warnOfSmallPages(news, reached, context);
    return outputs(news, reached, identifier);
  } catch (error) {
    const live = await observe(news.members, news.poolers, context).catch(() => undefined);
    const reached = live
      ? outputs(news, live, identifier)
      : { ...news, systemIdentifier: identifier, observed: {}, observedPoolers: {}, drift: [] };
    throw new PartialFailure(
      (error as Error).message,
      id,
      { ...reached, drift: [...reached.drift, "the last rollout did not finish"] },
      { cause: error },
    );
  }
}

/** Stops what runs on hosts that are this stack's and that nobody declares. Their data stays. */
async function sweep(inputs: Pick<RolloutInputs, "hosts" | "owner">, context: Context): Promise<void> {
  for (const host of await strays(inputs.hosts, inputs.owner, context.signal)) {
    await lockHost(host);
    await host.services.shutdown(context.signal);
    context.log("info", `stopped host ${host.name}: it is this stack's and is not declared`);
  }
}

interface Known extends Crew {
  systemIdentifier: string;
  /** Member → address that it was last declared with. */
  places: Map<string, string>;
}

/** Declared, recorded and registered members together: who left is among the latter two only. */
async function everyone(news: RolloutInputs, olds: RolloutInputs | undefined): Promise<Known> {
  const registered = await readRegistries(news);
  const members = new Map<string, RolloutMember>();
  for (const member of registered.members) members.set(member.name, { ...member, settings: {}, repairs: 0 });
  for (const member of news.members) members.set(member.name, member);
  const poolers = new Map<string, RolloutPooler>();
  for (const pooler of registered.poolers) poolers.set(pooler.name, { ...pooler, repairs: 0 });
  for (const pooler of news.poolers) poolers.set(pooler.name, pooler);
  for (const member of olds?.members ?? [])
    if (!members.has(member.name) && registered.members.length === 0) members.set(member.name, member);
  return {
    members: [...members.values()],
    poolers: [...poolers.values()],
    systemIdentifier: registered.systemIdentifier,
    switchover: registered.switchover ? { switchover: registered.switchover } : {},
    places: new Map(registered.members.map((m) => [m.name, m.connection.address])),
  };
}

/** All servers that run must hold the same cluster, and the one that was recorded. */
function sameCluster(members: LiveMember[], recorded: string): string {
  const running = members.filter((m) => m.systemIdentifier !== "");
  const identifier =
    recorded || running.find((m) => m.role === "primary")?.systemIdentifier || running[0]?.systemIdentifier || "";
  const others = running.filter((m) => m.systemIdentifier !== identifier);
  if (others.length > 0) {
    throw new Error(
      `${others.map((m) => `${m.name} holds cluster ${m.systemIdentifier}`).join(", ")}; this cluster is ${identifier}. Nothing was changed: move the foreign data away.`,
    );
  }
  return identifier;
}
