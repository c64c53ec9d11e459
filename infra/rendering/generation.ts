/** The identity of a component's files: what is staged under this name never changes. */

import { createHash } from "node:crypto";
import type { SecretKind } from "./types.ts";

const START = "@@secret:";
const PLACEHOLDER = /@@secret:([A-Za-z0-9_.-]+)(?:\|([a-z]+))?@@/g;

/** How a secret is written into a file of this kind, `|kind` in its placeholder; between quotes where the file has them. */
const ESCAPES: Record<string, (value: string) => string> = {
  passfile: (value) => value.replace(/[\\:]/g, "\\$&"),
  userlist: (value) => value.replaceAll('"', '""'),
  conninfo: (value) => value.replace(/[\\']/g, "\\$&"),
  uri: encodeURIComponent,
} satisfies Record<SecretKind, (value: string) => string>;

/** Names of the secrets that a body asks for, in order of appearance, each once. */
export function secretNames(body: string): string[] {
  if (!body.includes(START)) return [];
  return [...new Set([...body.matchAll(PLACEHOLDER)].map((match) => match[1]!))];
}

/** Puts secrets in their places, escaped as each placeholder says. A name without a value is an error that names it. */
export function fillSecrets(body: string, secrets: Record<string, string>, file: string): string {
  return body.replace(PLACEHOLDER, (_, name: string, kind?: string) => {
    const value = secrets[name];
    if (value === undefined)
      throw new Error(`${file} asks for the secret "${name}", which is not among this host's secrets`);
    if (kind === undefined) return value;
    const write = ESCAPES[kind];
    if (!write) throw new Error(`${file} asks for a secret as "${kind}"; there are ${Object.keys(ESCAPES).join(", ")}`);
    return write(value);
  });
}

/**
 * Hash of a component's files and of the versions of the secrets they ask for; never of a secret itself.
 * 16 hex digits of SHA-256.
 */
export function generationHash(
  files: Record<string, { body: string; mode: string }>,
  secretVersions: Record<string, number>,
): string {
  const hash = createHash("sha256");
  for (const path of Object.keys(files).sort()) {
    const { body, mode } = files[path]!;
    const versions = secretNames(body).map((name) => `${name}=${secretVersions[name] ?? "missing"}`);
    hash.update(JSON.stringify([path, mode, body, versions]));
  }
  return hash.digest("hex").slice(0, 16);
}
