/** A host is emptied before its machine changes: its server and its poolers stop, in an order that clients notice least. */

import type { DrainInputs, RolloutMember, RolloutPooler } from "../../infra/resources.ts";
import type { MemberFacts } from "../../infra/rollout/types.ts";
import { haltSteps, missedBy, movePlan, NOT_STREAMING, planOf, successor } from "../../infra/rollout/vacate.ts";
import { classifier } from "../../infra/tuning/classify.ts";
import { hostAt } from "../host.ts";
import { readHostFacts } from "../host-facts.ts";
import { SERVICE } from "../postgres/server.ts";
import type { Context } from "../types.ts";
import { GiveUp, waitFor } from "../wait.ts";
import { execute } from "./execute.ts";
import type { LiveFleet } from "./observe.ts";
import { haltPooler } from "./pooler-steps.ts";
import { type Registry, writeRegistries } from "./registry.ts";
import { type Crew, lockCrew, look, runOf } from "./work.ts";

/** A replica whose upstream came back a moment ago streams again soon. */
const STREAM_LIMIT_MS = 60_000;

/** @param touched called before the first change */
export async function vacate(
  news: DrainInputs,
  registry: Registry,
  context: Context,
  touched: () => void,
): Promise<void> {
  const { members, poolers, switchover } = registry;
  const crew: Crew = {
    members: members.map((member): RolloutMember => ({ ...member, settings: {}, repairs: 0 })),
    poolers: poolers.map((pooler): RolloutPooler => ({ ...pooler, repairs: 0 })),
    switchover: switchover ? { switchover } : {},
  };
  const { host } = news.connection;
  if (crew.members.some((m) => m.name === host)) await vacateMember(news, registry, crew, context, touched);
  const pooler = crew.poolers.find((p) => p.name === host);
  if (pooler) await vacatePooler(pooler, crew, context, touched);
}

async function vacateMember(
  news: DrainInputs,
  registry: Registry,
  crew: Crew,
  context: Context,
  touched: () => void,
): Promise<void> {
  const { host } = news.connection;
  let observed = await settled(host, crew, context);
  const own = (): MemberFacts => observed.members.find((m) => m.name === host)!;
  if (!own().running) return;
  const to = own().role === "primary" ? await heir(news, observed, crew, context) : undefined;
  const move = to && movePlan(observed, crew.members.map(placeOf), to, news.tls, classifier(news.version));
  if (move && move.problems.length > 0) throw new Error(move.problems.join("\n"));
  await lockCrew(crew, observed);
  touched();
  const run = runOf(crew, { primary: primaryOf(observed) }, { ...news, cloneRateKb: 0 }, context, (begun) =>
    writeRegistries({ ...registry, switchover: begun }),
  );
  if (move) {
    await execute(move, run);
    crew.switchover = {};
    const { switchover: _, ...done } = registry;
    await writeRegistries(done);
    observed = await look(crew, context);
  } else if (own().role === "primary") warnOfStop(host, news, context);
  const usable = observed.poolers.filter((p) => p.running).map((p) => p.name);
  for (const { name, reachable } of observed.poolers)
    if (!reachable) context.log("warning", `pooler ${name} cannot be reached: it goes on leading reads to ${host}`);
  await execute(planOf(run.primary, haltSteps(own(), usable, "its machine changes")), run);
}

/** Looks until nobody else is missing; says who is, at the limit. */
async function settled(host: string, crew: Crew, context: Context): Promise<LiveFleet> {
  let missed: string[] = [];
  const what = `the others can do without ${host}`;
  try {
    return await waitFor(context, { what, limitMs: STREAM_LIMIT_MS, intervalMs: 500 }, async () => {
      const observed = await look(crew, context);
      missed = missedBy(observed, host);
      // Streaming comes again by itself; what is down does not.
      if (missed.some((line) => !line.endsWith(NOT_STREAMING))) throw new GiveUp();
      return missed.length === 0 && observed;
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (missed.length === 0) throw error;
    throw new Error(
      `${host} cannot go now: ${missed.join(", ")}. Resize one at a time: mend that first, then run \`up\` again. Nothing of ${host} was touched.`,
      { cause: error },
    );
  }
}

const primaryOf = (observed: LiveFleet): string => observed.members.find((m) => m.role === "primary")?.name ?? "";

const placeOf = ({ name, connection, slot, upstream }: RolloutMember) => ({
  name,
  address: connection.address,
  slot,
  upstream,
  files: hostAt(connection).paths.current(SERVICE),
});

/** Who takes over; undefined: nobody, and the primary stops with the writes it serves. */
async function heir(news: DrainInputs, observed: LiveFleet, crew: Crew, context: Context): Promise<string | undefined> {
  if (news.primary === "stop") return undefined;
  const primary = observed.members.find((m) => m.name === news.connection.host)!;
  const memoryMb: Record<string, number> = {};
  for (const { name, connection } of crew.members) {
    const { transport, paths } = hostAt(connection);
    const facts = await readHostFacts(transport, paths.home, context.signal).catch(() => undefined);
    context.signal.throwIfAborted();
    if (facts) memoryMb[name] = facts.memoryMb;
  }
  return successor(observed, primary, memoryMb);
}

function warnOfStop(host: string, news: DrainInputs, context: Context): void {
  const why = news.primary === "stop" ? "" : ", since no replica can take over";
  context.log(
    "warning",
    `the primary ${host} stops for its change of machine${why}. Nobody can write until it is back: pooled clients wait for at most ${news.pause.limitSeconds} s, and then get errors for as long as the machine takes, which is minutes.`,
  );
}

/** Its transactions end first; its clients connect anew, to another pooler if there is one. */
async function vacatePooler(pooler: RolloutPooler, crew: Crew, context: Context, touched: () => void): Promise<void> {
  const observed = await look({ ...crew, members: [] }, context);
  const own = observed.poolers.find((p) => p.name === pooler.name)!;
  if (!own.running) return;
  const others = observed.poolers.filter((p) => p !== own && p.running && p.paused.length === 0);
  await lockCrew({ ...crew, members: [], poolers: [pooler] }, observed);
  touched();
  context.log(
    others.length > 0 ? "info" : "warning",
    others.length > 0
      ? `clients of ${pooler.name} connect anew, to ${others.map((p) => p.name).join(" or ")}: it stops when their transactions have ended`
      : `no other pooler answers: clients of ${pooler.name} are cut off when their transactions have ended, until it is back`,
  );
  await haltPooler(pooler, context);
}
