/** HostFiles: stages one generation of files per component on a host. Nothing here is in force until activated. */

import * as path from "node:path";
import { fillSecrets, generationHash } from "../../infra/rendering/generation.ts";
import type { HostFilesInputs, HostFilesOutputs } from "../../infra/resources.ts";
import { activate, activeGeneration, deactivate, type Host, hostAt } from "../host.ts";
import { lockHost } from "../host-lock.ts";
import { putOsInForce, readOs, removeOs } from "../os-settings.ts";
import { claimHome } from "../ownership.ts";
import { UnreachableError } from "../transports/transport.ts";
import { type Context, type DiffResult, PartialFailure, type Resource } from "../types.ts";
import { diffAccess, diffValues } from "./diff-values.ts";
import { maskLive } from "./mask.ts";

/** Generations of a component kept beside the staged and the active one, to go back to. */
const KEPT = 3;
/** Components without a service: nothing waits for an order, so they are in force as soon as they are staged. */
const PASSIVE_COMPONENTS = ["client", "os"];

export const hostFiles: Resource<HostFilesInputs, HostFilesOutputs> = {
  secrets: ["secrets"],

  diff(olds, news, oldInputs): DiffResult {
    const detailed = diffValues(oldInputs, news, ["components", "secretVersions", "owner"]);
    Object.assign(detailed, diffAccess(olds.connection, news.connection));
    // Another folder is another host: staged there first, nothing deleted here.
    if (olds.connection?.home !== news.connection?.home)
      detailed["connection.home"] = { kind: "update-replace", inputDiff: true };
    return { changes: Object.keys(detailed).length > 0, detailed };
  },

  async create(news, context) {
    const host = hostAt(news.connection);
    await claimHome(host, news.owner);
    const id = `${news.owner.stack}/${host.name}`;
    return { id, outputs: await stageAll(host, news, {}, id, context) };
  },

  async read(id, olds, oldInputs, context) {
    const host = hostAt(olds.connection);
    try {
      if (!(await host.transport.exists(host.paths.owner))) return undefined;
      const components: HostFilesInputs["components"] = {};
      for (const [name, files] of Object.entries(olds.components))
        components[name] = await readComponent(host, name, files, olds, context.signal);
      return { id, inputs: { ...oldInputs, components }, outputs: { ...olds, components, reachable: true } };
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      context.log("warning", `${error.message}; its files are shown as last seen`);
      return { id, inputs: oldInputs, outputs: { ...olds, reachable: false } };
    }
  },

  async update(id, olds, news, context) {
    const host = hostAt(news.connection);
    await claimHome(host, news.owner);
    if (!olds.reachable) context.log("info", `${host.name} is reachable again`);
    return stageAll(host, news, olds.repairs ?? {}, id, context);
  },

  async delete(_id, olds, context) {
    const host = hostAt(olds.connection);
    const entries = await host.transport.list(host.paths.home);
    if (!entries) return;
    await claimHome(host, olds.owner);
    await lockHost(host);
    // A pooler has no resource of its own; where supervisord is not one either, nothing else would stop it.
    if (host.connection.platform !== "local") await host.services.shutdown(context.signal);
    const os = await activeGeneration(host, "os");
    if (os) await deactivatePassive(host, "os", os, context.signal);
    for (const folder of ["gen", "current", "rollout"]) await host.transport.remove(path.join(host.paths.home, folder));
    // Data stays, and so does the file that says whose it is.
    const left = (await host.transport.list(host.paths.data)) ?? [];
    if (left.length === 0) await host.transport.remove(host.paths.home);
  },
};

async function stageAll(
  host: Host,
  news: HostFilesInputs,
  repairsBefore: Record<string, number>,
  id: string,
  context: Context,
): Promise<HostFilesOutputs> {
  await lockHost(host);
  const { user } = host.connection;
  const staged: Record<string, string> = {};
  const repairs: Record<string, number> = {};
  try {
    // What root's supervisord reads is root's: servers may read their files, not write them.
    for (const folder of ["gen", "current"]) {
      await host.transport.makeDirectory(path.join(host.paths.home, folder), { mode: "0755" });
    }
    for (const folder of ["data", "log", "rollout"]) {
      await host.transport.makeDirectory(path.join(host.paths.home, folder), { mode: "0755", user });
    }
    await host.transport.makeDirectory(host.connection.run, { mode: "0755", user });
    for (const [component, files] of Object.entries(news.components)) {
      context.signal.throwIfAborted();
      context.status(`staging ${component}`);
      const { hash, repaired } = await stage(host, component, files, news);
      staged[component] = hash;
      repairs[component] = (repairsBefore[component] ?? 0) + (repaired ? 1 : 0);
    }
    await activatePassive(host, staged, news.components, context);
    await prune(host, staged);
  } catch (error) {
    throw new PartialFailure(
      (error as Error).message,
      id,
      { ...news, staged, repairs, reachable: true },
      { cause: error },
    );
  }
  return { ...news, staged, repairs, reachable: true };
}

/** Writes what is missing or differs. The folder appears under its final name only when it is complete. */
async function stage(
  host: Host,
  component: string,
  files: HostFilesInputs["components"][string],
  news: HostFilesInputs,
): Promise<{ hash: string; repaired: boolean }> {
  const { transport, connection } = host;
  const hash = generationHash(files, news.secretVersions);
  const target = host.paths.generation(component, hash);
  await transport.makeDirectory(host.paths.generations(component), { mode: "0755" });
  const complete = await transport.exists(target);
  const folder = complete ? target : `${target}.part`;
  let repaired = false;
  if (!complete) await transport.remove(folder);
  await transport.makeDirectory(folder, { mode: "0750", group: connection.user });
  for (const [name, file] of Object.entries(files)) {
    const text = fillSecrets(file.body, news.secrets, name);
    const live = complete ? await transport.readFile(path.join(folder, name)) : undefined;
    if (live?.text === text && live.mode === file.mode) continue;
    if (name.includes("/"))
      await transport.makeDirectory(path.join(folder, path.dirname(name)), { mode: "0750", group: connection.user });
    // A file for its owner alone is the servers' own; the others they only read.
    const owner = file.mode === "0600" ? { user: connection.user } : { group: connection.user };
    await transport.writeFile(path.join(folder, name), text, { mode: file.mode, ...owner });
    repaired = complete;
  }
  if (complete) {
    for (const name of (await transport.list(folder)) ?? [])
      if (!owns(files, name)) {
        await transport.remove(path.join(folder, name));
        repaired = true;
      }
  } else {
    await transport.rename(folder, target);
  }
  return { hash, repaired };
}

async function activatePassive(
  host: Host,
  staged: Record<string, string>,
  components: HostFilesInputs["components"],
  context: Context,
): Promise<void> {
  for (const component of PASSIVE_COMPONENTS) {
    const active = await activeGeneration(host, component);
    const hash = staged[component];
    if (hash) {
      if (active !== hash) await activate(host, component, hash);
      if (component === "os") await putOsInForce(host, components.os!, context, active !== hash);
    } else if (active) {
      await deactivatePassive(host, component, active, context.signal);
    }
  }
}

async function deactivatePassive(host: Host, component: string, active: string, signal: AbortSignal): Promise<void> {
  if (component === "os") await removeOs(host, host.paths.generation(component, active), signal);
  await deactivate(host, component);
}

const owns = (files: Record<string, unknown>, name: string): boolean =>
  Object.keys(files).some((f) => f === name || f.startsWith(`${name}/`));

async function prune(host: Host, staged: Record<string, string>): Promise<void> {
  for (const component of (await host.transport.list(path.join(host.paths.home, "gen"))) ?? []) {
    const active = await activeGeneration(host, component);
    const found = (await host.transport.list(host.paths.generations(component))) ?? [];
    // What a killed run has begun to stage; this run holds the host's lock, so nobody is at it.
    const begun = found.filter((name) => name.endsWith(".part"));
    for (const name of begun) await host.transport.remove(path.join(host.paths.generations(component), name));
    const all = found.filter((name) => !begun.includes(name));
    const old = all.filter((hash) => hash !== active && hash !== staged[component]);
    const byAge = await Promise.all(old.map(async (hash) => ({ hash, at: await newest(host, component, hash) })));
    byAge.sort((a, b) => b.at - a.at);
    for (const { hash } of byAge.slice(KEPT)) await host.transport.remove(host.paths.generation(component, hash));
  }
}

async function newest(host: Host, component: string, hash: string): Promise<number> {
  const folder = host.paths.generation(component, hash);
  const files = (await host.transport.list(folder)) ?? [];
  const times = await Promise.all(
    files.map(async (f) => (await host.transport.readFile(path.join(folder, f)).catch(() => undefined))?.mtimeMs ?? 0),
  );
  return Math.max(0, ...times);
}

/** The staged files as they are on the host now, with placeholders where secrets stand. */
async function readComponent(
  host: Host,
  component: string,
  files: HostFilesInputs["components"][string],
  olds: HostFilesOutputs,
  signal: AbortSignal,
) {
  const hash = olds.staged[component];
  const live: HostFilesInputs["components"][string] = {};
  if (!hash) return live;
  // Not in force counts as not there, or nothing would put it back.
  if (PASSIVE_COMPONENTS.includes(component) && (await activeGeneration(host, component)) !== hash) return live;
  if (component === "os") return readOs(host, files, signal);
  const folder = host.paths.generation(component, hash);
  for (const [name, file] of Object.entries(files)) {
    const facts = await host.transport.readFile(path.join(folder, name));
    if (facts) live[name] = { body: maskLive(facts.text, file.body, olds.secrets), mode: facts.mode };
  }
  for (const name of (await host.transport.list(folder)) ?? []) {
    if (!owns(files, name)) live[name] = { body: "<not ours: would be removed>\n", mode: "0640" };
  }
  return live;
}
