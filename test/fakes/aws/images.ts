/** Machine images: an id is made of what it was asked for by, and tells its architecture. */

import { idFrom } from "./shapes.ts";

const LAST = { x86_64: "a", arm64: "b" } as const;
export type Architecture = keyof typeof LAST;

/** @param text e.g. the name of the vendor's parameter */
export function imageFor(text: string): string {
  const architecture: Architecture = /arm64|aarch64/.test(text) ? "arm64" : "x86_64";
  return `${idFrom("ami", text).slice(0, -1)}${LAST[architecture]}`;
}

/** Undefined: an image of somebody else, of which nothing is known. */
export function architectureOf(ami: string): Architecture | undefined {
  if (!/^ami-0[0-9a-f]{16}$/.test(ami)) return undefined;
  return (Object.keys(LAST) as Architecture[]).find((one) => ami.endsWith(LAST[one]));
}
