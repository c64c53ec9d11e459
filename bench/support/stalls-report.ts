/** The record of bench/stalls.ts as Markdown. */

export interface Series {
  seconds: number[];
  /** The machine's load average (1 min) after each. */
  load: number[];
}

export interface Machine {
  version: string;
  cpus: number;
  rounds: number;
}

/** Of a restart under load against a bare one; of a switchover against such a restart. */
const CLAIM = 1.5;
const SWITCHOVER_CLAIM = 3;

const ROWS: [key: string, what: string][] = [
  ["bare", "bare `pg_ctl restart -m fast` of the primary, after CHECKPOINT, no writers: its own duration"],
  ["restart-primary", "change that restarts every member, the primary under PAUSE"],
  ["switchover", "the primary moves to a replica"],
  ["reload", "change that is reloaded"],
  ["pool-size", "change of the pool size"],
  ["none", "no change for 10 s"],
];

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function stallsReport(measured: Record<string, Series>, machine: Machine): string {
  const rows = ROWS.map(([key, what]) => {
    const { seconds, load } = measured[key]!;
    const cells = [median(seconds), Math.min(...seconds), Math.max(...seconds)].map((s) => s.toFixed(2));
    return `| ${what} | ${cells[0]} | ${cells[1]}–${cells[2]} | ${seconds.length} | ${Math.min(...load).toFixed(1)}–${Math.max(...load).toFixed(1)} |`;
  });
  const restart = median(measured["restart-primary"]!.seconds);
  const ratio = restart / median(measured.bare!.seconds);
  const move = median(measured.switchover!.seconds) / restart;
  const holds = (value: number, claim: number): string =>
    `claim: at most ${claim}; ${value <= claim ? "holds" : "does not hold here"}`;
  return `# How long clients wait, measured

Eight pgbench writers through PgBouncer (transaction mode), as fast as they can, on the machine that also runs the fleet:
PostgreSQL ${machine.version}, a primary and two replicas, ${machine.cpus} cpus. The figure of a change is the longest that any one
transaction took while \`up\` ran, from the client's side; no transaction failed and none was lost, or the measurement would
have ended. The kinds take turns, ${machine.rounds} rounds. Written by \`bench/stalls.ts\`.

|  | median, s | min–max, s | times | load average |
| --- | --- | --- | --- | --- |
${rows.join("\n")}

Restart of the primary under load against the bare restart, medians: **${ratio.toFixed(2)}** (${holds(ratio, CLAIM)}).
A switchover against that restart: **${move.toFixed(2)}** (${holds(move, SWITCHOVER_CLAIM)}).
With other work on the machine (load average above its cpus) both figures and their ratio say more about that work.
`;
}
