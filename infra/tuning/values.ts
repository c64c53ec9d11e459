/** Does a value fit its parameter's type, unit, range and members? */
import type { ParameterFact } from "./facts.ts";
import { formatIn, formatQuantity, likelyUnit, parseQuantity, unitNames } from "./format.ts";
import { nearest } from "./nearest.ts";

/** What a PostgreSQL build was compiled with. Absent: not known. */
export interface BuildFeatures {
  lz4?: boolean;
  zstd?: boolean;
  io_uring?: boolean;
}

export function isBuildFeature(name: string): name is keyof BuildFeatures {
  return name === "lz4" || name === "zstd" || name === "io_uring";
}

/** Members that only some builds have; the facts come from a build without them. */
const optionalMembers: Readonly<Record<string, ReadonlyArray<{ value: string; needs: keyof BuildFeatures }>>> = {
  wal_compression: [
    { value: "lz4", needs: "lz4" },
    { value: "zstd", needs: "zstd" },
  ],
  default_toast_compression: [{ value: "lz4", needs: "lz4" }],
  io_method: [{ value: "io_uring", needs: "io_uring" }],
};

/** Parameters of type string whose text is a list of fixed words. */
const lists: Readonly<Record<string, readonly string[]>> = {
  log_connections: ["receipt", "authentication", "authorization", "setup_durations", "all"],
  createrole_self_grant: ["set", "inherit"],
};

/** Parameters that take 0 and then nothing below this, in base units. */
const gaps: Readonly<Record<string, number>> = { vacuum_buffer_usage_limit: 128 };

const TRUE_WORDS = ["on", "true", "yes"];
const FALSE_WORDS = ["off", "false", "no"];

/** A bool as the server reads it: on/off, true/false, yes/no and their unique beginnings, 1/0. */
export function parseBool(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (word === "1") return true;
  if (word === "0") return false;
  // "o" alone could be on or off.
  if (word === "" || word === "o") return undefined;
  if (TRUE_WORDS.some((w) => w.startsWith(word))) return true;
  if (FALSE_WORDS.some((w) => w.startsWith(word))) return false;
  return undefined;
}

function boolProblem(name: string, value: string): string | undefined {
  if (parseBool(value) !== undefined) return undefined;
  const guess = /^(enable|y|t|\+)/i.test(value) ? "on" : /^(disable|n|f|-)/i.test(value) ? "off" : "on or off";
  return `${name}: "${value}" is not a bool; write ${guess}`;
}

function enumProblem(name: string, value: string, fact: ParameterFact, build: BuildFeatures): string | undefined {
  const word = value.trim().toLowerCase();
  const members = fact.enumvals ?? [];
  if (members.some((member) => member.toLowerCase() === word)) return undefined;
  const optional = optionalMembers[name]?.find((m) => m.value === word);
  if (optional) {
    if (build[optional.needs] !== false) return undefined;
    const others = members.join(", ");
    return `${name}: this PostgreSQL was built without ${optional.needs}, so "${value}" would stop it from starting; works: ${others}`;
  }
  // Where on and off are members, the server takes the other spellings of a bool too, but no beginnings of them.
  const bool = /^(true|yes|1|false|no|0)$/.test(word) ? parseBool(word) : undefined;
  if (bool !== undefined && members.includes(bool ? "on" : "off")) return undefined;
  const available = [
    ...members,
    ...(optionalMembers[name] ?? []).filter((m) => build[m.needs] !== false).map((m) => m.value),
  ];
  const guess = nearest(word, available);
  return `${name}: "${value}" is not one of ${available.join(", ")}${guess ? `; nearest: ${guess}` : ""}`;
}

function listProblem(name: string, value: string): string | undefined {
  const words = lists[name];
  if (!words || value.trim() === "" || parseBool(value) !== undefined) return undefined;
  for (const item of value.split(",").map((w) => w.trim().toLowerCase())) {
    if (words.includes(item)) continue;
    const guess = nearest(item, words);
    return `${name}: "${item}" is not one of ${words.join(", ")}${guess ? `; nearest: ${guess}` : ""}`;
  }
  return undefined;
}

/** How a number in base units is shown to someone who wrote it in `spelled`. */
function show(quantity: number, fact: ParameterFact, spelled: string | undefined): string {
  if (fact.unit === undefined) return String(quantity);
  return spelled === undefined || quantity <= 0
    ? formatQuantity(quantity, fact.unit)
    : formatIn(quantity, fact.unit, spelled);
}

function numberProblem(name: string, value: string, fact: ParameterFact): string | undefined {
  const parsed = parseQuantity(value, fact.unit);
  if (!parsed.ok) {
    const match = /^\s*([+-]?[\d.]+)\s*([a-z]+)\s*$/i.exec(value);
    const meant = match && fact.unit ? likelyUnit(match[2]!, fact.unit) : undefined;
    const fix = meant
      ? `; write ${match?.[1]}${meant}`
      : fact.unit
        ? `; write a number with one of ${unitNames(fact.unit).join(", ")}`
        : match
          ? `; write ${match[1]}`
          : "; write a number";
    return `${name}: ${parsed.problem}${fix}`;
  }
  const { quantity, unit } = parsed;
  if (fact.vartype === "integer" && fact.unit === undefined && !Number.isInteger(quantity)) {
    const whole = Math.min(Math.max(Math.round(quantity), fact.min ?? -Infinity), fact.max ?? Infinity);
    return `${name}: ${value} is not a whole number; nearest that works: ${whole}`;
  }
  const base = fact.vartype === "integer" ? Math.round(quantity) : quantity;
  const { min = -Infinity, max = Infinity } = fact;
  const gap = gaps[name];
  if (gap !== undefined && base > 0 && base < gap) {
    const least = show(gap, fact, unit);
    return `${name}: ${value} is neither 0 nor at least ${least}; nearest that works: ${least}`;
  }
  if (base >= min && base <= max) return undefined;
  const bound = base < min ? min : max;
  const range = `${show(min, fact, unit)} to ${show(max, fact, unit)}`;
  return `${name}: ${value} is outside ${range}; nearest that works: ${show(bound, fact, unit)}`;
}

/** undefined when the value fits; else what is wrong with it and the nearest value that works. */
export function validateValue(
  name: string,
  value: string,
  fact: ParameterFact,
  build: BuildFeatures,
): string | undefined {
  switch (fact.vartype) {
    case "bool":
      return boolProblem(name, value);
    case "enum":
      return enumProblem(name, value, fact, build);
    case "integer":
    case "real":
      return numberProblem(name, value, fact);
    case "string":
      return listProblem(name, value);
  }
}
