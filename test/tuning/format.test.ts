import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIn, formatMb, formatQuantity, likelyUnit, parseQuantity } from "../../infra/tuning/format.ts";

describe("quantities", () => {
  test.each([
    [16384, "kB", "16MB"],
    [1024, "8kB", "8MB"],
    [1, "8kB", "8kB"],
    [1025, "8kB", "8200kB"],
    [1048576, "8kB", "8GB"],
    [900, "s", "15min"],
    [90, "s", "90s"],
    [2, "ms", "2ms"],
    [0.5, "ms", "500us"],
    [1440, "min", "1d"],
    [-1, "MB", "-1"],
    [0, "ms", "0"],
    [1024, "B", "1kB"],
    [200, undefined, "200"],
    [1.1, undefined, "1.1"],
  ] as const)("%s %s is written %s", (quantity, unit, text) => {
    expect(formatQuantity(quantity, unit)).toBe(text);
  });

  test.each([
    ["64 MB", "kB", 65536],
    ["1.5GB", "kB", 1572864],
    ["0x10", undefined, 16],
    ["010", undefined, 8],
    ["-1", "MB", -1],
    ["+5", undefined, 5],
    [".5h", "s", 1800],
    ["1e3", undefined, 1000],
    ["500us", "ms", 0.5],
    ["8", "8kB", 8],
  ] as const)("%s is read as the server reads it", (text, unit, quantity) => {
    expect(parseQuantity(text, unit)).toMatchObject({ ok: true, quantity });
  });

  test.each(["", "MB", "1 2", "--1", "1.2.3", "0x", "∞"])("%j is no number", (text) => {
    expect(parseQuantity(text, "kB").ok).toBe(false);
  });

  test("what is written is read back exactly, whatever the unit", () => {
    const units = fc.constantFrom("B", "kB", "8kB", "MB", "ms", "s", "min");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2147483647 }), units, (quantity, unit) => {
        const text = formatQuantity(quantity, unit);
        expect(text).toMatch(/^\d+(B|kB|MB|GB|TB|us|ms|s|min|h|d)$/);
        expect(parseQuantity(text, unit)).toMatchObject({ ok: true, quantity });
      }),
      { numRuns: 5000 },
    );
  });

  test("bounds are shown in the unit a person used", () => {
    expect(formatIn(64, "kB", "MB")).toBe("0.0625MB");
    expect(formatMb(0.5)).toBe("512kB");
    expect(likelyUnit("KB", "kB")).toBe("kB");
    expect(likelyUnit("m", "s")).toBe("min");
    expect(likelyUnit("parsec", "s")).toBeUndefined();
  });
});
