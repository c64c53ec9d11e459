/** Replication of the whole fleet, put together from what each server says. Pure. */

import type { FleetSpec } from "../../infra/config/spec.ts";
import { hostNamed, members } from "../../infra/config/spec.ts";
import { slotName } from "../../infra/rendering/names.ts";
import type { ReplicationFacts, ServerFacts } from "./server.ts";
import { takeoverText } from "./takeover.ts";
import { Problems, type ReplicationStatus } from "./types.ts";

export interface Replication {
  /** Replica → how it follows. */
  byReplica: Map<string, ReplicationStatus>;
  problems: Problems["list"];
}

/** @param servers member → facts; members without facts did not answer */
export function replicationOf(spec: FleetSpec, servers: ReadonlyMap<string, ServerFacts>): Replication {
  const problems = new Problems(null);
  const running = members(spec).filter((member) => servers.get(member.name)?.status.state === "running");
  const primaries = running.filter((member) => servers.get(member.name)!.status.liveRole === "primary");
  if (primaries.length === 0)
    problems.add(
      ["no member is primary: nothing can be written", takeoverText(spec, servers)].filter(Boolean).join(". "),
    );
  if (primaries.length > 1)
    problems.add(
      `more than one member is primary: ${primaries.map((p) => p.name).join(", ")}. Stop all but the right one.`,
    );
  const primary = primaries.length === 1 ? primaries[0] : undefined;
  const byReplica = new Map<string, ReplicationStatus>();
  const list = [...problems.list];
  for (const { name } of running) {
    const facts = servers.get(name)!;
    if (facts.status.liveRole !== "replica") continue;
    const source = declaredUpstream(spec, name) || primary?.name;
    const status = follow(spec, name, facts.replication, source ? servers.get(source)?.replication : undefined);
    byReplica.set(name, status);
    if (!status.streaming)
      list.push({ host: name, text: `does not stream${source ? ` from ${source}` : ""}`, transient: true });
    else if (source && status.from !== source)
      list.push({
        host: name,
        text: `streams from ${status.from ?? "an unknown server"}, ${source === primary?.name ? "the primary" : "its upstream"} is ${source}`,
        transient: false,
      });
  }
  for (const { name } of running) list.push(...slotProblems(spec, name, primary?.name, servers.get(name)!, byReplica));
  return { byReplica, problems: list };
}

function follow(
  spec: FleetSpec,
  name: string,
  own: ReplicationFacts | undefined,
  primary: ReplicationFacts | undefined,
): ReplicationStatus {
  const receiver = own?.receiver ?? null;
  const sender = primary?.senders.find((s) => s.name === name);
  const streaming = receiver?.status === "streaming" && (primary === undefined || sender?.state === "streaming");
  const from = members(spec).find((member) => member.address === receiver?.host)?.name ?? null;
  const lagBytes = sender?.lagBytes ?? null;
  // An idle primary reports no delay at all.
  const lagSeconds = lagBytes === 0 ? 0 : (sender?.lagSeconds ?? own?.replaySeconds ?? null);
  return {
    streaming,
    from: streaming ? from : null,
    slot: sender?.slot ?? receiver?.slot ?? null,
    lagBytes,
    lagSeconds,
  };
}

/** "" for a member that streams from the primary, whoever that is. */
const declaredUpstream = (spec: FleetSpec, name: string): string => hostNamed(spec, name).upstream ?? "";

function slotProblems(
  spec: FleetSpec,
  name: string,
  primary: string | undefined,
  { status }: ServerFacts,
  replicas: Map<string, ReplicationStatus>,
): Problems["list"] {
  const problems = new Problems(name);
  const wanted = new Map(
    members(spec)
      .filter((m) => m.name !== primary && (declaredUpstream(spec, m.name) || primary) === name)
      .map((m) => [slotName(m.name), m.name]),
  );
  for (const [slot, member] of wanted) {
    const found = status.slots.find((s) => s.name === slot);
    if (!found) problems.add(`slot ${slot} of ${member} is missing: WAL it still needs may be removed`);
    else if (!found.active && replicas.get(member)?.streaming)
      problems.add(`${member} streams without its slot ${slot}`);
  }
  for (const { name: slot, active } of status.slots) {
    // A slot of somebody else's that is in use has an owner who knows about it.
    if (wanted.has(slot) || (active && !slot.startsWith("pgfleet_"))) continue;
    problems.add(`slot ${slot} belongs to no declared replica of it and keeps WAL`);
  }
  return problems.list;
}
