/** Which properties differ between two plain values, as paths the engine understands. */

import type { Connection } from "../../infra/resources.ts";
import { type DiffResult, UNKNOWN } from "../types.ts";

type Detailed = DiffResult["detailed"];

/**
 * @param keys top-level keys to look at; others never count as a change
 * @returns property path → kind, empty when equal. An unknown counts as a change.
 */
export function diffValues(olds: object, news: object, keys: readonly string[]): Detailed {
  const detailed: Detailed = {};
  for (const key of keys)
    compare((olds as Record<string, unknown>)[key], (news as Record<string, unknown>)[key], step("", key), detailed);
  return detailed;
}

/**
 * How the host is reached: what is in the state is what the next refresh dials with, so a change has to get there.
 * Empty for hosts that are not reached over ssh.
 */
export function diffAccess(olds: Connection | undefined, news: Connection | undefined, path = "connection"): Detailed {
  const detailed: Detailed = {};
  const access = (connection: Connection | undefined) => (connection?.platform === "ssh" ? connection.ssh : undefined);
  compare(access(olds), access(news), `${path}.ssh`, detailed);
  return detailed;
}

/** What was found different from what is declared, one line each: applying takes it away. @param path of the lines in the outputs */
export function diffDrift(lines: readonly string[] | undefined, path = "drift"): Detailed {
  return Object.fromEntries((lines ?? []).map((_, i) => [`${path}[${i}]`, { kind: "delete", inputDiff: false }]));
}

function compare(a: unknown, b: unknown, path: string, detailed: Detailed): void {
  if (a === b) return;
  if (b === UNKNOWN || a === UNKNOWN) {
    detailed[path] = { kind: "update", inputDiff: true };
  } else if (a === undefined || a === null) {
    if (b !== undefined && b !== null) detailed[path] = { kind: "add", inputDiff: true };
  } else if (b === undefined || b === null) {
    detailed[path] = { kind: "delete", inputDiff: true };
  } else if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) compare(a[i], b[i], `${path}[${i}]`, detailed);
  } else if (typeof a === "object" && typeof b === "object" && !Array.isArray(a) && !Array.isArray(b)) {
    const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
    for (const key of new Set([...Object.keys(x), ...Object.keys(y)]))
      compare(x[key], y[key], step(path, key), detailed);
  } else {
    detailed[path] = { kind: "update", inputDiff: true };
  }
}

const step = (path: string, key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? (path ? `${path}.${key}` : key) : `${path}["${key.replaceAll('"', '\\"')}"]`;
