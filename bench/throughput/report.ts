/** The measured throughput as a page of text. */
import type { Config } from "./configs.ts";
import { type Measured, type WorkloadName, workloads } from "./run.ts";
import { median, pairedRatio, spread } from "./statistics.ts";

export type Round = Record<Config["name"], Measured>;

const NAMES = ["ours", "pgtune", "guide", "stock"] as const;
/** Not inferior: the lower bound of the interval is at least this share of the best. */
export const CLAIM = 0.95;

const values = (
  rounds: readonly Round[],
  name: Config["name"],
  workload: WorkloadName,
  of: "tps" | "perCpuSecond" = "tps",
): number[] => rounds.map((round) => round[name][of][workload]);

export interface Verdict {
  workload: WorkloadName;
  /** Highest median among the others. */
  best: Config["name"];
  ratio: { mean: number; low: number; high: number };
  reached: boolean;
  /** Half the width of the interval. */
  halfWidth: number;
}

export function verdicts(rounds: readonly Round[]): Verdict[] {
  return workloads.map((workload) => {
    const others = NAMES.filter((name) => name !== "ours");
    const best = others.reduce((a, b) =>
      median(values(rounds, b, workload)) > median(values(rounds, a, workload)) ? b : a,
    );
    const ratio = pairedRatio(values(rounds, "ours", workload), values(rounds, best, workload));
    return { workload, best, ratio, reached: ratio.low >= CLAIM, halfWidth: (ratio.high - ratio.low) / 2 };
  });
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |\n`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  row(head) + row(head.map(() => "---")) + rows.map(row).join("");
const number = (value: number): string => (value >= 100 ? String(Math.round(value)) : value.toPrecision(3));
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

function words({ best, ratio, reached }: Verdict): string {
  const claim = reached ? "not inferior" : `**claim not reached**: the interval goes below ${CLAIM}`;
  if (ratio.low <= 1 && ratio.high >= 1) return `equal to ${best} within the interval; ${claim}`;
  return ratio.low > 1 ? `faster than ${best}; ${claim}` : `slower than ${best}; ${claim}`;
}

export interface Context {
  server: string;
  machine: string;
  host: string;
  scale: number;
  durations: string;
  confs: readonly Config[];
  notes: readonly string[];
}

export function throughputReport(rounds: readonly Round[], context: Context): string {
  const speed = workloads.flatMap((workload) =>
    NAMES.map((name) => {
      const own = values(rounds, name, workload);
      return [
        workload,
        name,
        number(median(own)),
        `± ${percent(spread(own))}`,
        number(Math.min(...own)),
        number(Math.max(...own)),
      ];
    }),
  );
  const work = workloads.flatMap((workload) =>
    NAMES.map((name) => {
      const own = values(rounds, name, workload, "perCpuSecond");
      if (name === "ours") return [workload, name, number(median(own)), `± ${percent(spread(own))}`, "", ""];
      const { mean, low, high } = pairedRatio(values(rounds, "ours", workload, "perCpuSecond"), own);
      const interval = `${low.toFixed(3)} to ${high.toFixed(3)}`;
      return [workload, name, number(median(own)), `± ${percent(spread(own))}`, mean.toFixed(3), interval];
    }),
  );
  const against = workloads.flatMap((workload) =>
    NAMES.slice(1).map((name) => {
      const { mean, low, high } = pairedRatio(values(rounds, "ours", workload), values(rounds, name, workload));
      return [workload, `ours ÷ ${name}`, mean.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`];
    }),
  );
  const loads = rounds.flatMap((round) => NAMES.map((name) => round[name].load));
  const results = verdicts(rounds);
  const reached = results.every((verdict) => verdict.reached);
  return `# Throughput

Settings of \`pgfleet tune\`, of pgtune, of the maintenance guide this project started from, and of a fresh \`initdb\`, measured on the same
data with the same server. Written by \`bench/throughput.ts\`.

The claim: on each workload the lower end of the 95 % interval of ours ÷ the best other is at least ${CLAIM}.
**${reached ? "Reached on all three." : `Reached on ${results.filter((verdict) => verdict.reached).length} of ${results.length}.`}**

${table(
  ["workload", "best other", "ours ÷ best", "95 % interval", ""],
  results.map((verdict) => [
    verdict.workload,
    verdict.best,
    verdict.ratio.mean.toFixed(3),
    `${verdict.ratio.low.toFixed(3)} to ${verdict.ratio.high.toFixed(3)}`,
    words(verdict),
  ]),
)}
## All settings

Transactions per second; analytic: runs of the whole mix of four queries per second.

${table(["workload", "settings", "median", "spread", "lowest", "highest"], speed)}
${table(["workload", "", "ratio", "95 % interval"], against)}
## Work per processor second

Transactions (analytic: mixes) for each second of processor time of the server's processes. Other work on the machine takes processor time
away, which stretches the numbers above and not these; waiting for the disk is in the numbers above and not in these.

${table(["workload", "settings", "median", "spread", "ours ÷ it", "95 % interval"], work)}
## How it was measured

- Server: ${context.server}. Machine: ${context.machine}. Settings for: ${context.host}.
- ${rounds.length} rounds. In each, every set of settings once, in changing order: the server is restarted with it, tables are read into memory, then
  ${context.durations}.
- Data: pgbench at scale ${context.scale}, 600,000 orders of 100,000 customers; it is the same data directory all the time. All of it fits into the machine's memory.
- pgbench: 8 clients, prepared statements; the analytic mix with 2 clients. In each TPC-B run there are two \`CHECKPOINT\`s, at a third and at two thirds, for all
  settings alike: so each run has three phases of full page images. Less frequent checkpoints, which is what a larger \`max_wal_size\` buys, are no
  advantage here.
- Ratios are of runs of the same round; the interval is a bootstrap over rounds (10,000 resamples). "Spread" is half the width of the middle half of the runs.
- Ours is everything that is rendered, \`pg_stat_statements\`, \`auto_explain\` and I/O timing included; the others have none of these.
- Before each measurement the machine's load was waited for; when it began it was ${number(median(loads))} (median), ${number(Math.max(...loads))} at most.
${context.notes.map((note) => `- ${note}\n`).join("")}
## Settings that differ

${context.confs
  .filter(({ name }) => name !== "ours")
  .map(({ name, conf }) => `${name}:\n\n\`\`\`ini\n${conf}\`\`\`\n`)
  .join("\n")}
ours: \`pgfleet tune\` as described in [docs/tuning.md](../../docs/tuning.md); the values that the others set too:

\`\`\`ini
${common(context.confs)}\`\`\`
`;
}

/** Lines of ours whose parameter one of the others sets, or that cost or save work. */
function common(confs: readonly Config[]): string {
  const name = (line: string): string | undefined => /^([a-z_.]+) = /.exec(line)?.[1];
  const named = new Set(
    confs.filter((config) => config.name !== "ours").flatMap(({ conf }) => conf.split("\n").map(name)),
  );
  const more =
    /^(hash_mem_multiplier|autovacuum_work_mem|track_io_timing|shared_preload_libraries|wal_level|archive_mode) /;
  return confs
    .find((config) => config.name === "ours")!
    .conf.split("\n")
    .filter((line) => (name(line) && named.has(name(line))) || more.test(line))
    .map((line) => `${line.replace(/\s+#.*$/, "")}\n`)
    .join("");
}
