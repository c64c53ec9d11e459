/**
 * Checks a value against a schema key by key. Unlike one `safeParse`, what is right survives beside what is
 * wrong, so that the checks across keys run too and one message names every problem.
 */

import { z } from "zod";
import { describe, type Path, quote, type Report } from "./problems.ts";
import { factsOf, type KeyFacts } from "./schema/key.ts";
import { didYouMean, nearest } from "./suggest.ts";
import { bareNumberMessage } from "./units.ts";

/** Extra help for a key that is not known: what to use instead, or undefined. */
export type UnknownKeyHelp = (key: string, path: Path) => string | undefined;

/** The value as the schema reads it, without what is wrong; undefined when nothing is left. */
export function check(schema: z.ZodType, value: unknown, path: Path, report: Report, help?: UnknownKeyHelp): unknown {
  const facts = factsOf(schema);
  const inner = unwrap(schema);
  if (value === undefined) {
    const missing = schema.safeParse(undefined);
    if (missing.success) return missing.data;
    report.add(path, missingMessage(facts));
    return undefined;
  }
  if (inner instanceof z.ZodObject) return checkObject(inner, value, path, report, facts, help);
  if (inner instanceof z.ZodRecord) return checkRecord(inner, value, path, report, facts, help);
  if (inner instanceof z.ZodArray) return checkArray(inner, value, path, report, facts, help);
  return checkLeaf(schema, value, path, report, facts);
}

/** Without `optional`, `default` and `prefault` around it. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkObject(
  schema: z.ZodObject,
  value: unknown,
  path: Path,
  report: Report,
  facts?: KeyFacts,
  help?: UnknownKeyHelp,
): unknown {
  const known = Object.keys(schema.shape);
  if (!isMap(value)) {
    const hint =
      value === null ? ' Write "{}" for the defaults, or remove the line.' : ` Its keys are ${known.join(", ")}.`;
    report.add(path, `must be ${facts?.shape ?? "a map"}, but is ${shown(value, facts)}.${hint}`);
    return undefined;
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) report.add([...path, name], unknownKeyMessage(name, known, path, help));
  }
  const result: Record<string, unknown> = {};
  for (const name of known) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const read = check(schema.shape[name] as z.ZodType, given, [...path, name], report, help);
    if (read !== undefined) result[name] = read;
  }
  return result;
}

function checkRecord(
  schema: z.ZodRecord,
  value: unknown,
  path: Path,
  report: Report,
  facts?: KeyFacts,
  help?: UnknownKeyHelp,
): unknown {
  if (!isMap(value)) {
    report.add(path, `must be ${facts?.shape ?? "a map"}, but is ${shown(value, facts)}.${example(path, facts)}`);
    return undefined;
  }
  const result: [string, unknown][] = [];
  for (const [name, given] of Object.entries(value)) {
    const nameCheck = (schema.keyType as z.ZodType).safeParse(name);
    if (!nameCheck.success) report.add([...path, name], firstMessage(nameCheck.error));
    const read = check(schema.valueType as z.ZodType, given, [...path, name], report, help);
    if (read !== undefined) result.push([name, read]);
  }
  return Object.fromEntries(result);
}

function checkArray(
  schema: z.ZodArray,
  value: unknown,
  path: Path,
  report: Report,
  facts?: KeyFacts,
  help?: UnknownKeyHelp,
): unknown {
  if (!Array.isArray(value)) {
    report.add(path, `must be ${facts?.shape ?? "a list"}, but is ${shown(value, facts)}.${example(path, facts)}`);
    return undefined;
  }
  const result: unknown[] = [];
  value.forEach((item, index) => {
    // A list of names or networks is a set: twice is a mistake of someone who meant another one.
    if (value.indexOf(item) < index)
      report.add([...path, index], `${describe(item)} is in the list twice; remove one.`);
    const read = check(schema.element as z.ZodType, item, [...path, index], report, help);
    if (read !== undefined) result.push(read);
  });
  if (value.length === 0 && !schema.safeParse([]).success)
    report.add(
      path,
      `must be ${facts?.shape ?? "a list"}, but is empty. Name at least one, or remove the line for the default.`,
    );
  return result;
}

function checkLeaf(schema: z.ZodType, value: unknown, path: Path, report: Report, facts?: KeyFacts): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  report.add(path, leafMessage(result.error, value, path, facts));
  return undefined;
}

function leafMessage(error: z.ZodError, value: unknown, path: Path, facts?: KeyFacts): string {
  const issue = error.issues[0]!;
  if (issue.code === "custom") return issue.message;
  if (value === null) return `has no value. ${must(facts)} Give it one, or remove the line.`;
  if (facts?.quantity !== undefined)
    return typeof value === "number"
      ? bareNumberMessage(String(value), facts.quantity)
      : `${must(facts)} It is ${shown(value, facts)}.`;
  let hint = "";
  if (issue.code === "invalid_value" && typeof value === "string")
    hint = spellingHint(value, issue.values as unknown[], facts);
  else if (issue.code === "invalid_type" && typeof value === "string" && /^(-?\d+|true|false)$/.test(value))
    hint = ` Write ${value} without quotes.`;
  if (issue.code === "invalid_value" && typeof issue.values[0] === "number")
    hint = majorHint(value, issue.values as number[]);
  return `is ${shown(value, facts)}. ${must(facts)}${hint || example(path, facts)}`;
}

function spellingHint(value: string, allowed: unknown[], facts?: KeyFacts): string {
  const spelling = facts?.spellings?.[value.toLowerCase()];
  if (spelling !== undefined) return ` Write "${spelling}".`;
  return didYouMean(
    value,
    allowed.filter((a) => typeof a === "string"),
  );
}

function majorHint(value: unknown, allowed: number[]): string {
  const major = Number(/^(\d+)\.\d+$/.exec(String(value))?.[1]);
  if (allowed.includes(major)) return ` Only the major version is written: ${major}.`;
  return typeof value === "string" && /^\d+$/.test(value) && allowed.includes(Number(value))
    ? ` Write ${value} without quotes.`
    : "";
}

function unknownKeyMessage(name: string, known: string[], path: Path, help?: UnknownKeyHelp): string {
  const near = nearest(name, known);
  const advice =
    (near === undefined ? help?.(name, path) : undefined) ?? (near === undefined ? "" : ` Did you mean "${near}"?`);
  return `is not a known key.${advice} Known ${path.length === 0 ? "keys" : "here"}: ${known.join(", ")}.`;
}

function missingMessage(facts?: KeyFacts): string {
  if (facts?.whenMissing !== undefined) return `is missing. ${facts.whenMissing}`;
  return `is missing. ${must(facts)}${facts === undefined ? "" : ` Example: ${facts.example}`}`;
}

const must = (facts?: KeyFacts): string => `It must be ${facts?.shape ?? "something else"}.`;

const shown = (value: unknown, facts?: KeyFacts): string =>
  facts?.sensitive && value !== null ? "something else" : describe(value);

function example(path: Path, facts?: KeyFacts): string {
  const name = path.at(-1);
  return facts === undefined || typeof name !== "string"
    ? ""
    : ` Example: ${path.length === 1 ? `postgres-fleet:${name}` : name}: ${facts.example}`;
}

function firstMessage(error: z.ZodError): string {
  return error.issues[0]?.message ?? `is not allowed: ${quote(String(error))}`;
}
