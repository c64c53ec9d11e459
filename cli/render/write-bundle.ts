/** The file of `render --bundle`. A checkout that has this module can write one: `diff` looks for it in the base. */

import * as fs from "node:fs";
import { bundleParts } from "../../infra/preview/bundle.ts";
import type { RenderedFleet, SecretValues } from "../../infra/preview/types.ts";
import { UsageError } from "../errors.ts";

/** As many parts as the system takes at once. */
const AT_ONCE = 1024;

/**
 * @param known hashes of texts that the reader has: they are left out
 * @throws UsageError when something is there already, or the place cannot be written
 */
export function writeBundle(
  file: string,
  fleet: RenderedFleet,
  secrets: SecretValues,
  known: ReadonlySet<string>,
): void {
  try {
    const to = fs.openSync(file, "wx");
    try {
      const parts = bundleParts(fleet, secrets, known);
      for (let at = 0; at < parts.length; at += AT_ONCE) writeAll(to, parts.slice(at, at + AT_ONCE));
    } finally {
      fs.closeSync(to);
    }
  } catch (error) {
    throw new UsageError(`--out: ${(error as Error).message}`, { cause: error });
  }
}

/** The system may take less than it is given. */
function writeAll(to: number, parts: Uint8Array[]): void {
  let written = fs.writevSync(to, parts);
  for (const part of parts) {
    for (let done = Math.min(written, part.length); done < part.length; ) done += fs.writeSync(to, part, done);
    written = Math.max(0, written - part.length);
  }
}
