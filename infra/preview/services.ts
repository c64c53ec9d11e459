/** Daemons that need no order with the servers: what a change of their files does to them. */

import { component } from "./generations.ts";
import { HostLines } from "./host-lines.ts";
import type { HostPair } from "./pairs.ts";
import type { Effect } from "./types.ts";

/** Components that a resource of their own keeps running; the rest is put in force by the plan. */
/** What a service manager reads of a component: supervisor's section, or a unit of systemd. */
export const isUnit = (path: string): boolean => path === "supervisor.conf" || path.endsWith(".service");

const SERVICES = ["supervisor", "postgres_exporter", "pgbouncer_exporter", "prometheus"];

/** What it takes until changed files are in force. `changed`: paths relative to the component. */
export function serviceEffect(name: string, changed: string[]): Effect {
  if (name === "client") return "none";
  // A supervisord that runs is left alone, as everything under it would restart; so are settings of the machine.
  if (name === "supervisor" || name === "os") return "next start";
  if (name === "prometheus" && !changed.some(isUnit)) return "reload";
  return "service restart";
}

/** "restart postgres_exporter on db1, db2"; the same for many hosts in one line. */
export function serviceLines(pairs: HostPair[], changed: (pair: HostPair, component: string) => string[]): string[] {
  const lines = new HostLines();
  for (const pair of pairs) {
    const { before, after } = pair;
    for (const name of SERVICES) {
      const [was, is] = [component(before, name), component(after, name)];
      const host = (after ?? before)!.name;
      if (is && (!was || before?.name !== after?.name)) lines.add(`start ${name}`, host);
      if (was && (!is || before?.name !== after?.name)) lines.add(`stop ${name}`, before!.name);
      if (!was || !is || before?.name !== after?.name) continue;
      const files = changed(pair, name);
      if (files.length === 0) continue;
      const effect = serviceEffect(name, files);
      lines.add(
        effect === "next start"
          ? `${name} takes its new file when it starts the next time`
          : `${effect.replace("service ", "")} ${name}`,
        host,
      );
    }
  }
  return lines.lines((what, on) => (what.startsWith("supervisor takes") ? `${on}: ${what}` : `${what} on ${on}`));
}
