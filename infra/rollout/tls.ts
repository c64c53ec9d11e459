/**
 * Between no TLS and required TLS lies a run in which it is offered: members change one after the other, and until the
 * last has changed, those that ask for it meet some that do not have it.
 */

import type { DeclaredFleet, MemberFacts, ObservedFleet, Plan } from "./types.ts";

/** `required: false` between the two; see docs/access.md. */
const STEP = "tls: { required: false }";

export function checkTls(observed: ObservedFleet, { tls, members }: DeclaredFleet, into: Plan): void {
  const running = observed.members.filter((m) => m.running && m.generation !== "" && stays(m, members));
  const names = (found: MemberFacts[]): string => found.map((m) => m.name).join(", ");
  const without = running.filter((m) => m.settings.ssl !== "on");
  const asking = running.filter((m) => /\bsslmode=verify-full\b/.test(m.settings.primary_conninfo ?? ""));
  if (tls === "required" && without.length > 0)
    into.problems.push(
      `${names(without)} ${without.length === 1 ? "runs" : "run"} without TLS, so replicas and poolers that ask for it could not connect while one after the other changes. Run up once with ${STEP}, then without it. Nothing was changed.`,
    );
  if (tls === undefined && asking.length > 0)
    into.problems.push(
      `${names(asking)} and the poolers ask for TLS, so they could not connect to a server that has it no more. Run up once with ${STEP}, then with mode: off. Nothing was changed.`,
    );
}

const stays = ({ name }: MemberFacts, members: DeclaredFleet["members"]): boolean =>
  members.some((member) => member.name === name);
