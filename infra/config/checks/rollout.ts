/** Limits of a rollout, and who may be called gone. */

import type { Report } from "../problems.ts";
import type { Draft } from "../schema/fleet.ts";
import { formatKb, formatSeconds } from "../units.ts";

export function checkRollout(draft: Draft, report: Report): void {
  const seconds = draft.rollout?.pauseLimit;
  if (seconds !== undefined && (seconds < 1 || seconds > 60 || !Number.isInteger(seconds))) {
    report.add(["rollout", "pauseLimit"], `must be whole seconds from 1s to 60s, but is ${formatSeconds(seconds)}.`);
  }
  const rateKb = draft.rollout?.cloneRate;
  if (rateKb !== undefined && (rateKb < 32 || rateKb > 1024 ** 2)) {
    report.add(
      ["rollout", "cloneRate"],
      `must be from 32kB to 1GB per second, as pg_basebackup takes it, but is ${formatKb(rateKb)}. Remove the line for no limit.`,
    );
  }
  draft.gone?.forEach((name, index) => {
    if (draft.hosts !== undefined && Object.hasOwn(draft.hosts, name)) {
      report.add(["gone", index], `names ${name}, which is declared under hosts. Take it out of one of the two.`);
    }
  });
}
