/** Encrypted values of a stack file: which of them changed, never what they are. */

import { createHash } from "node:crypto";
import { stackRoot } from "../config/stack-root.ts";
import type { SecretValues } from "./types.ts";

/** Fingerprints only: a cipher text is nothing to show either. A file that cannot be read has none. */
export function secretValues(content: string | Uint8Array): SecretValues {
  const empty: SecretValues = { values: {}, key: "" };
  const root = stackRoot(content);
  if (!isMap(root)) return empty;
  const values: Record<string, string> = {};
  collect(root.config, [], values);
  const key = fingerprint(JSON.stringify([root.encryptionsalt, root.secretsprovider, root.encryptedkey]));
  return { values, key };
}

function collect(value: unknown, path: string[], into: Record<string, string>): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      collect(item, [...path, String(index)], into);
    });
  } else if (isMap(value)) {
    const { secure } = value;
    if (Object.keys(value).length === 1 && typeof secure === "string") into[path.join(".")] = fingerprint(secure);
    else for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key], into);
  }
}

export function secretWarnings(before: SecretValues, after: SecretValues): string[] {
  const paths = [...new Set([...Object.keys(before.values), ...Object.keys(after.values)])].sort();
  const lines: string[] = [];
  const changed = paths.filter(
    (p) => before.values[p] !== undefined && after.values[p] !== undefined && before.values[p] !== after.values[p],
  );
  for (const path of paths) {
    if (before.values[path] === undefined) lines.push(`encrypted value ${path} is new`);
    else if (after.values[path] === undefined) lines.push(`encrypted value ${path} is removed`);
  }
  if (before.key !== after.key && paths.length > 0 && before.key !== "" && after.key !== "") {
    lines.push(
      `encrypted values have another key: whether ${changed.join(", ") || "their values"} changed cannot be told without it`,
    );
  } else
    for (const path of changed)
      lines.push(
        `encrypted value ${path} changed: its cipher text is another one. If the value is too, \`up\` sets the password on the servers and in the poolers`,
      );
  return lines;
}

const fingerprint = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
