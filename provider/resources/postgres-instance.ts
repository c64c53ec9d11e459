/**
 * PostgresInstance: a member's home. Claims its data directory, makes the cluster's data on the first member,
 * starts it with its first generation; adopts what is there already. It has no role: roles are Rollout's.
 */

import type { PostgresInstanceInputs, PostgresInstanceOutputs } from "../../infra/resources.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { lockHost } from "../host-lock.ts";
import { claimData, claimHome, type DataState, dataOwnerFile, inspectData } from "../ownership.ts";
import { mayStart } from "../postgres/adoption.ts";
import { dataVersion, initData, partDirectory, readControlData, requirePrograms } from "../postgres/data-directory.ts";
import { SERVICE, startServer } from "../postgres/server.ts";
import { isStandby } from "../postgres/standby.ts";
import { type CheckFailure, type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffAccess, diffDrift } from "./diff-values.ts";
import { readReachable } from "./read-reachable.ts";

export const postgresInstance: Resource<PostgresInstanceInputs, PostgresInstanceOutputs> = {
  secrets: [],

  check(news): CheckFailure[] {
    const directory = news.dataDirectory;
    if (typeof directory === "string" && !directory.endsWith(`/${news.owner.member}`)) {
      return [
        {
          property: "dataDirectory",
          reason: `must end with the member's name (/${news.owner.member}), so that no other member's data can be meant by it; got ${directory}`,
        },
      ];
    }
    return [];
  },

  // Bootstrap inputs are read at creation only: they never differ.
  diff(olds, news): DiffResult {
    refuseOtherInitdb(olds, news);
    const detailed = diffAccess(olds.connection, news.connection);
    if (olds.version !== news.version) detailed.version = { kind: "update", inputDiff: true };
    if (olds.dataDirectory !== news.dataDirectory) detailed.dataDirectory = { kind: "update-replace", inputDiff: true };
    if (olds.deleteData !== news.deleteData) detailed.deleteData = { kind: "update", inputDiff: true };
    if (olds.binDirectory !== news.binDirectory) detailed.binDirectory = { kind: "update", inputDiff: true };
    Object.assign(detailed, diffDrift(olds.drift));
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    const host = hostAt(news.connection);
    const id = `${news.owner.stack}/${news.owner.member}`;
    await requirePrograms(host, news.binDirectory, news.version);
    await claimHome(host, news.owner);
    const found = await inspectData(host, news.dataDirectory, news.owner);
    await sameVersion(host, news);
    await lockHost(host);
    try {
      await claimData(host, news.dataDirectory, news.owner);
      const data = found === "ours" ? await mayStart(host, news, context) : await makeData(host, news, context);
      if (data) await start(host, news, found, context);
    } catch (error) {
      throw new PartialFailure((error as Error).message, id, outputs(news), { cause: error });
    }
    return { id, outputs: outputs(news) };
  },

  read: (id, olds, oldInputs, context) =>
    readReachable(id, olds, oldInputs, context, async (host) =>
      (await host.transport.exists(dataOwnerFile(olds.dataDirectory)))
        ? { drift: await drift(host, olds, context.signal) }
        : undefined,
    ),

  async update(id, olds, news, context) {
    const host = hostAt(news.connection);
    await requirePrograms(host, news.binDirectory, news.version);
    await sameVersion(host, news);
    await lockHost(host);
    try {
      const state = await inspectData(host, news.dataDirectory, news.owner);
      // Data that was there and is gone is never made anew: Rollout clones it from another member, or says why not.
      const ready = state === "ours" && (await activeGeneration(host, SERVICE)) !== "";
      if (ready && (await mayStart(host, news, context))) await startServer(target(host, news), context);
    } catch (error) {
      throw new PartialFailure((error as Error).message, id, { ...olds }, { cause: error });
    }
    return outputs(news);
  },

  async delete(_id, olds, context) {
    const host = hostAt(olds.connection);
    const state = await inspectData(host, olds.dataDirectory, olds.owner);
    if (state === "absent") return;
    await lockHost(host);
    if (await host.services.alive(context.signal)) await host.services.remove(SERVICE, context.signal);
    await deactivate(host, SERVICE);
    await host.transport.remove(partDirectory(olds.dataDirectory));
    if (!olds.deleteData) return;
    await host.transport.remove(olds.dataDirectory);
    await host.transport.remove(dataOwnerFile(olds.dataDirectory));
  },
};

/** What initdb fixed cannot be changed later; said in the preview, before anything happens. */
function refuseOtherInitdb(olds: PostgresInstanceInputs, news: PostgresInstanceInputs): void {
  const fixed = ["dataChecksums", "encoding", "localeProvider", "locale", "walSegmentSizeMb"] as const;
  const changed = fixed.filter((key) => olds.bootstrap[key] !== news.bootstrap[key]);
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} is ${olds.bootstrap[key]}, declared is ${news.bootstrap[key]}`).join("; ");
  throw new Error(
    `initdb settings of ${olds.owner.member} were fixed when its data was made: ${list}. Put the old values back, or make another cluster and move the data.`,
  );
}

/** True when there is data to start now. Data is made only where no other member has any. */
async function makeData(host: Host, news: PostgresInstanceInputs, context: Context): Promise<boolean> {
  if (news.bootstrap.kind === "clone") return false;
  for (const peer of news.peers) {
    const other = hostAt(peer.connection);
    if (!(await readControlData(other, peer.dataDirectory, news.binDirectory, context.signal).catch(() => undefined)))
      continue;
    context.log(
      "info",
      `${peer.name} has this cluster's data already: ${host.name} will be cloned from the cluster, not made new`,
    );
    return false;
  }
  context.status("initdb");
  await initData(host, news.dataDirectory, news.binDirectory, news.bootstrap, context.signal);
  return true;
}

async function start(host: Host, news: PostgresInstanceInputs, found: DataState, context: Context): Promise<void> {
  if (found === "ours") context.log("info", `adopted the data of ${news.owner.member} on ${host.name}`);
  // What was in force stays in force: only Rollout moves a member that has run before to another generation.
  const active = await activeGeneration(host, SERVICE);
  const intact = active && (await host.transport.exists(host.paths.generation(SERVICE, active)));
  // A standby that comes back may need more than the declared files say: Rollout knows, and starts it.
  if (!intact && found === "ours" && (await isStandby(host, news.dataDirectory))) return;
  if (!intact) await activate(host, SERVICE, news.generation);
  await startServer(target(host, news), context);
}

async function sameVersion(host: Host, news: PostgresInstanceInputs): Promise<void> {
  const version = await dataVersion(host, news.dataDirectory);
  if (version !== undefined && version !== news.version) {
    throw new Error(
      `the data of ${news.owner.member} on ${host.name} is PostgreSQL ${version}, declared is ${news.version}. A major upgrade is not a config change: set \`version: ${version}\`.`,
    );
  }
}

async function drift(host: Host, olds: PostgresInstanceInputs, signal: AbortSignal): Promise<string[]> {
  const state = await inspectData(host, olds.dataDirectory, olds.owner);
  if (state !== "ours")
    return olds.bootstrap.kind === "init" ? [`the data directory ${olds.dataDirectory} is gone`] : [];
  if (!(await activeGeneration(host, SERVICE))) return [];
  if (!(await host.services.alive(signal))) return [`PostgreSQL on ${host.name} does not run: supervisord is down`];
  const status = await host.services.status(SERVICE, signal);
  return status.running
    ? []
    : [`PostgreSQL on ${host.name} does not run (${status.state}${status.problem ? `: ${status.problem}` : ""})`];
}

const target = (host: Host, news: PostgresInstanceInputs) => ({
  host,
  port: news.port,
  binDirectory: news.binDirectory,
});
const outputs = (news: PostgresInstanceInputs): PostgresInstanceOutputs => ({ ...news, drift: [], reachable: true });
