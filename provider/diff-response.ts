/** A resource's diff as the engine's message. */

import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type { DiffKind, DiffResult } from "./types.ts";

const { Kind } = messages.PropertyDiff;
const { DiffChanges } = messages.DiffResponse;
const KINDS: Readonly<Record<DiffKind, messages.PropertyDiff.Kind>> = {
  add: Kind.ADD,
  "add-replace": Kind.ADD_REPLACE,
  delete: Kind.DELETE,
  "delete-replace": Kind.DELETE_REPLACE,
  update: Kind.UPDATE,
  "update-replace": Kind.UPDATE_REPLACE,
};

/**
 * `ignoreChanges`: the option's property paths; entries at or below one are dropped. The engine resets ignored
 * inputs itself, but cannot know of a difference that the resource found in its outputs.
 */
export function diffResponse(
  diff: DiffResult,
  ignoreChanges: readonly string[],
  redact: (text: string) => string,
): messages.DiffResponse {
  const ignored = ignoreChanges.map(segments);
  const all = Object.entries(diff.detailed);
  const kept = all.filter(([path]) => !ignored.some((prefix) => startsWith(segments(path), prefix)));
  const changes = diff.changes && (kept.length > 0 || all.length === 0);
  const response = new messages.DiffResponse()
    .setChanges(changes ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDeletebeforereplace(diff.deleteBeforeReplace ?? false);
  if (!changes || kept.length === 0) return response;
  response.setHasdetaileddiff(true);
  const keys = new Set<string>();
  const replaces = new Set<string>();
  for (const [path, { kind, inputDiff }] of kept) {
    const shown = redact(path);
    response.getDetaileddiffMap().set(shown, new messages.PropertyDiff().setKind(KINDS[kind]).setInputdiff(inputDiff));
    const top = redact(segments(path)[0] ?? path);
    keys.add(top);
    if (kind.endsWith("-replace")) replaces.add(top);
  }
  return response.setDiffsList([...keys]).setReplacesList([...replaces]);
}

/** `a.b[0]["c.d"]` → a, b, 0, c.d */
function segments(path: string): string[] {
  const parts = path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/gu);
  return [...parts].map(([, quoted, index, name]) =>
    quoted !== undefined ? quoted.replace(/\\(.)/gu, "$1") : (index ?? name ?? ""),
  );
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return (
    prefix.length > 0 && prefix.every((part, index) => index < path.length && (part === "*" || part === path[index]))
  );
}
