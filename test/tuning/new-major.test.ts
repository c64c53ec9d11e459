/** A new major is data: with a facts file more, everything knows it. The file here is made up; no server has it. */
import { describe, expect, test, vi } from "vitest";

type Rows = Record<string, { context: string; vartype: string; min?: number; max?: number; boot?: string }>;
interface Files {
  factMajors: () => number[];
  readFactFile: (file: string) => unknown;
}

vi.mock("../../infra/tuning/facts-files.ts", async (original) => {
  const files = await original<Files>();
  return {
    factMajors: () => [...files.factMajors(), 20],
    readFactFile: (file: string) => {
      if (file !== "pg20.json") return files.readFactFile(file);
      const { io_min_workers: _gone, ...rows } = files.readFactFile("pg19.json") as Rows;
      return { ...rows, io_new_workers: { context: "sighup", vartype: "integer", min: 1, max: 32, boot: "2" } };
    },
  };
});

const { changeClass, factsFor, majors } = await import("../../infra/tuning/facts.ts");
const { tune } = await import("../../infra/tuning/tune.ts");
const { ioWorkerLines } = await import("../../infra/tuning/settings-project.ts");
const { version: versionKey } = await import("../../infra/config/schema/cluster.ts");

const input = { workload: "oltp", memoryMb: 65536, diskMb: 512000, storage: "nvme" } as const;
const workers = (version: number, cpus: number): Record<string, string> =>
  Object.fromEntries(
    [...tune({ ...input, version, cpus }).settings]
      .filter(([name]) => /^io_(\w+_)?workers$/.test(name))
      .map(([name, { value }]) => [name, value]),
  );
const override = (version: number, parameters: Record<string, string>): (() => unknown) => {
  return () => tune({ ...input, version, cpus: 8, overrides: { cluster: parameters } });
};

describe("a facts file is all that a new major needs", () => {
  test("it is offered, tuned and classified", () => {
    expect(majors.at(-1)).toBe(20);
    expect(versionKey.safeParse(20).success).toBe(true);
    expect(versionKey.safeParse(21).success).toBe(false);
    expect(changeClass("io_new_workers", 20)).toBe("reload");
    expect(() => tune({ ...input, version: 21, cpus: 8 })).toThrow(/nearest: 20/);
  });

  test("every name that is written exists in it", () => {
    const facts = factsFor(20);
    const names = [...tune({ ...input, version: 20, cpus: 8 }).settings.keys()].filter((name) => !name.includes("."));
    expect(names.filter((name) => !facts.has(name))).toEqual([]);
  });

  test("overrides are judged by it", () => {
    expect(override(20, { io_new_workers: "40" })).toThrow(/outside 1 to 32; nearest that works: 32/);
    expect(override(19, { io_new_workers: "4" })).toThrow(/io_new_workers/);
    expect(override(20, { io_new_workers: "4" })).not.toThrow();
  });
});

describe("workers of asynchronous I/O follow what the version has", () => {
  test.each([
    [17, 16, {}],
    [18, 2, { io_workers: "3" }],
    [18, 64, { io_workers: "16" }],
    [18, 256, { io_workers: "32" }],
    [19, 2, { io_min_workers: "2", io_max_workers: "8" }],
    [19, 64, { io_min_workers: "4", io_max_workers: "16" }],
    [19, 256, { io_min_workers: "8", io_max_workers: "32" }],
    [20, 64, { io_max_workers: "16" }],
  ])("%i with %i cpus", (version, cpus, expected) => {
    expect(workers(version, cpus)).toEqual(expected);
  });

  test("never outside what the server says it takes", () => {
    const facts = new Map([
      ["io_max_workers", { context: "sighup", vartype: "integer", min: 1, max: 6 }],
      ["io_min_workers", { context: "sighup", vartype: "integer", min: 3, max: 6 }],
    ] as const);
    expect(ioWorkerLines(facts, 2).map(([name, value]) => [name, value])).toEqual([
      ["io_min_workers", "3"],
      ["io_max_workers", "6"],
    ]);
  });

  test("overrides: the old name says what took its place, a minimum over the maximum is refused", () => {
    expect(override(19, { io_workers: "8" })).toThrow(
      /io_workers was removed in PostgreSQL 19; use io_max_workers instead/,
    );
    expect(override(19, { io_min_workers: "16" })).toThrow(/io_min_workers 16 is more than io_max_workers 8/);
    expect(override(19, { io_max_workers: "40" })).toThrow(/outside 1 to 32; nearest that works: 32/);
    expect(override(19, { io_min_workers: "8" })).not.toThrow();
  });
});
