/** Machine: a host with a kernel and packages of its own, made ready for the fleet, or refused before anything is there. */

import type { MachineInputs, MachineOutputs } from "../../infra/resources.ts";
import { waitForBoot } from "../boot.ts";
import { type Host, hostAt } from "../host.ts";
import { readHostFacts, unfit } from "../host-facts.ts";
import { ensureSource, sourceDrift } from "../package-source.ts";
import { installPackages, type PackageFacts, readPackages, releasePackages } from "../packages.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffAccess, diffDrift, diffValues } from "./diff-values.ts";
import { readReachable } from "./read-reachable.ts";

export const machine: Resource<MachineInputs, MachineOutputs> = {
  secrets: [],

  diff(olds, news): DiffResult {
    const detailed = diffValues(olds, news, ["size", "packages", "packageSource"]);
    Object.assign(detailed, diffAccess(olds.connection, news.connection));
    Object.assign(detailed, diffDrift(olds.drift));
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    const host = hostAt(news.connection);
    // It may have been made a moment ago, and boots.
    await waitForBoot(host, context);
    await refuseUnfit(host, news, context.signal);
    return { id: host.name, outputs: await ensure(host, news, {}, context) };
  },

  read: (id, olds, oldInputs, context) =>
    readReachable(id, olds, oldInputs, context, (host) => look(host, olds, context.signal)),

  async update(_id, olds, news, context) {
    const host = hostAt(news.connection);
    await refuseUnfit(host, news, context.signal);
    // What another machine had says nothing of this one.
    const before = machineOf(olds) === machineOf(news) ? olds.installed : {};
    const outputs = await ensure(host, news, before, context);
    const left = Object.keys(olds.packages).filter((name) => !(name in news.packages));
    if (left.length > 0) await releasePackages(host, left, context.signal);
    return outputs;
  },

  /** Packages stay, and are their owner's again. */
  async delete(_id, olds, context) {
    await releasePackages(hostAt(olds.connection), Object.keys(olds.packages), context.signal);
  },
};

const machineOf = ({ connection }: MachineInputs): string | undefined =>
  connection.platform === "ssh" ? connection.ssh.machine : undefined;

async function refuseUnfit(host: Host, news: MachineInputs, signal: AbortSignal): Promise<void> {
  const problems = unfit(host.name, await readHostFacts(host.transport, host.paths.home, signal), news.size);
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

async function ensure(
  host: Host,
  news: MachineInputs,
  before: Record<string, string>,
  context: Context,
): Promise<MachineOutputs> {
  context.status("packages");
  try {
    const { packages, packageSource } = news;
    await ensureSource(host, packageSource, context.signal);
    const found = await installPackages(host, packages, packageSource ?? "distribution", context.signal);
    const installed = versions(found);
    for (const [name, version] of Object.entries(installed)) {
      if (before[name] && before[name] !== version)
        context.log(
          "warning",
          `${name} on ${host.name} is ${version} now, and was ${before[name]}. What runs is still the old one, until its next restart.`,
        );
    }
    return { ...news, installed, drift: [], reachable: true };
  } catch (error) {
    const outputs = { ...news, installed: before, drift: ["packages were not made ready"], reachable: true };
    throw new PartialFailure((error as Error).message, host.name, outputs, { cause: error });
  }
}

async function look(
  host: Host,
  olds: MachineOutputs,
  signal: AbortSignal,
): Promise<Pick<MachineOutputs, "installed" | "drift">> {
  const drift = unfit(host.name, await readHostFacts(host.transport, host.paths.home, signal), olds.size);
  const found = await readPackages(host, Object.keys(olds.packages), signal);
  for (const [name, wanted] of Object.entries(olds.packages)) {
    const facts = found[name];
    if (!facts) drift.push(`${name} is not installed on ${host.name}`);
    else if (wanted !== "" && facts.version !== wanted)
      drift.push(`${name} on ${host.name} is ${facts.version}, declared is ${wanted}`);
    else if (!facts.held) drift.push(`${name} on ${host.name} is not held: an unattended upgrade may restart it`);
  }
  drift.push(...(await sourceDrift(host, olds.packageSource, signal)));
  return { installed: versions(found), drift };
}

const versions = (found: Record<string, PackageFacts>): Record<string, string> =>
  Object.fromEntries(Object.entries(found).map(([name, { version }]) => [name, version]));
