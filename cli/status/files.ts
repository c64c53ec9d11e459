/** Files in force against what the stack config says; what they hold is never shown, it may be a secret. */

import * as path from "node:path";
import type { Probe } from "./probe.ts";

/** Adds a problem for each file in force that is not what the config renders. */
export async function checkFiles({ host, plan, problems }: Probe): Promise<void> {
  for (const component of plan.components) {
    const folder = host.paths.current(component.name);
    if (!(await host.transport.exists(folder))) {
      problems.add(`${component.name} is not installed; \`pulumi up\` installs it`);
      continue;
    }
    for (const file of component.files) {
      const live = await host.transport.readFile(path.join(folder, file.path)).catch((error: Error) => error);
      const name = `${component.name}/${file.path}`;
      if (live === undefined) problems.add(`${name} is missing (${path.join(folder, file.path)})`);
      else if (live instanceof Error) problems.add(`${name} cannot be read: ${live.message}`);
      else {
        const line = firstDifference(file.body, live.text);
        if (line > 0)
          problems.add(`${name}:${line} is not what the stack config says: edited by hand, or not applied yet`);
        else if (live.mode !== file.mode) problems.add(`${name} has mode ${live.mode}, not ${file.mode}`);
      }
    }
  }
}

const PLACEHOLDER = /@@secret:[A-Za-z0-9_.-]+(?:\|[a-z]+)?@@/;

/**
 * Number of the first line that differs; 0 when none does. Any text counts where a placeholder stands, and any number of
 * lines where it stands alone in its line, as a key or a certificate does.
 */
export function firstDifference(rendered: string, live: string): number {
  if (rendered === live) return 0;
  const [wanted, found] = [rendered.split("\n"), live.split("\n")];
  const patterns = wanted.map(linePattern);
  if (PLACEHOLDER.test(rendered) && new RegExp(`^${patterns.join("\n")}$`).test(live)) return 0;
  let more = Math.max(0, found.length - wanted.length);
  let at = 0;
  for (const [i, want] of wanted.entries()) {
    if (isAlone(want)) {
      at += more;
      more = 0;
    }
    const have = found[at];
    if (have === undefined || !new RegExp(`^${patterns[i]}$`).test(have)) return at + 1;
    at += 1;
  }
  return at + 1;
}

const isAlone = (line: string): boolean => line.replace(PLACEHOLDER, "") === "" && line !== "";

function linePattern(line: string): string {
  const parts = line.split(new RegExp(PLACEHOLDER, "g")).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return parts.join(isAlone(line) ? "[^]+?" : ".+");
}
