/** Is an override something the server will take? Each answer names the fact it breaks and the nearest value that works. */
import { fixedParameter } from "../config/owned-parameters.ts";
import type { Major } from "../config/spec.ts";
import {
  addedAfter,
  extensionFact,
  extensionParameters,
  extensionPrefixes,
  factsFor,
  isExtensionParameter,
  type ParameterFact,
  removedParameters,
} from "./facts.ts";
import { nearest } from "./nearest.ts";
import { type BuildFeatures, parseBool, validateValue } from "./values.ts";

export type { BuildFeatures } from "./values.ts";

function unknownName(name: string, version: Major): string {
  const facts = factsFor(version);
  const gone = removedParameters()[name];
  if (gone && gone.removedIn <= version) {
    const use = gone.replacement ? `; use ${gone.replacement} instead` : "; leave it out";
    const note = gone.note ? ` (${gone.note})` : "";
    return `${name} was removed in PostgreSQL ${gone.removedIn}${use}${note}`;
  }
  const later = addedAfter(name, version);
  if (later) {
    return `${name} exists only from PostgreSQL ${later} on, this cluster runs ${version}; leave it out or upgrade`;
  }
  const sameLetters = [...facts.keys()].find((known) => known.toLowerCase() === name.toLowerCase());
  if (sameLetters) return `${name}: write this parameter as ${sameLetters}`;
  const guess = nearest(name, facts.keys());
  return `PostgreSQL ${version} has no parameter ${name}${guess ? `; nearest name: ${guess}` : ""}`;
}

function validateExtension(name: string, value: string, version: Major, build: BuildFeatures): string | undefined {
  const prefix = name.slice(0, name.indexOf("."));
  if (!/^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)+$/i.test(name)) {
    return `${name} is not a parameter name; an extension's parameter is written extension.parameter`;
  }
  if (!extensionPrefixes.has(prefix)) {
    const guess = nearest(prefix, extensionPrefixes);
    const hint = guess ? `; nearest known extension: ${guess}` : "";
    return `${name}: no known extension is named ${prefix}, and PostgreSQL would take any such name silently${hint}`;
  }
  const known = extensionParameters(prefix, version);
  if (known.length === 0) return validateText(name, value);
  const fact = extensionFact(name, version);
  if (!fact) {
    const guess = nearest(name, known);
    return `${prefix} has no parameter ${name} in PostgreSQL ${version}${guess ? `; nearest name: ${guess}` : ""}`;
  }
  return validateValue(name, value, fact, build);
}

function validateText(name: string, value: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!/[\u0000-\u001f\u007f]/.test(value)) return undefined;
  return `${name}: the value has a line break or another control character, which a configuration file cannot hold`;
}

/** Parameters that are kept for old files and take nothing but `on`, and the first major where that is so. */
const ALWAYS_ON: Readonly<Record<string, Major>> = { standard_conforming_strings: 19 };

function alwaysOn(name: string, value: string, version: Major): string | undefined {
  if (version < (ALWAYS_ON[name] ?? Number.POSITIVE_INFINITY) || parseBool(value)) return undefined;
  return `${name}: PostgreSQL ${version} takes only on; leave it out`;
}

/**
 * undefined when a PostgreSQL of this major accepts `name = value` from stack config; else what is wrong and what works.
 *
 * `build` says what the target's binaries were compiled with; without it, values some builds lack are let through,
 * because the host's own server checks every file before it becomes active.
 */
export function validateOverride(
  name: string,
  value: string,
  version: Major,
  build: BuildFeatures = {},
): string | undefined {
  const text = validateText(name, value);
  if (text) return text;
  if (isExtensionParameter(name)) return validateExtension(name, value, version, build);
  const fact: ParameterFact | undefined = factsFor(version).get(name);
  if (!fact) return unknownName(name, version);
  if (fact.context === "internal") {
    return `${name} is fixed when the server is built or the cluster is made and cannot be set; leave it out`;
  }
  const instead = fixedParameter(name);
  if (instead) return `${name} cannot be overridden: ${instead}`;
  return validateValue(name, value, fact, build) ?? alwaysOn(name, value, version);
}
