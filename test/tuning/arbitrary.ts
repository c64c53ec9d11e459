/** Servers of every size, for property tests. */
import fc from "fast-check";
import type { TuneInput } from "../../infra/tuning/tune.ts";

export const MIN_MEMORY_MB = 256;
export const MAX_MEMORY_MB = 4 * 1024 * 1024;

/** Sizes spread evenly over the powers of two, so that small hosts are not rare. */
export const memoryMb = fc
  .double({ min: Math.log2(MIN_MEMORY_MB), max: Math.log2(MAX_MEMORY_MB), noNaN: true })
  .map((power) => Math.min(MAX_MEMORY_MB, Math.round(2 ** power)));

export const cpus = fc.double({ min: 0, max: 8, noNaN: true }).map((power) => Math.round(2 ** power));

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

/** Any server the project can be asked for; memory and cpus unrelated to each other. */
export const server: fc.Arbitrary<TuneInput> = fc
  .record({
    version: fc.constantFrom(14 as const, 15 as const, 16 as const, 17 as const, 18 as const),
    workload: fc.constantFrom("web" as const, "oltp" as const, "dw" as const, "mixed" as const, "desktop" as const),
    storage: fc.constantFrom("hdd" as const, "ssd" as const, "nvme" as const, "san" as const),
    memoryMb,
    cpus,
    diskMb: fc.integer({ min: 2, max: 16384 }).map((gb) => gb * 1024),
    connections: optional(fc.double({ min: 0, max: 11, noNaN: true }).map((power) => Math.round(2 ** power))),
    pooledConnections: optional(fc.integer({ min: 1, max: 500 })),
    otherServicesMb: fc.integer({ min: 0, max: 512 }),
    replicas: fc.integer({ min: 0, max: 20 }),
    walSegmentSizeMb: fc.constantFrom(1, 16, 64),
    dataChecksums: fc.boolean(),
    hugePages: optional(fc.constantFrom("off" as const, "try" as const, "on" as const)),
  })
  .map(
    (record) =>
      Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as unknown as TuneInput,
  );
