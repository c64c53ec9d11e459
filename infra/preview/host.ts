/** One host: its files, parameters, and what the change needs. */

import { clusterName } from "../rendering/names.ts";
import { isHotStandbyParameter } from "../tuning/facts.ts";
import { component } from "./generations.ts";
import { type LineDiff, lineDiff } from "./hunks.ts";
import { type HostPair, rename, replaceWord } from "./pairs.ts";
import { poolerParameters, serverParameters } from "./parameters.ts";
import type { PlanFileEntry, PlanHost } from "./plan-file.ts";
import { isUnit, serviceEffect } from "./services.ts";
import {
  EFFECTS,
  type Effect,
  type FileComparison,
  type HostComparison,
  type LikeFile,
  type ParameterComparison,
  type RenderedFleet,
} from "./types.ts";

export interface ComparedHost {
  pair: HostPair;
  /** undefined: nothing differs. */
  host: HostComparison | undefined;
  /** The same for hosts whose changes are the same but for their names and addresses. */
  key: string;
  /** Removed and added lines of pg_hba.conf need both texts: kept for who loses access. */
  hba: [before: string, after: string] | undefined;
}

/** @param model of a new host: one of its kind that a reader knows, or has read above */
export function compareHost(
  pair: HostPair,
  base: RenderedFleet | null,
  head: RenderedFleet | null,
  model?: PlanHost,
): ComparedHost {
  const { before, after } = pair;
  const renamed = before !== undefined && after !== undefined && before.name !== after.name;
  const keys: unknown[] = [];
  const bodies = new Map<string, [string, string]>();
  const files: FileComparison[] = [];
  const [old, fresh] = [entries(before), entries(after)];
  for (const path of [...new Set([...fresh.keys(), ...old.keys()])]) {
    const [was, is] = [old.get(path), fresh.get(path)];
    if (was && is && was.sha256 === is.sha256 && was.mode === is.mode) continue;
    const oldBody = was && is ? movedBody(base!.body(was.path), pair, base!.plan.cluster) : "";
    const newBody = is ? head!.body(is.path) : "";
    if (was && is) bodies.set(path, [oldBody, newBody]);
    if (was && is && oldBody === newBody && was.mode === is.mode) continue;
    const diff = was && !is ? removedFile(base!.body(was.path)) : lineDiff(oldBody, newBody, names(was, is));
    const like = model && is ? likeFile(model, after!, is, newBody, head!) : undefined;
    files.push({ ...fileComparison(path, was, is, diff), ...(like ? { like } : {}) });
    keys.push([
      path,
      was?.mode,
      is?.mode,
      generalized(diff.changed.join("\n"), (after ?? before)!, (head ?? base)!.plan.cluster),
    ]);
  }
  const parameters = before && after ? parametersOf(pair, base!, head!, bodies) : [];
  const change = !before ? "added" : !after ? "removed" : renamed ? "renamed" : "changed";
  const name = (after ?? before)!.name;
  if (change === "changed" && files.length === 0 && parameters.length === 0)
    return { pair, host: undefined, key: "", hba: undefined };
  const policy = (head ?? base)!.plan.restart;
  const host: HostComparison = {
    name,
    renamedFrom: renamed ? before!.name : null,
    role: (after ?? before)!.role,
    change,
    effect: effectOf(pair, change, files, parameters, policy),
    files,
    parameters,
  };
  const shown = parameters.map(({ name: parameter, before: a, after: b, cause, reason }) =>
    [parameter, a, b, cause, reason].map((text) =>
      generalized(text ?? "", (after ?? before)!, (head ?? base)!.plan.cluster),
    ),
  );
  const key = JSON.stringify([change, change === "changed" ? "" : host.role, host.effect, keys, shown]);
  return { pair, host, key, hba: bodies.get("postgresql/pg_hba.conf") };
}

/** Path relative to the host → file. */
function entries(host: PlanHost | undefined): Map<string, PlanFileEntry> {
  const files = host?.components.flatMap((one) => one.files) ?? [];
  return new Map(files.map((file) => [file.path.slice(host!.name.length + 1), file]));
}

/** A renamed host's old file as it would read under the new name. */
function movedBody(body: string, { before, after }: HostPair, cluster: string): string {
  if (before!.name === after!.name) return body;
  const named = replaceWord(body, clusterName(cluster, before!.name), clusterName(cluster, after!.name));
  return rename(named, before!.name, after!.name);
}

/** Text without what only says which host it is. */
function generalized(text: string, host: PlanHost, cluster: string): string {
  const named = replaceWord(text, clusterName(cluster, host.name), clusterName(cluster, "{host}"));
  return replaceWord(rename(named, host.name, "{host}"), host.address, "{address}");
}

/** A file of a new host beside the same file of a host of its kind, read as that of the new one. */
function likeFile(
  model: PlanHost,
  host: PlanHost,
  file: PlanFileEntry,
  body: string,
  head: RenderedFleet,
): LikeFile | undefined {
  const path = file.path.slice(host.name.length + 1);
  const other = entries(model).get(path);
  if (other?.mode !== file.mode) return undefined;
  const moved = movedBody(head.body(other.path), { before: model, after: host }, head.plan.cluster);
  const { additions, deletions, text } = lineDiff(
    replaceWord(moved, model.address, host.address),
    body,
    names(other, file),
  );
  return { host: model.name, additions, deletions, diff: text };
}

function names(was: PlanFileEntry | undefined, is: PlanFileEntry | undefined): [string, string] {
  return [was ? `a/${was.path}` : "/dev/null", is ? `b/${is.path}` : "/dev/null"];
}

/** Of a file that goes nothing needs to be read but its length. */
function removedFile(body: string): LineDiff {
  const deletions = body.split("\n").length - (body.endsWith("\n") ? 1 : 0);
  return { additions: 0, deletions, realigned: 0, text: "", changed: [] };
}

function fileComparison(
  path: string,
  was: PlanFileEntry | undefined,
  is: PlanFileEntry | undefined,
  { additions, deletions, realigned, text }: LineDiff,
): FileComparison {
  return {
    path,
    change: !was ? "added" : !is ? "removed" : "modified",
    mode: was && is && was.mode !== is.mode ? [was.mode, is.mode] : null,
    additions,
    deletions,
    realigned,
    diff: text,
  };
}

function parametersOf(
  pair: HostPair,
  base: RenderedFleet,
  head: RenderedFleet,
  bodies: Map<string, [string, string]>,
): ParameterComparison[] {
  const { cluster } = base.plan;
  const all = serverParameters(base.plan, head.plan, pair.before!, pair.after!);
  // What only follows from the host's new name is no change of a parameter.
  const parameters = all.filter(({ before, after }) => before === null || movedBody(before, pair, cluster) !== after);
  const ini = bodies.get("pgbouncer/pgbouncer.ini");
  return ini ? [...parameters, ...poolerParameters(...ini, base.plan, head.plan)] : parameters;
}

function effectOf(
  { before, after }: HostPair,
  change: HostComparison["change"],
  files: FileComparison[],
  parameters: ParameterComparison[],
  policy: string,
): Effect {
  const member = (host: PlanHost | undefined): boolean => component(host, "postgresql") !== undefined;
  if (change === "removed") return "removed";
  if (change === "added") return member(after) && after!.role === "replica" ? "clone" : "new";
  // The plan says why.
  if (change === "renamed") return member(before) ? "refused" : "new";
  const effects: Effect[] = parameters.map((parameter) => parameterEffect(parameter, policy));
  const changed = new Map<string, string[]>();
  for (const { path } of files) {
    const [name = "", ...rest] = path.split("/");
    changed.set(name, [...(changed.get(name) ?? []), rest.join("/")]);
  }
  for (const [name, paths] of changed) {
    const [was, is] = [component(before, name), component(after, name)];
    if (name === "postgresql") effects.push("reload");
    else if (name === "client" || name === "os") effects.push(serviceEffect(name, paths));
    else if (!was || !is) effects.push(is ? "service start" : "service stop");
    else if (name === "pgbouncer") effects.push(paths.some(isUnit) ? "restart" : "reload");
    else effects.push(serviceEffect(name, paths));
  }
  return EFFECTS[Math.max(0, ...effects.map((effect) => EFFECTS.indexOf(effect)))]!;
}

function parameterEffect({ component: of, class: needs, name }: ParameterComparison, policy: string): Effect {
  switch (needs) {
    case "new-sessions":
      return "new sessions";
    case "reload":
      return "reload";
    case "restart":
    case "ordered-restart":
      if (of === "postgresql" && policy === "manual") return "restart pending";
      return of === "postgresql" && isHotStandbyParameter(name) ? "ordered restart" : "restart";
    default:
      return needs satisfies never;
  }
}
