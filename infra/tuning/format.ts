/**
 * Values with units, as PostgreSQL reads and writes them.
 *
 * A parameter's fact names its unit (`8kB`, `kB`, `MB`, `B`, `ms`, `s`, `min`); a quantity in that unit is what
 * pg_settings.setting shows. In files a quantity is always written with a unit a person reads, exactly.
 */

/** Bytes per memory unit, smallest first. PostgreSQL takes these spellings and no others. */
const MEMORY: ReadonlyArray<readonly [string, number]> = [
  ["B", 1],
  ["kB", 1024],
  ["MB", 1024 ** 2],
  ["GB", 1024 ** 3],
  ["TB", 1024 ** 4],
];

/** Microseconds per time unit, smallest first. */
const TIME: ReadonlyArray<readonly [string, number]> = [
  ["us", 1],
  ["ms", 1_000],
  ["s", 1_000_000],
  ["min", 60_000_000],
  ["h", 3_600_000_000],
  ["d", 86_400_000_000],
];

type Table = ReadonlyArray<readonly [string, number]>;

/** Size of one base unit in bytes or microseconds, and the table it is written with. */
function scaleOf(unit: string): { size: number; table: Table } {
  const match = /^(\d*)(.+)$/.exec(unit);
  const count = Number(match?.[1] || "1");
  const name = match?.[2] ?? unit;
  for (const table of [MEMORY, TIME]) {
    const entry = table.find(([n]) => n === name);
    if (entry) return { size: count * entry[1], table };
  }
  throw new Error(`unit "${unit}" is neither memory nor time`);
}

/** Spellings a parameter of this unit accepts, e.g. `["B", "kB", "MB", "GB", "TB"]`. */
export function unitNames(unit: string): string[] {
  return scaleOf(unit).table.map(([name]) => name);
}

/**
 * A quantity in base units, as text with the largest unit that divides it exactly: (16384, "kB") → "16MB",
 * (1024, "8kB") → "8MB", (2, "ms") → "2ms", (-1, "MB") → "-1". Without a unit: the plain number.
 */
export function formatQuantity(quantity: number, unit: string | undefined): string {
  if (unit === undefined || quantity <= 0) return String(quantity);
  const { size, table } = scaleOf(unit);
  // Fractions of a base unit are possible for real parameters: 0.5 ms is 500us.
  const exact = quantity * size;
  if (exact > Number.MAX_SAFE_INTEGER) return `${quantity}${unit}`;
  const amount = Number.isInteger(exact) ? exact : Math.round(exact * 1000) / 1000;
  for (const [name, scale] of [...table].reverse()) {
    if (amount % scale === 0) return `${amount / scale}${name}`;
  }
  return `${quantity}${unit}`;
}

/** Megabytes as text: 8192 → "8GB", 0.5 → "512kB". */
export function formatMb(mb: number): string {
  return formatQuantity(Math.round(mb * 1024), "kB");
}

/** A quantity in base units, written in one given unit and not rounded away: (64, "kB", "MB") → "0.0625MB". */
export function formatIn(quantity: number, unit: string, wanted: string): string {
  const { size, table } = scaleOf(unit);
  const scale = table.find(([name]) => name === wanted)?.[1] ?? size;
  return `${Number(((quantity * size) / scale).toPrecision(10))}${wanted}`;
}

export type Parsed = { ok: true; quantity: number; unit: string | undefined } | { ok: false; problem: string };

const NUMBER = /^([+-]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))\s*(\S*)$/;

/**
 * Reads a number as the server does: `64MB`, `'64 MB'`, `1.5GB`, `0x10`, and for whole numbers a leading 0 means octal.
 * `unit` is the parameter's base unit; the result is in it, not rounded. The result's `unit` is the spelling used, if any.
 */
export function parseQuantity(text: string, unit: string | undefined): Parsed {
  const match = NUMBER.exec(text.trim());
  if (!match) return { ok: false, problem: `"${text}" is not a number` };
  const digits = match[1] ?? "";
  const suffix = match[2] ?? "";
  const amount = /^[+-]?0[0-7]+$/.test(digits)
    ? Number.parseInt(digits, 8)
    : /^[+-]/.test(digits)
      ? (digits.startsWith("-") ? -1 : 1) * Number(digits.slice(1))
      : Number(digits);
  if (!Number.isFinite(amount)) return { ok: false, problem: `"${text}" is not a number` };
  if (suffix === "") return { ok: true, quantity: amount, unit: undefined };
  if (unit === undefined) return { ok: false, problem: `"${text}" has a unit, but this parameter is a plain number` };
  const { size, table } = scaleOf(unit);
  const entry = table.find(([name]) => name === suffix);
  if (!entry) {
    const kind = table === MEMORY ? "memory" : "time";
    const names = table.map(([name]) => name).join(", ");
    return { ok: false, problem: `"${suffix}" is not a ${kind} unit of PostgreSQL (${names}, case-sensitive)` };
  }
  return { ok: true, quantity: (amount * entry[1]) / size, unit: suffix };
}

/** What a person most likely meant by a unit PostgreSQL does not know: "KB" → "kB", "M" → "MB", "m" → "min". */
export function likelyUnit(suffix: string, unit: string): string | undefined {
  const { table } = scaleOf(unit);
  const names = table.map(([name]) => name);
  const lower = suffix.toLowerCase();
  const memory: Record<string, string> = {
    k: "kB",
    kib: "kB",
    m: "MB",
    mib: "MB",
    g: "GB",
    gib: "GB",
    t: "TB",
    tib: "TB",
  };
  const time: Record<string, string> = {
    m: "min",
    mins: "min",
    minute: "min",
    minutes: "min",
    sec: "s",
    secs: "s",
    second: "s",
    seconds: "s",
    hour: "h",
    hours: "h",
    hr: "h",
    day: "d",
    days: "d",
    msec: "ms",
    usec: "us",
  };
  return names.find((name) => name.toLowerCase() === lower) ?? (table === MEMORY ? memory : time)[lower];
}
