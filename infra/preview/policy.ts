/** What a team does not want to merge unseen: each policy with what in the comparison is against it. */

import type { Comparison } from "./types.ts";
import { list } from "./words.ts";

export const POLICIES = ["restart", "budget", "removal"] as const;
export type Policy = (typeof POLICIES)[number];

/** One line each; empty: nothing is against the policy. */
export function violations({ comparison, policy }: { comparison: Comparison; policy: Policy }): string[] {
  const { pools, removed, budgets, stack } = comparison;
  switch (policy) {
    case "restart":
      return restarts(comparison).map((line) => `${stack}: ${line}`);
    case "budget": {
      const over = budgets.filter(({ after }) => after && after.totalMb > after.limitMb);
      const sum = pools?.after;
      return [
        ...over.map(({ host }) => `${stack}: the memory budget of ${host} does not hold`),
        ...(sum && sum.pooled + sum.direct > sum.maxConnections
          ? [`${stack}: poolers may open more connections than max_connections ${sum.maxConnections} leaves`]
          : []),
      ];
    }
    case "removal":
      return removed.map((line) => `${stack}: ${line}`);
    default:
      return policy satisfies never;
  }
}

/** Servers that restart or wait for it, and poolers that do. */
function restarts({ hosts, plan }: Comparison): string[] {
  const steps = new Set(
    plan.steps.flatMap(({ step }) => (step.kind === "restart" || step.kind === "demote" ? [step.member] : [])),
  );
  const needed = hosts.filter(
    ({ name, parameters }) =>
      steps.has(name) || parameters.some((p) => p.class === "restart" || p.class === "ordered-restart"),
  );
  return needed.length > 0 ? [`${list(needed.map(({ name }) => name))}: restart`] : [];
}
