/** The measured throughput as a page of text. */
import type { Config } from "./configs.ts";
import { type Slice, type WorkloadName, workloads } from "./run.ts";
import { median, pairedRatio, type Ratio, spread } from "./statistics.ts";

type Measured = Record<WorkloadName, Slice>;
export type Round = Record<Exclude<Config["name"], "ours, small pages">, Measured> & { "ours, small pages"?: Measured };

/** Settings with nothing that observes the server but what it has anyway. */
const OTHERS = ["pgtune", "guide", "stock"] as const;
const INSTRUMENTED = "pgtune + instruments";
const SMALL = "ours, small pages";
const ALL = ["ours", SMALL, ...OTHERS, INSTRUMENTED] as const;
/** What was measured; rounds without huge pages have no ours with small pages. */
const namesOf = (rounds: readonly Round[]): Config["name"][] => ALL.filter((name) => name in rounds[0]!);
/** Not inferior: the lower bound of the interval is at least this share of the best. */
export const CLAIM = 0.95;

const values = (
  rounds: readonly Round[],
  name: Config["name"],
  workload: WorkloadName,
  of: keyof Slice = "tps",
): number[] => rounds.map((round) => round[name]![workload][of]);

export interface Verdict {
  workload: WorkloadName;
  /** Highest median among the others. */
  best: Config["name"];
  ratio: Ratio;
  /** The same of the work per second of processor time. */
  perCpu: Ratio;
  reached: boolean;
  /** Half the width of the interval. */
  halfWidth: number;
}

export function verdicts(rounds: readonly Round[], ours: Config["name"] = "ours"): Verdict[] {
  return workloads.map((workload) => {
    const best = OTHERS.reduce<Config["name"]>(
      (a, b) => (median(values(rounds, b, workload)) > median(values(rounds, a, workload)) ? b : a),
      OTHERS[0],
    );
    const [ratio, perCpu] = (["tps", "perCpuSecond"] as const).map((of) =>
      pairedRatio(values(rounds, ours, workload, of), values(rounds, best, workload, of)),
    ) as [Ratio, Ratio];
    return { workload, best, ratio, perCpu, reached: ratio.low >= CLAIM, halfWidth: (ratio.high - ratio.low) / 2 };
  });
}

/** a ÷ b of the rounds: throughput, and work for each second of processor time. */
const compare = (rounds: readonly Round[], a: Config["name"], b: Config["name"], workload: WorkloadName): string[] =>
  (["tps", "perCpuSecond"] as const).flatMap((of) => {
    const ratio = pairedRatio(values(rounds, a, workload, of), values(rounds, b, workload, of));
    return [ratio.mean.toFixed(3), `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`];
  });

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
  /** One slice of each workload, in words. */
  slices: string;
  /** Turns of a round. */
  turns: number;
  /** Load of the machine at the beginning of each round. */
  loads: readonly number[];
  /** Nice value the servers and pgbench ran at. */
  priority: number;
  confs: readonly Config[];
  notes: readonly string[];
}

export function throughputReport(rounds: readonly Round[], context: Context): string {
  const names = namesOf(rounds);
  const small = names.includes(SMALL);
  const speed = workloads.flatMap((workload) =>
    names.map((name) => {
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
    names.map((name) => {
      const own = values(rounds, name, workload, "perCpuSecond");
      if (name === "ours") return [workload, name, number(median(own)), `± ${percent(spread(own))}`, "", ""];
      const { mean, low, high } = pairedRatio(values(rounds, "ours", workload, "perCpuSecond"), own);
      const interval = `${low.toFixed(3)} to ${high.toFixed(3)}`;
      return [workload, name, number(median(own)), `± ${percent(spread(own))}`, mean.toFixed(3), interval];
    }),
  );
  const against = workloads.flatMap((workload) =>
    names.slice(1).map((name) => {
      const { mean, low, high } = pairedRatio(values(rounds, "ours", workload), values(rounds, name, workload));
      return [workload, `ours ÷ ${name}`, mean.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`];
    }),
  );
  const results = verdicts(rounds);
  const reached = results.every((verdict) => verdict.reached);
  return `# Throughput

Settings of \`pgfleet tune\`, of pgtune, of the maintenance guide this project started from, and of a fresh \`initdb\`, measured on the same
data with the same server. Written by \`bench/throughput.ts\`.

The claim: on each workload the lower end of the 95 % interval of ours ÷ the best other is at least ${CLAIM}.
**${reached ? "Reached on all three." : `Reached on ${results.filter((verdict) => verdict.reached).length} of ${results.length}.`}**

${verdictTable(results)}${small ? smallPages(rounds) : ""}
## With the same instruments

Ours carries \`pg_stat_statements\`, \`auto_explain\` and I/O timing, the guide the first two, for every statement and with a clock call for each row; pgtune and stock have none. \`${INSTRUMENTED}\` is pgtune's settings with
those of ours added. The first rows compare the settings alone, the last three are what the instruments cost.

${table(
  ["workload", "", "throughput", "95 % interval", "per processor second", "95 % interval"],
  [
    ...names
      .filter((name) => name === "ours" || name === SMALL)
      .flatMap((name) =>
        workloads.map((workload) => [
          workload,
          `${name} ÷ ${INSTRUMENTED}`,
          ...compare(rounds, name, INSTRUMENTED, workload),
        ]),
      ),
    ...workloads.map((workload) => [
      workload,
      `${INSTRUMENTED} ÷ pgtune`,
      ...compare(rounds, INSTRUMENTED, "pgtune", workload),
    ]),
  ],
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
- Each set of settings has its own server on a copy of the same data, another copy each round, and all servers but the measured one are frozen (SIGSTOP). They take turns in short slices, in
  changing order, so that a slower minute of the machine is a slower minute for all of them: ${context.slices}.
- ${rounds.length} rounds. Each begins with all servers stopped and started anew in another order: where a server's shared memory comes to lie moves its speed by some percent, and one that is
  restarted alone gets the same memory back (of two with the same settings one was 1.03, 1.006 to 1.057, times as fast on the analytic mix for 30 rounds). So this is part of the spread. Then tables are read into memory, select-only runs once unmeasured, and ${context.turns} turns follow,
  whose mean is the round's value.
- Data: pgbench at scale ${context.scale}, 600,000 orders of 100,000 customers. All of it fits into the machine's memory.
- pgbench: 8 clients, prepared statements; the analytic mix with 2 clients. The restart is a checkpoint for all settings alike, and pages that change for the first time after it
  are written to WAL whole. \`checkpoint_timeout\` is 1h for all: less frequent checkpoints, which is what ours and a larger
  \`max_wal_size\` buy, are no advantage here.
- Ratios are of values of the same round; the interval is a bootstrap over rounds (10,000 resamples). "Spread" is half the width of the middle half of the rounds.
- Ours is everything that is rendered.
- Load of the machine at the beginning of a round: ${number(median(context.loads))} (median), ${number(Math.max(...context.loads))} at most; servers and pgbench ran at nice ${context.priority}.
${context.notes.map((note) => `- ${note}\n`).join("")}
## Settings that differ

${context.confs
  .filter(({ name }) => (OTHERS as readonly string[]).includes(name))
  .map(({ name, conf }) => `${name}:\n\n\`\`\`ini\n${conf}\`\`\`\n`)
  .join("\n")}
ours: \`pgfleet tune\` as described in [docs/tuning.md](../../docs/tuning.md); the values that the others set too:

\`\`\`ini
${common(context.confs)}\`\`\`
`;
}

const verdictTable = (results: readonly Verdict[]): string =>
  table(
    ["workload", "best other", "ours ÷ best", "95 % interval", ""],
    results.map((verdict) => [
      verdict.workload,
      verdict.best,
      verdict.ratio.mean.toFixed(3),
      `${verdict.ratio.low.toFixed(3)} to ${verdict.ratio.high.toFixed(3)}`,
      words(verdict),
    ]),
  );

const smallPages = (rounds: readonly Round[]): string => `
## Huge pages

That is ours on hosts whose kernel is the fleet's (platforms \`existing\` and \`aws\`): \`huge_pages = try\`, and the server's unit reserves as many pages as the server asks for. pgtune says \`off\`
for this host, the guide and stock leave it at \`try\` and reserve none. On platforms that share a kernel (\`local\`, \`docker\`) ours has small pages too:

${verdictTable(verdicts(rounds, SMALL))}
Ours with huge pages ÷ ours without:

${table(
  ["workload", "throughput", "95 % interval", "per processor second", "95 % interval"],
  workloads.map((workload) => [workload, ...compare(rounds, "ours", SMALL, workload)]),
)}`;

/** Lines of ours whose parameter one of the others sets, or that cost or save work. */
function common(confs: readonly Config[]): string {
  const name = (line: string): string | undefined => /^([a-z_.]+) = /.exec(line)?.[1];
  const named = new Set(
    confs
      .filter((config) => (OTHERS as readonly string[]).includes(config.name))
      .flatMap(({ conf }) => conf.split("\n").map(name)),
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
