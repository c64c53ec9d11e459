/** Units of systemd, in place of supervisor's program sections, on hosts that are a machine of their own. */

import { isMember } from "../config/spec.ts";
import { type HostInput, renderFile } from "./host-input.ts";
import { osMemory } from "./os-memory.ts";
import { systemdCommand, systemdValue, systemdWord } from "./quoting.ts";
import { openFiles, type Program } from "./supervisor.ts";
import type { View } from "./template.ts";
import type { ComponentName, PlannedFile } from "./types.ts";

/** Programs that tell systemd when they are ready, as Debian and PGDG build them. */
const NOTIFYING: readonly ComponentName[] = ["postgresql", "pgbouncer"];

export const hasSystemd = ({ layout }: Pick<HostInput, "layout">): boolean => layout.serviceManager === "systemd";

/** @param service name of the service, and of its file before ".service" */
export function unitFile(
  input: HostInput,
  name: Exclude<ComponentName, "supervisor">,
  service: string,
  program: Program,
): PlannedFile {
  const { host, layout, spec } = input;
  const environment = { HOME: layout.home, USER: layout.user, LC_ALL: "C.UTF-8", ...program.environment };
  const view: View = {
    description: systemdValue(`${service} of ${host.name} in the fleet ${spec.stack}`),
    type: NOTIFYING.includes(name) ? "notify" : "exec",
    command: systemdCommand(program.command),
    user: systemdValue(layout.user),
    directory: systemdValue(layout.home),
    environment: Object.entries(environment).map(([key, value]) => systemdWord(`${key}=${value}`)),
    stopSignal: program.stopSignal,
    stopWaitSeconds: program.stopWaitSeconds,
    openFiles: openFiles(input),
    memory: name === "postgresql" ? memoryView(input, program) : null,
  };
  const facts = { change: "restart", name: `${service}.service`, template: "systemd/program.service" } as const;
  return renderFile(input, name, facts.name, facts, view);
}

const RESERVE_HUGE_PAGES = "reserve-huge-pages.sh";

/** Files that a member's unit needs beside it. */
export const unitParts = (input: HostInput): PlannedFile[] =>
  hasSystemd(input) ? [renderFile(input, "postgresql", RESERVE_HUGE_PAGES, { change: "reload" }, {})] : [];

/** What PostgreSQL's unit says about memory. */
function memoryView(input: HostInput, program: Program): View | null {
  const { host, layout } = input;
  if (!isMember(host)) return null;
  const { hugePages, hugePagesCertain, memoryHighMb, memoryMaxMb } = osMemory(
    host.memoryMb,
    input.tunings.get(host.name)!,
  );
  const script = `${layout.current}/postgresql/${RESERVE_HUGE_PAGES}`;
  return {
    reserveHugePages: systemdCommand(["/bin/sh", script, String(hugePages), layout.user, ...program.command]),
    memoryHighMb,
    memoryMaxMb,
    highDetail: `The memory budget's limit and a quarter of what is left of the host${hugePagesCertain ? ", without huge pages" : ""}.`,
    maxDetail: "The same with half of the rest.",
  };
}
