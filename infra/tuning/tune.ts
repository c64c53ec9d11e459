/**
 * Settings of a server from what its host has and what it is for.
 *
 * `tune` knows one server; `tuneCluster` and `tuneMember` do the same for a fleet. All are pure.
 */
import { type FleetSpec, type HostSpec, members } from "../config/spec.ts";
import { budgetOf, fits } from "./budget.ts";
import { combinationProblems, overrideWarnings } from "./checks.ts";
import { clusterSettings, defaultConnections, topologySettings, wantedConnections, workMemCapMb } from "./cluster.ts";
import { FleetTuningError, TuningError } from "./errors.ts";
import { memberInput } from "./fleet-input.ts";
import { inputProblems, type TuneInput } from "./input.ts";
import { chooseMemory, fullPlan, type MemoryChoice } from "./memory.ts";
import { megabytes, type Overrides, readOverrides } from "./overrides.ts";
import { memoryRefusal } from "./refusal.ts";
import { settingsOf, type TuneContext } from "./settings.ts";
import type { Budget, ClusterSettings, Tuning } from "./types.ts";
import { checkWalDisk, walPlan } from "./wal.ts";
import { workloads } from "./workloads.ts";

export { BudgetError, FleetTuningError, TuningError } from "./errors.ts";
export type { TuneInput } from "./input.ts";

interface Solved {
  cluster: ClusterSettings;
  choice: MemoryChoice;
  budget: Budget;
  /** True when the memory budget holds, overrides included. */
  holds: boolean;
  connections: string;
  halved: boolean;
}

/** The memory of one server, whether it holds or not. */
function solve(input: TuneInput, overrides: Overrides): Solved {
  const cluster = input.cluster ?? clusterSettings([input]);
  const wanted = wantedConnections(input, overrides);
  const own = wanted === undefined ? defaultConnections(input, topologySettings([input]), overrides) : undefined;
  // A smaller member decided: then nothing here was chosen to leave just that much work_mem.
  const decides = own !== undefined && own.connections <= cluster.max_connections;
  const cap = decides ? workMemCapMb(input, own) : Number.POSITIVE_INFINITY;
  const choice = chooseMemory(input, fullPlan(input, cluster, overrides), overrides, cap);
  const workMemMb = megabytes(overrides, "work_mem", input.version) ?? choice.workMemMb;
  const budget = budgetOf(choice.plan, workMemMb);
  const facts = workloads[input.workload];
  const most = `${facts.connections} for ${input.workload}`;
  const connections =
    wanted !== undefined
      ? "as set for the cluster"
      : cluster.max_connections >= facts.connections
        ? most
        : `${most}, as far as the smallest member's memory allows`;
  return {
    cluster,
    choice,
    budget,
    holds: choice.possible && fits(budget),
    connections,
    halved: decides && own.halved,
  };
}

function warningsOf(input: TuneInput, overrides: Overrides, { cluster, choice, halved }: Solved): string[] {
  const warnings: string[] = [];
  if (choice.degraded.length > 0) {
    warnings.push(`memory is tight; lowered so that it holds: ${choice.degraded.join("; ")}`);
  }
  const few = workloads[input.workload].connections;
  if (halved) {
    warnings.push(
      `only ${cluster.max_connections} connections fit (${input.workload} would have ${few}); more memory or a pooler in front helps`,
    );
  }
  if (choice.workMemMb < 1) {
    warnings.push(
      `work_mem is only ${choice.workMemMb * 1024}kB; fewer connections, a pooler or more memory would raise it`,
    );
  }
  return [...warnings, ...overrideWarnings(overrides, input)];
}

/**
 * All settings of one server, its memory budget and warnings.
 *
 * @throws TuningError with every input or override that cannot be.
 * @throws BudgetError with the terms of the sum and values that work, when memory or WAL disk cannot hold.
 */
export function tune(input: TuneInput): Tuning {
  const impossible = inputProblems(input);
  if (impossible.length > 0) throw new TuningError(impossible);
  const { overrides, problems } = readOverrides(input);
  if (problems.length > 0) throw new TuningError(problems);

  const solved = solve(input, overrides);
  if (!solved.holds) throw memoryRefusal(input, overrides);
  const wal = walPlan(input, overrides);
  const hugePages = input.hugePages ?? "try";
  const context: TuneContext = { ...solved, input, overrides, wal, hugePages };
  const settings = settingsOf(context);
  const combinations = combinationProblems(settings, input);
  if (combinations.length > 0) throw new TuningError(combinations);
  checkWalDisk(wal);
  return { settings, budget: solved.budget, warnings: warningsOf(input, overrides, solved) };
}

/**
 * The five values that are equal on all members. max_connections is `connections` of the cluster, else by workload
 * as far as the smallest member's memory allows; the others follow from cpus and topology alone.
 */
export function tuneCluster(spec: FleetSpec): ClusterSettings {
  const all = members(spec);
  return clusterSettings(all.map((host) => memberInput(spec, host, all.length - 1)));
}

/** Settings of one member. @throws like `tune`. */
export function tuneMember(spec: FleetSpec, host: HostSpec, cluster: ClusterSettings): Tuning {
  return tune({ ...memberInput(spec, host), cluster });
}

/** Every member's tuning by host name. @throws FleetTuningError with what is wrong on each host at once. */
export function tuneFleet(spec: FleetSpec): { cluster: ClusterSettings; tunings: Map<string, Tuning> } {
  const cluster = tuneCluster(spec);
  const tunings = new Map<string, Tuning>();
  const errors = new Map<string, Error>();
  for (const host of members(spec)) {
    try {
      tunings.set(host.name, tuneMember(spec, host, cluster));
    } catch (error) {
      errors.set(host.name, error as Error);
    }
  }
  if (errors.size > 0) throw new FleetTuningError(errors);
  warnOfArchives(tunings);
  return { cluster, tunings };
}

/** Whoever is primary has to archive, so what is set for single hosts is lost at a switchover. */
function warnOfArchives(tunings: ReadonlyMap<string, Tuning>): void {
  const archives = ({ settings }: Tuning): boolean => settings.get("archive_mode")?.value !== "off";
  const those = [...tunings].filter(([, tuning]) => archives(tuning)).map(([name]) => name);
  if (those.length === 0) return;
  for (const tuning of tunings.values()) {
    if (archives(tuning)) continue;
    tuning.warnings.push(
      `archive_mode is off here and not on ${those.join(", ")}: as primary this member would archive nothing; set archive_command in the cluster's parameters`,
    );
  }
}
