/** `pgfleet explain`: every value of a stack's servers with its reason. */
import type { Command } from "commander";
import { type FleetSpec, type HostSpec, isMember, members } from "../infra/config/spec.ts";
import { didYouMean } from "../infra/config/suggest.ts";
import { explainParameter } from "../infra/tuning/explain.ts";
import { columns, toJson, tuningReport, tuningTable } from "../infra/tuning/report.ts";
import { tuneFleet } from "../infra/tuning/tune.ts";
import type { Tuning } from "../infra/tuning/types.ts";
import { UsageError } from "./errors.ts";
import { loadStack, ROOT } from "./load.ts";
import { type FormatOptions, print, type StackOptions, warn, withFormat, withStack } from "./options.ts";

interface ExplainOptions extends FormatOptions {
  host?: string;
  parameter?: string;
}

function chosenHosts(spec: FleetSpec, name: string | undefined): HostSpec[] {
  if (name === undefined) return members(spec);
  const host = spec.hosts.find((h) => h.name === name);
  if (!host) {
    const names = spec.hosts.map((h) => h.name);
    throw new Error(
      `--host: stack ${spec.stack} has no host "${name}".${didYouMean(name, names)} It has ${names.join(", ")}.`,
    );
  }
  if (!isMember(host))
    throw new Error(`host "${name}" is a ${host.role}: it runs no PostgreSQL, so it has no settings`);
  return [host];
}

function explainOne(
  spec: FleetSpec,
  hosts: HostSpec[],
  tunings: Map<string, Tuning>,
  name: string,
  json: boolean,
): string {
  const rows: string[][] = [];
  const objects: Record<string, unknown> = {};
  for (const host of hosts) {
    const told = explainParameter(tunings.get(host.name)!, name, spec.cluster.version);
    if (!told.ok) throw new Error(told.problem);
    const { text, class: change, source, reason } = told.setting;
    rows.push([host.name, text, change, source, reason]);
    objects[host.name] = told.setting;
  }
  if (json) return toJson({ parameter: name, hosts: objects });
  return `${name}\n${columns([["HOST", "VALUE", "CHANGE NEEDS", "FROM", "REASON"], ...rows])}`;
}

/** The text to print for a fleet. @throws Error for a host or parameter that is not there; what tuning refuses. */
export function explainReport(spec: FleetSpec, options: ExplainOptions): string {
  const hosts = chosenHosts(spec, options.host);
  const { tunings } = tuneFleet(spec);
  const json = options.format === "json";
  if (options.parameter !== undefined) return explainOne(spec, hosts, tunings, options.parameter, json);
  const reports = hosts.map((host) => [host.name, tunings.get(host.name)!] as const);
  if (!json) return reports.map(([name, tuning]) => `Host ${name}\n\n${tuningTable(tuning)}`).join("\n");
  // One host asked for: its object alone, the same shape as `tune --format json`.
  if (options.host !== undefined) return toJson(tuningReport(reports[0]![1]));
  return toJson({ hosts: Object.fromEntries(reports.map(([name, tuning]) => [name, tuningReport(tuning)])) });
}

export function register(program: Command): void {
  withFormat(withStack(program.command("explain")))
    .description(
      "every value of a stack's servers: why it is what it is, what a change of it needs, where it comes from",
    )
    .option("--host <name>", "one host; default: all members")
    .option("--parameter <name>", "one parameter")
    .action((options: ExplainOptions & StackOptions) => {
      const { spec, warnings } = loadStack(options.stack, ROOT, options.configFile);
      warn(warnings);
      try {
        print(explainReport(spec, options).trimEnd());
      } catch (error) {
        throw new UsageError((error as Error).message, { cause: error });
      }
    });
}
