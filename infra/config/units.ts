/**
 * Quantities with their unit, spelled as PostgreSQL spells them and as strict about case:
 * kB MB GB TB (1024 each) and ms s min h d.
 */

/** Message is a full sentence for a person: what was written, what to write. */
export class UnitError extends Error {}

const sizesInKb: Record<string, number> = { kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3 };
const durationsInMs: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** What people write for a unit, in lower case → the unit. Ambiguous ones ("m" for sizes is MB, for durations min) differ by kind. */
const sizeSpellings: Record<string, string> = {
  k: "kB",
  kb: "kB",
  ki: "kB",
  kib: "kB",
  m: "MB",
  mb: "MB",
  mi: "MB",
  mib: "MB",
  meg: "MB",
  g: "GB",
  gb: "GB",
  gi: "GB",
  gib: "GB",
  gig: "GB",
  t: "TB",
  tb: "TB",
  ti: "TB",
  tib: "TB",
};
const durationSpellings: Record<string, string> = {
  ms: "ms",
  msec: "ms",
  millisecond: "ms",
  milliseconds: "ms",
  s: "s",
  sec: "s",
  secs: "s",
  second: "s",
  seconds: "s",
  m: "min",
  min: "min",
  mins: "min",
  minute: "min",
  minutes: "min",
  h: "h",
  hr: "h",
  hrs: "h",
  hour: "h",
  hours: "h",
  d: "d",
  day: "d",
  days: "d",
};

export type QuantityKind = "memory" | "disk" | "duration" | "rate";

const kinds = {
  memory: {
    noun: "memory size",
    units: sizesInKb,
    spellings: sizeSpellings,
    list: "kB, MB, GB or TB",
    bare: ["MB", "GB"],
  },
  disk: { noun: "disk size", units: sizesInKb, spellings: sizeSpellings, list: "kB, MB, GB or TB", bare: ["GB", "TB"] },
  rate: {
    noun: "rate",
    units: sizesInKb,
    spellings: sizeSpellings,
    list: "kB, MB, GB or TB, each per second",
    bare: ["kB", "MB"],
  },
  duration: {
    noun: "duration",
    units: durationsInMs,
    spellings: durationSpellings,
    list: "ms, s, min, h or d",
    bare: ["s", "min"],
  },
} as const;

/** `"32GB"` → 32768. Whole MB only. Throws UnitError. */
export function parseMemoryMb(text: string): number {
  return wholeMb(text, "memory");
}

/** `"500GB"` → 512000. Whole MB only. Throws UnitError. */
export function parseDiskMb(text: string): number {
  return wholeMb(text, "disk");
}

/** `"50MB"` → 51200: kB per second. Whole kB only. Throws UnitError. */
export function parseRateKb(text: string): number {
  return whole(text, parse(text, "rate"), "kB", "1kB");
}

/** `"15min"` → 900. Whole seconds only. Throws UnitError. */
export function parseDurationSeconds(text: string): number {
  return whole(text, parse(text, "duration") / 1000, "second", "1s");
}

/** The largest unit that holds it exactly: 32768 → `"32GB"`. */
export function formatMb(mb: number): string {
  for (const unit of ["TB", "GB", "MB"]) {
    const size = sizesInKb[unit]! / 1024;
    if (mb % size === 0 && mb >= size) return `${mb / size}${unit}`;
  }
  return `${mb}MB`;
}

/** The largest unit that holds it exactly: 51200 → `"50MB"`. */
export function formatKb(kb: number): string {
  return kb % 1024 === 0 && kb > 0 ? formatMb(kb / 1024) : `${kb}kB`;
}

/** The largest unit that holds it exactly: 900 → `"15min"`. */
export function formatSeconds(seconds: number): string {
  for (const unit of ["d", "h", "min"]) {
    const size = durationsInMs[unit]! / 1000;
    if (seconds % size === 0 && seconds >= size) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** For a number without unit, e.g. 32 or "32": which two spellings it could have meant. */
export function bareNumberMessage(number: string, kind: QuantityKind): string {
  const { noun, bare } = kinds[kind];
  return `${number} has no unit. A ${noun} is written with its unit: "${number}${bare[0]}" or "${number}${bare[1]}".`;
}

function wholeMb(text: string, kind: "memory" | "disk"): number {
  return whole(text, parse(text, kind) / 1024, "MB", "1MB");
}

function whole(text: string, amount: number, unit: string, smallest: string): number {
  if (!Number.isInteger(amount)) {
    throw new UnitError(
      `${JSON.stringify(text)} is not a whole number of ${unit.endsWith("B") ? unit : `${unit}s`}; the smallest step is ${smallest}.`,
    );
  }
  if (!Number.isSafeInteger(amount)) throw new UnitError(`${JSON.stringify(text)} is too large.`);
  return amount;
}

function parse(text: string, kind: QuantityKind): number {
  const { noun, units, spellings, list } = kinds[kind];
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ]*)\s*$/.exec(text);
  const help = `Units are ${list}, exactly so and without a space.`;
  if (!match)
    throw new UnitError(
      `${shown} is not a ${noun}. Write a number and its unit, e.g. ${{ memory: '"32GB"', disk: '"32GB"', rate: '"50MB"', duration: '"15min"' }[kind]}. ${help}`,
    );
  const [, number = "", unit = ""] = match;
  if (unit === "") throw new UnitError(bareNumberMessage(number, kind));
  const factor = Object.hasOwn(units, unit) ? (units as Record<string, number>)[unit] : undefined;
  if (factor !== undefined && text === number + unit) return exact(number, factor);
  const right =
    factor !== undefined
      ? unit
      : Object.hasOwn(spellings, unit.toLowerCase())
        ? (spellings as Record<string, string>)[unit.toLowerCase()]
        : undefined;
  if (right !== undefined) throw new UnitError(`${shown} is not a ${noun}: write "${number}${right}". ${help}`);
  throw new UnitError(`${shown} is not a ${noun}: "${unit}" is not a unit. ${help}`);
}

/** Decimal times a power without the noise of binary fractions: 1.1 × 1024 stays what it looks like. */
function exact(number: string, factor: number): number {
  const [integer = "0", fraction = ""] = number.split(".");
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(integer + fraction) * BigInt(factor);
  return Number(product / scale) + Number(product % scale) / Number(scale);
}
