/**
 * Brings both kinds of raw config to one: as YAML gave it (15, maps) and as the engine gives it ("15", JSON text).
 * Only the top level differs; below it JSON keeps its types.
 */

import { z } from "zod";
import { unwrap } from "./check.ts";
import { ENCRYPTED, isEncrypted } from "./encrypted.ts";
import { mapValues } from "./maps.ts";
import type { Path, Report } from "./problems.ts";
import { fleetSchema } from "./schema/fleet.ts";

/** Stack config keys without the `postgres-fleet:` prefix. */
export type RawConfig = Record<string, unknown>;

/** Raw config with typed values; what cannot be converted is left for the schema to name. */
export function normalize(raw: RawConfig, report: Report): RawConfig {
  const kinds: Record<string, z.ZodType> = fleetSchema.shape;
  const result = mapValues(raw, (value, name) =>
    Object.hasOwn(kinds, name) ? typed(unwrap(kinds[name]!), value) : value,
  );
  return withoutEncrypted(withTimesAsWritten(result), [], report) as RawConfig;
}

/** YAML's own kind of time without quotes, as the engine hands it on: "2027-06-30 12:00:00 +0000 UTC". */
const ENGINE_TIME = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) ([+-]\d{2})(\d{2}) \S+$/;

function withTimesAsWritten(value: unknown): unknown {
  if (isEncrypted(value)) return value;
  if (Array.isArray(value)) return value.map(withTimesAsWritten);
  if (typeof value === "object" && value !== null) return mapValues(value as RawConfig, withTimesAsWritten);
  const [, date, time, hours, minutes] = (typeof value === "string" && ENGINE_TIME.exec(value)) || [];
  if (!date) return value;
  return `${date}T${time}${hours === "+00" && minutes === "00" ? "Z" : `${hours}:${minutes}`}`;
}

/** Every value under `secrets`, to be kept out of messages; also of a `secrets` that is not a map. */
export function secretValues(raw: RawConfig): string[] {
  const found: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === "string") found.push(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
  };
  const given = raw.secrets;
  collect(given);
  if (typeof given === "string") collect(parseJson(given));
  // Shorter ones would blank out half of every sentence, and are no secrets.
  return [...new Set(found)].filter((value) => value.length >= 4).sort((a, b) => b.length - a.length);
}

function typed(schema: z.ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord || schema instanceof z.ZodArray) {
    return typeof value === "string" ? (parseJson(value) ?? value) : value;
  }
  if (schema instanceof z.ZodNumber || schema instanceof z.ZodLiteral) {
    return typeof value === "string" && /^-?(0|[1-9]\d*)$/.test(value) ? Number(value) : value;
  }
  if (schema instanceof z.ZodBoolean) return value === "true" ? true : value === "false" ? false : value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function parseJson(value: string): unknown {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Encrypted values are for `secrets` alone: everything else has to be readable without the key, e.g. in a pull request. */
function withoutEncrypted(value: unknown, path: Path, report: Report): unknown {
  if (isEncrypted(value)) {
    if (path[0] !== "secrets") {
      report.add(
        path,
        "is encrypted, but only entries under secrets can be. Write this value in clear; it is no secret.",
      );
      return undefined;
    }
    if (path.length === 1) {
      report.add(
        path,
        "is encrypted as a whole, so that the names in it cannot be read. Encrypt each entry on its own: pulumi config set --secret --path 'postgres-fleet:secrets.NAME'",
      );
      return undefined;
    }
    return ENCRYPTED;
  }
  if (Array.isArray(value)) return value.map((item, index) => withoutEncrypted(item, [...path, index], report));
  if (typeof value !== "object" || value === null) return value;
  return mapValues(value as RawConfig, (item, name) => withoutEncrypted(item, [...path, name], report));
}
