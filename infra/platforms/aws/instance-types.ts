/** EC2 instance types: what a machine has, from a table of the project's own, so that a config is checked without AWS. */

import { readFileSync } from "node:fs";
import type { Architecture } from "../../config/spec-aws.ts";
import { nearest } from "../../config/suggest.ts";

export interface InstanceType {
  memoryMb: number;
  cpus: number;
  architecture: Architecture;
}

/** A line of instance-types.json: size → [memory in MiB, vCPUs]. */
export interface Family {
  architecture: Architecture;
  sizes: Record<string, [memoryMb: number, cpus: number]>;
}

/** Undefined: not in the table. */
export function instanceType(name: string): InstanceType | undefined {
  const [family, size] = parts(name);
  const of = own(table(), family);
  const found = of && own(of.sizes, size);
  return found && { memoryMb: found[0], cpus: found[1], architecture: of.architecture };
}

/** Processors of a type that is not in the table: g behind the generation is Graviton, as in r9g and c9gn. */
export function architectureByName(name: string): Architecture {
  return /^[a-z]+\d+[a-z]*g/.test(parts(name)[0]) ? "arm64" : "x86_64";
}

/** Baseline processors with credits: they slow down under load that lasts. */
export const isBurstable = (name: string): boolean => /^t\d/.test(name);

/** Behind a name that is not in the table: which one may have been meant, or ""; starts with a blank. */
export function instanceTypeHint(name: string): string {
  const [family, size] = parts(name);
  const sizes = Object.keys(own(table(), family)?.sizes ?? {});
  const near = sizes.length > 0 ? nearest(size, sizes) : undefined;
  const meant = near === undefined ? nearestOfAll(name) : `${family}.${near}`;
  return [
    meant === undefined ? "" : ` Did you mean "${meant}"?`,
    sizes.length === 0 ? "" : ` Sizes of ${family}: ${sizes.join(", ")}.`,
  ].join("");
}

/** Family first: of a wrong family with a right size, the size stays. */
function nearestOfAll(name: string): string | undefined {
  const [family, size] = parts(name);
  const withSize = Object.keys(table()).filter((one) => own(table()[one]!.sizes, size) !== undefined);
  const found = nearest(family, withSize);
  if (found !== undefined) return `${found}.${size}`;
  return nearest(
    name,
    Object.entries(table()).flatMap(([one, { sizes }]) => Object.keys(sizes).map((each) => `${one}.${each}`)),
  );
}

const parts = (name: string): [family: string, size: string] => {
  const [family = "", ...size] = name.split(".");
  return [family, size.join(".")];
};

const own = <T>(map: Record<string, T>, name: string): T | undefined =>
  Object.hasOwn(map, name) ? map[name] : undefined;

let read: Record<string, Family> | undefined;
/** Read when first asked: only stacks on aws need it. */
function table(): Record<string, Family> {
  read ??= JSON.parse(readFileSync(new URL("./instance-types.json", import.meta.url), "utf8")) as Record<
    string,
    Family
  >;
  return read;
}
