import fc from "fast-check";
import { expect, test } from "vitest";
import { type Block, fitted, size } from "../../infra/preview/fit.ts";

const line = fc.string({ maxLength: 120 }).map((text) => text.replaceAll("\n", " ").replaceAll(/[<>]/g, ""));
const { block } = fc.letrec<{ block: Block; part: string | Block }>((tie) => ({
  part: fc.oneof({ depthSize: "small" }, line, tie("block")),
  block: fc.array(tie("part"), { maxLength: 12 }).map((content) => ({
    open: "<details>\n",
    close: "</details>\n",
    content,
    note: (what: string) => `… ${what}`,
  })),
}));

test("blocks of any shape fit, balanced, and are whole when there is room", () => {
  fc.assert(
    fc.property(block, fc.integer({ min: 0, max: 3000 }), (one, limit) => {
      const text = fitted(one, limit, "too short");
      expect(size(text)).toBeLessThanOrEqual(limit);
      if (text.startsWith("<details>")) expect(text.split("<details>").length).toBe(text.split("</details>").length);
      const whole = fitted(one, Number.MAX_SAFE_INTEGER, "");
      expect(whole).not.toContain("…");
      expect(fitted(one, size(whole), "")).toBe(whole);
    }),
    { numRuns: 300 },
  );
});

test("what is counted is never less than characters, code points or bytes", () => {
  for (const text of ["abc", "äöü", "→−▓", "🌈🌈", "日本"]) {
    expect(size(text)).toBeGreaterThanOrEqual(text.length);
    expect(size(text)).toBeGreaterThanOrEqual([...text].length);
    expect(size(text)).toBe(Buffer.byteLength(text));
  }
});
