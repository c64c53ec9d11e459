/**
 * Is the memory budget a bound? Servers as `tune` and as pgtune set them, every connection busy with the worst query the
 * budget assumes, autovacuum and one index build besides; the memory of all their processes, sampled all the while.
 *
 *   node bench/memory-bound.ts [--memory 1,2] [--versions 17,18,19] [--out bench/results/memory-bound.md]
 */
import { rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import type { Major } from "../infra/config/spec.ts";
import { tuningConf } from "../infra/tuning/report.ts";
import { type TuneInput, tune } from "../infra/tuning/tune.ts";
import { embeddedPostgres, initdb, serverFolder } from "../test/support/embedded-postgres.ts";
import { makeData } from "./memory/data.ts";
import { type Case, memoryReport } from "./memory/report.ts";
import { measureBound } from "./memory/run.ts";
import { pgtune } from "./support/pgtune.ts";
import { startBenchServer } from "./support/server.ts";

const CPUS = 2;

const { values } = parseArgs({
  options: {
    memory: { type: "string", default: "1,2" },
    versions: { type: "string", default: "17,18,19" },
    out: { type: "string", default: path.join(import.meta.dirname, "results/memory-bound.md") },
  },
});

const cases: Case[] = [];
for (const version of values.versions.split(",").map(Number) as Major[]) {
  const binaries = await embeddedPostgres(version);
  if (!binaries) throw new Error(`there is no PostgreSQL ${version} to measure`);
  const folder = serverFolder("pgfleet-memory-");
  const data = path.join(folder, "data");
  const file = path.join(folder, "postgresql.conf");
  try {
    await initdb(binaries, data);
    writeFileSync(file, "shared_buffers = 512MB\nmax_wal_size = 4GB\nmaintenance_work_mem = 256MB\nautovacuum = off\n");
    const maker = await startBenchServer({ bin: binaries.bin, data, file, options: ["fsync=off"] });
    await makeData(maker);
    await maker.stop();
    for (const memoryGb of values.memory.split(",").map(Number)) {
      const input: TuneInput = {
        version,
        workload: "mixed",
        memoryMb: memoryGb * 1024,
        cpus: CPUS,
        diskMb: 20 * 1024,
        storage: "ssd",
        // The summed share of processes does not show huge pages.
        hugePages: "off",
      };
      const tuning = tune(input);
      const theirs = pgtune(input.memoryMb, CPUS);
      // These binaries are built without lz4; it has no part in memory.
      const conf = Object.entries({ ...theirs, wal_compression: "pglz" })
        .map(([name, value]) => `${name} = ${value}\n`)
        .join("");
      for (const [name, text, settings] of [
        [
          "pgfleet tune",
          tuningConf(tuning, input),
          Object.fromEntries([...tuning.settings].map(([n, s]) => [n, s.value])),
        ],
        ["pgtune", conf, theirs],
      ] as const) {
        writeFileSync(file, text);
        console.log(`PostgreSQL ${version}, ${memoryGb} GB, ${name}`);
        const result = await measureBound(binaries.bin, data, file);
        console.log(JSON.stringify(result));
        cases.push({ version, memoryMb: input.memoryMb, name, settings, budget: tuning.budget, result });
        writeFileSync(values.out, memoryReport(cases, CPUS));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const broken = cases.filter(
  ({ name, result, budget }) => name !== "pgtune" && result.peakWithPageTablesMb > budget.limitMb,
);
if (broken.length > 0) {
  console.error(`the limit was exceeded in ${broken.length} case(s)`);
  process.exitCode = 1;
}
