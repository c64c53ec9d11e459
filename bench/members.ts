/**
 * What `up` costs with more members: a run that changes nothing on 12 members against the same on 3, in turns, and five
 * replicas added at once against one.
 *
 *   node bench/members.ts [--rounds 5] [--out bench/results/members.md]
 */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { TestFleet } from "../test/e2e/support/fleet.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    out: { type: "string", default: path.join(import.meta.dirname, "results/members.md") },
  },
});

function fleetOf(label: string, replicas: number): TestFleet {
  const fleet = new TestFleet(label, { connections: 20, parameters: { shared_buffers: "32MB" } });
  delete fleet.config.hosts.mon1;
  delete fleet.config.hosts.db2;
  delete fleet.config.hosts.db3;
  addReplicas(fleet, 2, replicas);
  return fleet;
}

function addReplicas(fleet: TestFleet, first: number, count: number): void {
  for (let n = first; n < first + count; n++)
    fleet.config.hosts[`db${n}`] = { role: "replica", address: fleet.address(n < 10 ? n : n + 20) };
}

async function timed(fleet: TestFleet): Promise<number> {
  const began = performance.now();
  await fleet.up();
  return (performance.now() - began) / 1000;
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const small = fleetOf("three", 2);
const large = fleetOf("twelve", 5);
const seconds: Record<"three" | "twelve", number[]> = { three: [], twelve: [] };
try {
  await small.up();
  await large.up();
  addReplicas(large, 7, 1);
  const one = await timed(large);
  addReplicas(large, 8, 5);
  const five = await timed(large);
  const streaming = large.sql("db1", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
  if (streaming !== "11") throw new Error(`${streaming} of 11 replicas stream`);
  for (let round = 0; round < Number(values.rounds); round++) {
    seconds.three.push(await timed(small));
    seconds.twelve.push(await timed(large));
    console.log(`3 members ${seconds.three.at(-1)!.toFixed(2)} s, 12 members ${seconds.twelve.at(-1)!.toFixed(2)} s`);
  }
  const ratio = median(seconds.twelve) / median(seconds.three);
  const row = (name: string, list: number[]): string =>
    `| ${name} | ${median(list).toFixed(2)} | ${Math.min(...list).toFixed(2)} to ${Math.max(...list).toFixed(2)} |`;
  const report = `# More members

\`up\` that changes nothing, in turns, ${values.rounds} rounds, on ${os.cpus().length} cpus (load at the end ${os.loadavg()[0]!.toFixed(1)}); each fleet has a pooler as well.
Written by \`bench/members.ts\`.

| | median, s | range |
|---|--:|--:|
${row("3 members", seconds.three)}
${row("12 members", seconds.twelve)}

12 against 3: **${ratio.toFixed(2)} ×** (claim: at most 2; ${ratio <= 2 ? "holds" : "does not hold"}).

One replica added to 6 members: ${one.toFixed(1)} s. Five added to 7 at once, three clones at a time: ${five.toFixed(1)} s, ${(five / one).toFixed(2)} × one.
`;
  fs.writeFileSync(values.out, report);
  console.log(report);
} finally {
  await small.remove();
  await large.remove();
}
