/** plan.json: what `render` wrote, in numbers and reasons; for programs. */

import type { Fleet } from "../../infra/fleet.ts";
import { type PlanFile, planFile } from "../../infra/preview/plan-file.ts";
import type { Templates } from "../../infra/rendering/template.ts";

export {
  filePath,
  PLAN_VERSION,
  type PlanComponent as ComponentJson,
  type PlanFile as PlanJson,
  type PlanFileEntry as FileJson,
  type PlanHost as HostJson,
  type PlanPools as PoolsJson,
} from "../../infra/preview/plan-file.ts";

/** @param names hosts to describe, in the order of the spec */
export function planJson(
  fleet: Fleet,
  _templates: Templates,
  names: readonly string[],
  warnings: readonly string[],
): PlanFile {
  return planFile(fleet, warnings, names);
}
