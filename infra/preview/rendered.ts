/** A fleet in memory as one side of a comparison. */

import type { Fleet } from "../fleet.ts";
import { filePath, planFile } from "./plan-file.ts";
import type { RenderedFleet } from "./types.ts";

/** @param names hosts of it, in the order of the spec; default: all */
export function renderedFleet(
  fleet: Fleet,
  warnings: readonly string[] = [],
  names?: readonly string[],
): RenderedFleet {
  return {
    plan: planFile(fleet, warnings, names),
    body: (path) => {
      const [host = "", component = "", ...rest] = path.split("/");
      const files = fleet.plans.get(host)?.components.find((one) => one.name === component)?.files ?? [];
      const file = files.find(
        (one) => filePath(host, component, one.path) === `${host}/${component}/${rest.join("/")}`,
      );
      if (!file) throw new Error(`no file ${path} is rendered`);
      return file.body;
    },
  };
}
