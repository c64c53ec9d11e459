/** The identity of a component's files: what is staged under this name never changes. */

import { createHash } from "node:crypto";

const START = "@@secret:";
const PLACEHOLDER = /@@secret:([A-Za-z0-9_.-]+)@@/g;

/** Names of the secrets that a body asks for, in order of appearance, each once. */
export function secretNames(body: string): string[] {
  if (!body.includes(START)) return [];
  return [...new Set([...body.matchAll(PLACEHOLDER)].map((match) => match[1]!))];
}

/** Puts secrets in their places. A name without a value is an error that names it. */
export function fillSecrets(body: string, secrets: Record<string, string>, file: string): string {
  return body.replace(PLACEHOLDER, (_, name: string) => {
    const value = secrets[name];
    if (value === undefined)
      throw new Error(`${file} asks for the secret "${name}", which is not among this host's secrets`);
    return value;
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
