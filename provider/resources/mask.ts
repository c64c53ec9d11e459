/** Live text as it may be shown: placeholders where secrets stand, `<differs>` where something else stands. */

import { fillSecrets, secretNames } from "../../infra/rendering/generation.ts";

/**
 * @param live what the host has; may hold secrets
 * @param declared the body with placeholders
 */
export function maskLive(live: string, declared: string, secrets: Record<string, string>): string {
  const names = secretNames(declared);
  if (names.length === 0) return live;
  if (names.every((name) => secrets[name] !== undefined) && fillSecrets(declared, secrets, "") === live)
    return declared;
  // In a file with secrets only lines that are declared word for word may be shown.
  const shown = new Map<string, string>();
  for (const line of declared.split("\n")) {
    const known = secretNames(line).every((name) => secrets[name] !== undefined);
    if (known) shown.set(fillSecrets(line, secrets, ""), line);
  }
  return live
    .split("\n")
    .map((line) => shown.get(line) ?? "<differs>")
    .join("\n");
}
