/** Versions as programs print them. */

/** `a.b.c` as numbers: is `version` at least `wanted`? */
export function atLeast(version: string, wanted: string): boolean {
  const a = version.split(".").map(Number);
  const b = wanted.split(".").map(Number);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The first version in a text, e.g. "PgBouncer 1.18.0" → "1.18.0"; undefined when there is none. */
export const versionIn = (text: string): string | undefined => /\d+(?:\.\d+)+/.exec(text)?.[0];
