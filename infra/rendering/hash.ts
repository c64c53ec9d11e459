/** What a component's generation is called, from what it holds. */

import { generationHash } from "./generation.ts";
import type { Component, PlannedFile } from "./types.ts";

/** A component's files in the shape of HostFilesInputs: path → body and mode. */
export function filesByPath(files: readonly PlannedFile[]): Record<string, { body: string; mode: string }> {
  return Object.fromEntries(files.map(({ path, body, mode }) => [path, { body, mode }]));
}

/**
 * Name of a component's generation: 16 hex digits of SHA-256 over sorted paths, modes, bodies and the versions of
 * the secrets its bodies ask for. The provider stages under the same name. Versions of other secrets do not count.
 */
export function componentHash(component: Pick<Component, "files">, secretVersions: Record<string, number>): string {
  return generationHash(filesByPath(component.files), secretVersions);
}
