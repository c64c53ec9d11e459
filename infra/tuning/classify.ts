/** What a changed parameter needs, also when its name is of another version than the declared one. */

import type { Major } from "../config/spec.ts";
import { changeClass } from "./facts.ts";
import type { ChangeClass } from "./types.ts";

/**
 * By the facts of the last version, then of those before it. What none of them knows is taken to need a restart.
 *
 * @param versions majors, the declared one last
 */
export function classifier(...versions: number[]): (name: string) => ChangeClass {
  const known = new Map<string, ChangeClass>();
  const find = (name: string): ChangeClass => {
    for (const version of versions.toReversed()) {
      try {
        return changeClass(name, version as Major);
      } catch {
        // Not a parameter of that version.
      }
    }
    return "restart";
  };
  return (name) => {
    if (!known.has(name)) known.set(name, find(name));
    return known.get(name)!;
  };
}
