import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatMb,
  formatSeconds,
  parseDiskMb,
  parseDurationSeconds,
  parseMemoryMb,
  UnitError,
} from "../../infra/config/units.ts";

describe("sizes and durations", () => {
  test.each([
    ["1MB", 1],
    ["512MB", 512],
    ["2048kB", 2],
    ["32GB", 32768],
    ["1.5GB", 1536],
    ["0.5TB", 524288],
    ["24TB", 25165824],
  ])("memory and disk %s are %d MB", (text, mb) => {
    expect(parseMemoryMb(text)).toBe(mb);
    expect(parseDiskMb(text)).toBe(mb);
  });

  test.each([
    ["1000ms", 1],
    ["15s", 15],
    ["15min", 900],
    ["2h", 7200],
    ["15d", 1296000],
    ["1.5h", 5400],
  ])("%s are %d seconds", (text, seconds) => expect(parseDurationSeconds(text)).toBe(seconds));

  test("what is written in the largest unit reads back as the same number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 42 }), (n) => {
        expect(parseMemoryMb(formatMb(n))).toBe(n);
        expect(parseDiskMb(formatMb(n))).toBe(n);
        expect(parseDurationSeconds(formatSeconds(n))).toBe(n);
      }),
      { numRuns: 2000 },
    );
  });

  test("every unit agrees with the ones below it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (n) => {
        expect(parseMemoryMb(`${n}TB`)).toBe(parseMemoryMb(`${n * 1024}GB`));
        expect(parseMemoryMb(`${n}GB`)).toBe(parseMemoryMb(`${n * 1024}MB`));
        expect(parseMemoryMb(`${n}MB`)).toBe(parseMemoryMb(`${n * 1024}kB`));
        expect(parseDurationSeconds(`${n}d`)).toBe(parseDurationSeconds(`${n * 24}h`));
        expect(parseDurationSeconds(`${n}h`)).toBe(parseDurationSeconds(`${n * 60}min`));
        expect(parseDurationSeconds(`${n}s`)).toBe(parseDurationSeconds(`${n * 1000}ms`));
      }),
    );
  });

  test("any text is read or refused with a sentence, never anything else", () => {
    const unit = fc.constantFrom("kB", "KB", "MB", "mb", "G", "GB", "Gi", "TB", "PB", "s", "m", "min", "", " ");
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), unit).map(([n, u]) => `${n}${u}`),
    );
    fc.assert(
      fc.property(text, (given) => {
        for (const parse of [parseMemoryMb, parseDiskMb, parseDurationSeconds]) {
          try {
            expect(Number.isSafeInteger(parse(given))).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(UnitError);
            expect((error as Error).message).toMatch(/\.$/);
          }
        }
      }),
    );
  });

  test.each([
    ["32 gb", 'write "32GB"'],
    ["32 GB", 'write "32GB"'],
    ["32gb", 'write "32GB"'],
    ["32G", 'write "32GB"'],
    ["32GiB", 'write "32GB"'],
    ["512KB", 'write "512kB"'],
    ["512M", 'write "512MB"'],
    ["1mb", 'write "1MB"'],
    ["32", '"32MB" or "32GB"'],
    ["1PB", '"PB" is not a unit'],
    ["1.5MB", "whole number of MB"],
    ["1kB", "whole number of MB"],
    ["", "not a memory size"],
    ["lots", "not a memory size"],
    ["1e3MB", "not a memory size"],
    ["-1GB", "not a memory size"],
    ["1,5GB", "not a memory size"],
    ["9999999999999999TB", "too large"],
    ["1constructor", "is not a unit"],
  ])("memory %s is refused", (text, gist) => expect(() => parseMemoryMb(text)).toThrow(gist));

  test.each([
    ["15m", 'write "15min"'],
    ["15 min", 'write "15min"'],
    ["15M", 'write "15min"'],
    ["15sec", 'write "15s"'],
    ["1hour", 'write "1h"'],
    ["2D", 'write "2d"'],
    ["15", '"15s" or "15min"'],
    ["1500ms", "whole number of seconds"],
    ["1w", '"w" is not a unit'],
  ])("duration %s is refused", (text, gist) => expect(() => parseDurationSeconds(text)).toThrow(gist));

  test("disk suggests units of its own", () => expect(() => parseDiskMb("500")).toThrow('"500GB" or "500TB"'));
});
