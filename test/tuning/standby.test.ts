/** What standbys may cost their primary, and what may be cut off or ended for it. */

import { describe, expect, test } from "vitest";
import { type TuneInput, tune } from "../../infra/tuning/tune.ts";

const input: TuneInput = {
  version: 17,
  workload: "web",
  memoryMb: 8192,
  cpus: 4,
  diskMb: 102400,
  storage: "ssd",
  replicas: 2,
};
const value = (name: string, change: Partial<TuneInput> = {}): string | undefined =>
  tune({ ...input, ...change }).settings.get(name)?.value;

describe("queries on standbys", () => {
  test.each([
    ["web", "off", "30s"],
    ["oltp", "off", "30s"],
    ["desktop", "off", "30s"],
    ["mixed", "on", "5min"],
    ["dw", "on", "30min"],
  ] as const)("%s: hot_standby_feedback %s, replay waits %s", (workload, feedback, delay) => {
    expect(value("hot_standby_feedback", { workload })).toBe(feedback);
    expect(value("max_standby_streaming_delay", { workload })).toBe(delay);
    expect(value("max_standby_archive_delay", { workload })).toBe(delay);
  });

  test("a reload is enough to change them, and a host may have its own", () => {
    const overrides = { host: { hot_standby_feedback: "on", max_standby_streaming_delay: "1h" } };
    const { settings } = tune({ ...input, overrides });
    expect(settings.get("hot_standby_feedback")).toMatchObject({ value: "on", class: "reload", source: "override" });
    expect(settings.get("max_standby_streaming_delay")).toMatchObject({ value: "1h", class: "reload" });
  });
});

describe("WAL that is kept for a standby that is away", () => {
  test.each([
    [10240, "3GB"],
    [102400, "30GB"],
    [1048576, "307GB"],
  ])("on a disk of %i MB a slot may keep %s", (diskMb, kept) => {
    expect(value("max_slot_wal_keep_size", { diskMb })).toBe(kept);
  });
});

test("pg_rewind needs checksums or wal_log_hints: the latter is on exactly where the former are off", () => {
  expect(value("wal_log_hints", { dataChecksums: false })).toBe("on");
  expect(value("wal_log_hints", { dataChecksums: true })).toBeUndefined();
  expect(value("wal_log_hints")).toBeUndefined();
});
