/** Limits of a rollout, and who may be called gone. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import { formatSeconds } from "../units.ts";

export function checkRollout(draft: Draft, report: Report): void {
  const seconds = draft.rollout?.pauseLimit;
  if (seconds !== undefined && (seconds < 1 || seconds > 60 || !Number.isInteger(seconds))) {
    report.add(["rollout", "pauseLimit"], `must be whole seconds from 1s to 60s, but is ${formatSeconds(seconds)}.`);
  }
  draft.gone?.forEach((name, index) => {
    if (draft.hosts !== undefined && Object.hasOwn(draft.hosts, name)) {
      report.add(["gone", index], `names ${name}, which is declared under hosts. Take it out of one of the two.`);
    }
  });
}
