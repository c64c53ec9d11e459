/** A stack file as plain data, for whoever needs no more of it: a file that was loaded is not parsed again. */

import { parseDocument } from "yaml";
import { decode } from "./stack-text.ts";

/** Of the file that was loaded last; parsing takes a large part of the time that a large fleet takes to load. */
let last: { text: string; root: unknown } | undefined;

/** @param text as `decode` gives it */
export function keepRoot(text: string, root: unknown): void {
  last = { text, root };
}

/** @returns what YAML makes of it, encrypted values included; undefined when it cannot be read. Not to be changed. */
export function stackRoot(content: string | Uint8Array): unknown {
  const text = decode(content);
  if (text === undefined) return undefined;
  if (last?.text === text) return last.root;
  try {
    return parseDocument(text, { prettyErrors: false, merge: true }).toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}
