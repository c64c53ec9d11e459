/** `pgfleet probe`: what a host is, as YAML for the stack file. Reads only. */

import type { Command } from "commander";
import { existingConnection, existingLayouts, existingStateDir } from "../infra/platforms/existing.ts";
import { hostAt } from "../provider/host.ts";
import { type HostFacts, readHostFacts, unfit } from "../provider/host-facts.ts";
import { EXIT, UsageError } from "./errors.ts";
import { loadStack } from "./load.ts";
import { print, type StackOptions, warn, withStack } from "./options.ts";

const DIAL_LIMIT_MS = 30_000;

export function register(program: Command): void {
  withStack(program.command("probe"))
    .argument("<host>", "name of a host in the stack file")
    .description("look at a host of platform existing over ssh: sizes as YAML for the stack file, and what it lacks")
    .action(probe);
}

async function probe(name: string, options: StackOptions): Promise<void> {
  const { spec, warnings } = loadStack(options.stack, undefined, options.configFile);
  warn(warnings);
  if (spec.platform !== "existing")
    throw new UsageError(
      `stack ${spec.stack} is of platform ${spec.platform}; only hosts of platform existing are there to be probed`,
    );
  const host = spec.hosts.find((each) => each.name === name);
  if (!host)
    throw new UsageError(
      `there is no host "${name}" in stack ${spec.stack}. Hosts: ${spec.hosts.map((h) => h.name).join(", ")}.`,
    );
  const { transport } = hostAt(existingConnection(spec, host, existingLayouts(spec).get(name)!));
  const signal = AbortSignal.timeout(DIAL_LIMIT_MS + 60_000);
  await transport.connect({ signal, limitMs: DIAL_LIMIT_MS, onWait: (line) => process.stderr.write(`${line}\n`) });
  const facts = await readHostFacts(transport, existingStateDir(spec), signal);
  print(probeYaml(name, facts));
  const problems = unfit(name, facts, host);
  if (problems.length === 0) return;
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exitCode = EXIT.problem;
}

/** Under `postgres-fleet:hosts:` of a stack file. */
export function probeYaml(name: string, facts: HostFacts): string {
  const versions = [
    facts.systemd && `systemd ${facts.systemd}`,
    facts.postgresql.length > 0 && `PostgreSQL ${facts.postgresql.join(", ")}`,
    facts.pgbouncer && `PgBouncer ${facts.pgbouncer}`,
    facts.libc,
  ].filter(Boolean);
  return [
    `${name}: # ${facts.os}, ${facts.architecture}`,
    `  # ${versions.join("; ") || "nothing of the fleet's programs is installed"}`,
    `  memory: ${facts.memoryMb}MB`,
    `  cpus: ${facts.cpus}`,
    `  disk: ${facts.diskMb}MB`,
  ].join("\n");
}
