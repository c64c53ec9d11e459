/** `pgfleet tune`: settings for one server, without a stack. */
import type { Command } from "commander";
import type { Major, Storage, Workload } from "../infra/config/spec.ts";
import { parseDiskMb, parseMemoryMb } from "../infra/config/units.ts";
import { majors } from "../infra/tuning/facts.ts";
import { reportFormats, toJson, tuningConf, tuningReport, tuningTable } from "../infra/tuning/report.ts";
import { type TuneInput, TuningError, tune } from "../infra/tuning/tune.ts";
import { storages, workloads } from "../infra/tuning/workloads.ts";
import { UsageError } from "./errors.ts";
import { print } from "./options.ts";

interface TuneOptions {
  memory: string;
  cpus: string;
  disk: string;
  storage: string;
  workload: string;
  version: string;
  connections?: string;
  pooled?: string;
  replicas: string;
  otherServices: string;
  set: string[];
  format: string;
}

/** Reads the options; every one that cannot be read is one line of `problems`. */
function readOptions(options: TuneOptions): { input: TuneInput; problems: string[] } {
  const problems: string[] = [];
  const read = <T>(option: string, parse: () => T, fallback: T): T => {
    try {
      return parse();
    } catch (error) {
      problems.push(`--${option}: ${(error as Error).message}`);
      return fallback;
    }
  };
  const whole = (option: string, text: string): number =>
    read(
      option,
      () => {
        if (!/^\d+$/.test(text)) throw new Error(`"${text}" is not a whole number, e.g. 8`);
        return Number(text);
      },
      1,
    );
  const oneOf = <T extends string>(option: string, text: string, allowed: readonly T[]): T =>
    read(
      option,
      () => {
        const found = allowed.find((name) => name === text);
        if (!found) throw new Error(`"${text}" is not one of ${allowed.join(", ")}`);
        return found;
      },
      allowed[0]!,
    );
  const parameters = read(
    "set",
    () =>
      Object.fromEntries(
        options.set.map((text) => {
          const match = /^([^=\s]+)\s*=\s*(.*)$/.exec(text);
          if (!match) throw new Error(`"${text}" is not parameter=value, e.g. work_mem=16MB`);
          return [match[1]!, match[2]!];
        }),
      ),
    {},
  );
  oneOf("format", options.format, reportFormats);
  const input: TuneInput = {
    memoryMb: read("memory", () => parseMemoryMb(options.memory), 1024),
    cpus: whole("cpus", options.cpus),
    diskMb: read("disk", () => parseDiskMb(options.disk), 10240),
    storage: oneOf("storage", options.storage, Object.keys(storages) as Storage[]),
    workload: oneOf("workload", options.workload, Object.keys(workloads) as Workload[]),
    version: Number(oneOf("version", options.version, majors.map(String))) as Major,
    ...(options.connections === undefined ? {} : { connections: whole("connections", options.connections) }),
    ...(options.pooled === undefined ? {} : { pooledConnections: whole("pooled", options.pooled) }),
    replicas: whole("replicas", options.replicas),
    otherServicesMb: read(
      "other-services",
      () => (options.otherServices === "0" ? 0 : parseMemoryMb(options.otherServices)),
      0,
    ),
    overrides: { cluster: parameters },
  };
  return { input, problems };
}

/** The text to print. @throws TuningError or BudgetError. */
export function tuneReport(options: TuneOptions): string {
  const { input, problems } = readOptions(options);
  if (problems.length > 0) throw new TuningError(problems);
  const tuning = tune(input);
  switch (options.format) {
    case "json":
      return toJson(tuningReport(tuning));
    case "conf":
      return tuningConf(tuning, input);
    default:
      return tuningTable(tuning);
  }
}

export function register(program: Command): void {
  // `--version` of this command is PostgreSQL's; without this the program's own would be read first.
  program.enablePositionalOptions();
  const newest = String(majors.at(-1));
  program
    .command("tune")
    .description(
      "settings for one PostgreSQL server from its memory, cpus, disk and workload, with a memory budget that holds",
    )
    .requiredOption("--memory <size>", 'RAM the server may plan with, e.g. "32GB"')
    .requiredOption("--cpus <number>", "processors")
    .requiredOption("--disk <size>", 'size of the volume that holds WAL, e.g. "500GB"')
    .option("--storage <kind>", Object.keys(storages).join(", "), "ssd")
    .option("--workload <kind>", Object.keys(workloads).join(", "), "web")
    .option("--version <major>", `PostgreSQL: ${majors.join(", ")}`, newest)
    .option("--connections <number>", "max_connections (default: by workload, as far as memory allows)")
    .option("--pooled <number>", "server connections a pooler may open; without it applications connect directly")
    .option("--replicas <number>", "standbys in the cluster", "0")
    .option("--other-services <size>", "memory of what else runs on the host", "0")
    .option(
      "--set <parameter=value>",
      "override a parameter; may be repeated",
      (text: string, all: string[]) => [...all, text],
      [],
    )
    .option("--format <format>", reportFormats.join(", "), "table")
    .action((options: TuneOptions) => {
      try {
        print(tuneReport(options).trimEnd());
      } catch (error) {
        throw new UsageError((error as Error).message, { cause: error });
      }
    });
}
