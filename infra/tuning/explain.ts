/** One parameter of a server explained: the project's value and reason, or PostgreSQL's own default. */
import type { Major } from "../config/spec.ts";
import { changeClass, factOf } from "./facts.ts";
import { formatQuantity } from "./format.ts";
import { type SettingReport, settingReport } from "./report.ts";
import type { Tuning } from "./types.ts";
import { validateOverride } from "./validate.ts";

export type Explanation =
  | { ok: true; setting: Omit<SettingReport, "source"> & { source: SettingReport["source"] | "postgresql" } }
  | { ok: false; problem: string };

/** `problem` names what is wrong with the name: unknown, removed, added later, or set elsewhere by the project. */
export function explainParameter(tuning: Tuning, name: string, version: Major): Explanation {
  const setting = tuning.settings.get(name);
  if (setting) return { ok: true, setting: settingReport(setting) };
  const fact = factOf(name, version);
  const boot = fact?.bootVal ?? "";
  // The name is judged with a value that is always valid, so that only the name can be wrong.
  const problem = validateOverride(name, fact?.bootVal ?? fact?.enumvals?.[0] ?? "", version);
  if (!fact || fact.context === "internal") {
    return { ok: false, problem: problem ?? `the project knows nothing about ${name}` };
  }
  if (problem) return { ok: false, problem };
  const value = fact.unit && /^-?[\d.]+$/.test(boot) ? formatQuantity(Number(boot), fact.unit) : boot;
  const told = settingReport({ value, reason: "", class: changeClass(name, version), source: "project" });
  return {
    ok: true,
    setting: {
      ...told,
      reason: `not set by the project: PostgreSQL's default${fact.bootVal === undefined ? ", which depends on how it was built" : ""}`,
      source: "postgresql",
    },
  };
}
