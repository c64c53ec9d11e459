/** Facts about a config key, kept beside its schema: the same text serves messages, docs and editors. */

import { z } from "zod";
import { describe } from "../problems.ts";
import {
  bareNumberMessage,
  parseDiskMb,
  parseDurationSeconds,
  parseMemoryMb,
  parseRateKb,
  type QuantityKind,
  UnitError,
} from "../units.ts";

export interface KeyFacts {
  /** What it must be, to follow "must be": "a whole number from 1 to 1024". */
  shape: string;
  /** YAML, to follow the key. */
  example: string;
  /** One or two sentences: what it does. */
  about: string;
  /** When the default is not a plain value: what happens without the key. */
  default?: string;
  /** Behind the message when the key is missing. */
  whenMissing?: string;
  /** Its value is never shown in a message. */
  sensitive?: true;
  /** A number without unit gets the message that shows both spellings. */
  quantity?: QuantityKind;
  /** What people write instead of an allowed value → what they mean. */
  spellings?: Record<string, string>;
}

const registry = z.registry<KeyFacts>();

/** Attaches facts to a schema and returns it. */
export function key<S extends z.ZodType>(schema: S, facts: KeyFacts): S {
  if (registry.has(schema)) throw new Error(`one schema is used for two keys: "${facts.about}"`);
  registry.add(schema, facts);
  return schema;
}

export function factsOf(schema: z.core.$ZodType): KeyFacts | undefined {
  return registry.get(schema as z.ZodType);
}

/** Text that `problemOf` finds nothing wrong with. `pattern` is for editors only. */
export function text(problemOf: (value: string) => string | undefined, pattern?: string): z.ZodString {
  const schema = z.string().superRefine((value, context) => {
    const message = problemOf(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
  return pattern === undefined ? schema : schema.meta({ pattern });
}

/** A quantity with its unit, read into a plain number. */
export function quantity(kind: QuantityKind) {
  const read = { memory: parseMemoryMb, disk: parseDiskMb, duration: parseDurationSeconds, rate: parseRateKb }[kind];
  const units = kind === "duration" ? "ms|s|min|h|d" : "kB|MB|GB|TB";
  return z
    .string({
      error: ({ input }) =>
        typeof input === "number"
          ? bareNumberMessage(String(input), kind)
          : `must be a ${kind === "duration" || kind === "rate" ? kind : "size"} with its unit, but is ${describe(input)}.`,
    })
    .meta({ pattern: `^[0-9]+(\\.[0-9]+)?(${units})$` })
    .transform((value, context) => {
      try {
        return read(value);
      } catch (error) {
        if (!(error instanceof UnitError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    });
}

export const integer = (min: number, max: number): z.ZodInt => z.int().min(min).max(max);
