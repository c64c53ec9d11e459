/** All parameters of one server, in the order they are written, each with its reason, class and source. */
import { changeClass } from "./facts.ts";
import type { TuneInput } from "./input.ts";
import type { MemoryChoice } from "./memory.ts";
import type { Overrides } from "./overrides.ts";
import { connectionLines, diskLines, memoryLines, parallelLines } from "./settings-memory.ts";
import { libraryLines, loggingLines, plannerLines, replicationLines, vacuumLines } from "./settings-project.ts";
import type { ClusterSettings, Setting } from "./types.ts";
import type { WalPlan } from "./wal.ts";

export type Line = [name: string, value: string, reason: string];

export interface TuneContext {
  input: TuneInput;
  cluster: ClusterSettings;
  overrides: Overrides;
  choice: MemoryChoice;
  wal: WalPlan;
  /** Why max_connections is what it is. */
  connections: string;
  hugePages: "off" | "try" | "on";
}

export function settingsOf(context: TuneContext): Map<string, Setting> {
  const { input, overrides } = context;
  const settings = new Map<string, Setting>();
  const put = (lines: Line[], source: "tuned" | "project"): void => {
    for (const [name, value, reason] of lines) {
      settings.set(name, { value, reason, class: changeClass(name, input.version), source });
    }
  };
  put(connectionLines(context), "tuned");
  put(memoryLines(context), "tuned");
  put(parallelLines(context), "tuned");
  put(diskLines(context), "tuned");
  put(plannerLines(context), "tuned");
  put(replicationLines(context), "project");
  put(vacuumLines(context), "project");
  put(loggingLines(), "project");
  put(libraryLines(context), "project");
  for (const name of ["autovacuum_max_workers", "autovacuum_vacuum_cost_limit"]) {
    const setting = settings.get(name);
    if (setting) settings.set(name, { ...setting, source: "tuned" });
  }
  for (const [name, { value, from }] of overrides) {
    const before = settings.get(name);
    const instead = before && before.value !== value ? ` instead of ${before.value}` : "";
    settings.set(name, {
      value,
      reason: `set in parameters of the ${from}${instead}`,
      class: changeClass(name, input.version),
      source: "override",
    });
  }
  return settings;
}
