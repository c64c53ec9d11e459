/** Overrides from stack config: checked, brought into one form, and read as numbers where the budget needs them. */
import { factOf, isHotStandbyParameter, type ParameterFact } from "./facts.ts";
import { formatQuantity, parseQuantity } from "./format.ts";
import type { TuneInput } from "./input.ts";
import { validateOverride } from "./validate.ts";
import { parseBool } from "./values.ts";

export interface Override {
  /** In the one form the project writes: "64MB", "on". */
  value: string;
  from: "cluster" | "host";
  written: string;
}

export type Overrides = ReadonlyMap<string, Override>;

/** The one way the project writes a value that is known to be valid. */
export function normalize(value: string, fact: ParameterFact | undefined): string {
  const text = value.trim();
  switch (fact?.vartype) {
    case "bool":
      return parseBool(text) ? "on" : "off";
    case "enum": {
      const word = text.toLowerCase();
      const member = fact.enumvals?.find((name) => name.toLowerCase() === word);
      const bool = parseBool(word);
      if (member !== undefined || bool === undefined) return member ?? word;
      return bool ? "on" : "off";
    }
    case "integer":
    case "real": {
      const parsed = parseQuantity(text, fact.unit);
      if (!parsed.ok) return text;
      const quantity = fact.vartype === "integer" ? Math.round(parsed.quantity) : parsed.quantity;
      return formatQuantity(quantity, fact.unit);
    }
    default:
      return value;
  }
}

/** All overrides of one member; those of the host win. `problems` has one line for each that cannot be. */
export function readOverrides(input: TuneInput): { overrides: Overrides; problems: string[] } {
  const overrides = new Map<string, Override>();
  const problems: string[] = [];
  for (const from of ["cluster", "host"] as const) {
    for (const [name, written] of Object.entries(input.overrides?.[from] ?? {})) {
      const problem = validateOverride(name, written, input.version, input.build);
      if (problem) {
        problems.push(problem);
      } else if (from === "host" && isHotStandbyParameter(name)) {
        problems.push(`${name} must be equal on all members; set it for the cluster, not for one host`);
      } else {
        overrides.set(name, { value: normalize(written, factOf(name, input.version)), from, written });
      }
    }
  }
  return { overrides, problems };
}

/** An override as a number in its parameter's base unit. */
export function quantity(overrides: Overrides, name: string, version: TuneInput["version"]): number | undefined {
  const override = overrides.get(name);
  const fact = override && factOf(name, version);
  if (!fact) return undefined;
  const parsed = parseQuantity(override.value, fact.unit);
  return parsed.ok ? parsed.quantity : undefined;
}

const MB_PER_UNIT: Readonly<Record<string, number>> = { B: 1 / 1024 ** 2, kB: 1 / 1024, "8kB": 1 / 128, MB: 1 };

/** An override of a memory parameter in MB. Special values below 0 come back as they are. */
export function megabytes(overrides: Overrides, name: string, version: TuneInput["version"]): number | undefined {
  const amount = quantity(overrides, name, version);
  if (amount === undefined || amount < 0) return amount;
  return amount * (MB_PER_UNIT[factOf(name, version)?.unit ?? ""] ?? 1);
}

/** Parameters that hand WAL to an archive; none when nothing archives. */
export const archiveParameters = (overrides: Overrides): string[] =>
  overrides.get("archive_mode")?.value === "off"
    ? []
    : ["archive_command", "archive_library"].filter((name) => overrides.get(name)?.value);
