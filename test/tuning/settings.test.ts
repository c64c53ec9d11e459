/** Values that were chosen by measuring. */

import { describe, expect, test } from "vitest";
import { majors } from "../../infra/tuning/facts.ts";
import { readOverrides } from "../../infra/tuning/overrides.ts";
import { type TuneInput, tune, tuneFleet } from "../../infra/tuning/tune.ts";
import { walPlan } from "../../infra/tuning/wal.ts";
import { fleet, member } from "./fleet.ts";

const input: TuneInput = { version: 17, workload: "oltp", memoryMb: 8192, cpus: 4, diskMb: 102400, storage: "ssd" };
const compression = (change: Partial<TuneInput>): string =>
  tune({ ...input, ...change }).settings.get("wal_compression")!.value;

describe("wal_compression", () => {
  test.each(majors)("%i: off where lz4 is not known to be there; pglz costs too much", (version) => {
    expect(compression({ version })).toBe("off");
    expect(compression({ version, build: { lz4: false } })).toBe("off");
  });

  test("lz4 where the build has it; 14 does not know it", () => {
    expect(compression({ version: 15, build: { lz4: true } })).toBe("lz4");
    expect(compression({ version: 14, build: { lz4: true } })).toBe("off");
  });

  test("members of a stack run Debian's packages, which have it; nothing is asked of the others", () => {
    const of = (parameters: Record<string, string>): string[] => {
      const { settings, warnings } = tuneFleet(fleet([member("db1", "primary")], { parameters })).tunings.get("db1")!;
      return [settings.get("wal_compression")!.value, ...warnings];
    };
    expect(of({})).toEqual(["lz4"]);
    expect(of({ wal_compression: "lz4" })).toEqual(["lz4"]);
    expect(of({ wal_compression: "zstd" })).toEqual([
      "zstd",
      expect.stringMatching(/zstd needs a PostgreSQL built with it/),
    ]);
  });
});

describe("archiving", () => {
  const archiving = (parameters: Record<string, string>): (string | undefined)[] => {
    const { settings } = tune({ ...input, overrides: { cluster: parameters } });
    return ["archive_mode", "archive_command", "archive_library"].map((name) => settings.get(name)?.value);
  };

  test.each([
    ["nothing archives", {}, ["off", undefined, undefined]],
    ["a command", { archive_command: "cp %p /mnt/%f" }, ["on", "cp %p /mnt/%f", undefined]],
    ["a library, and no command beside it", { archive_library: "basic_archive" }, ["on", undefined, "basic_archive"]],
    ["on in advance", { archive_mode: "on" }, ["on", "/bin/true", undefined]],
    [
      "a command that waits",
      { archive_mode: "off", archive_command: "cp %p /mnt/%f" },
      ["off", "cp %p /mnt/%f", undefined],
    ],
  ])("%s", (_name, parameters, expected) => {
    expect(archiving(parameters)).toEqual(expected);
  });

  test.each([
    [{}, false],
    [{ archive_command: "" }, false],
    [{ archive_mode: "off", archive_command: "cp %p /mnt/%f" }, false],
    [{ archive_command: "cp %p /mnt/%f" }, true],
    [{ archive_library: "basic_archive" }, true],
  ])("with %j WAL that waits for it has room on the disk: %s", (cluster, waits) => {
    const { overrides } = readOverrides({ ...input, overrides: { cluster } });
    const { archiveBacklogMb, maxWalSizeMb } = walPlan(input, overrides);
    expect(archiveBacklogMb).toBe(waits ? maxWalSizeMb : 0);
  });
});
