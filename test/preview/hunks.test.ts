import { applyPatch } from "diff";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lineDiff } from "../../infra/preview/hunks.ts";

const names: [string, string] = ["a/f", "b/f"];
/** Few different lines, so that they repeat; no blanks to align. */
const body = fc
  .tuple(fc.array(fc.constantFrom("", "a", "b", "c", "# x", "d=1"), { maxLength: 40 }), fc.boolean())
  .map(([lines, ends]) => lines.join("\n") + (ends && lines.length > 0 ? "\n" : ""));

describe("a unified diff", () => {
  test("makes the new text from the old one, and its counts are right", () => {
    fc.assert(
      fc.property(body, body, (before, after) => {
        const diff = lineDiff(before, after, names);
        if (before === after) {
          expect(diff.text).toBe("");
          return;
        }
        expect(applyPatch(before, diff.text, { fuzzFactor: 0 })).toBe(after);
        expect(diff.changed.filter((line) => line.startsWith("+"))).toHaveLength(diff.additions);
        expect(diff.changed.filter((line) => line.startsWith("-"))).toHaveLength(diff.deletions);
      }),
      { numRuns: 500 },
    );
  });

  test("leaves lines out that are only aligned otherwise, and counts them", () => {
    const before = "host  all  app     scram\nhost  all  b       scram\nname  = 'a'\n";
    const after = "host  all  app,longer  scram\nhost  all  b           scram\nname  = 'a'\n";
    expect(lineDiff(before, after, names)).toMatchObject({ additions: 1, deletions: 1, realigned: 1 });
    expect(lineDiff(before, after, names).text).not.toContain("-host  all  b");
  });

  test("of alignment alone is empty but counted", () => {
    expect(lineDiff("a  b\n", "a    b\n", names)).toMatchObject({ additions: 0, deletions: 0, realigned: 1, text: "" });
  });

  test("blanks in quotes and indentation are content", () => {
    expect(lineDiff("x = 'a  b'\n", "x = 'a b'\n", names)).toMatchObject({ additions: 1, deletions: 1 });
    expect(lineDiff("  x:  1\n", "    x:  1\n", names)).toMatchObject({ additions: 1, deletions: 1 });
  });

  test("of long files that are mostly equal makes the new text as well, wherever the change is", () => {
    const line = fc.constantFrom("same", "other", "x = 1");
    const change = fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), add: fc.array(line, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(line, { minLength: 5, maxLength: 60 }), change, (lines, { at, remove, add }) => {
        const before = `${lines.join("\n")}\n`;
        const after = `${lines.toSpliced(at % lines.length, remove, ...add).join("\n")}\n`;
        if (before === after || after === "\n") return;
        expect(applyPatch(before, lineDiff(before, after, names).text, { fuzzFactor: 0 })).toBe(after);
      }),
      { numRuns: 500 },
    );
  });

  test("of equal lines one more or one less is one line", () => {
    const [ten, eleven] = ["a\n".repeat(10), "a\n".repeat(11)];
    expect(lineDiff(ten, eleven, names)).toMatchObject({ additions: 1, deletions: 0 });
    expect(lineDiff(eleven, ten, names)).toMatchObject({ additions: 0, deletions: 1 });
    expect(applyPatch(ten, lineDiff(ten, eleven, names).text, { fuzzFactor: 0 })).toBe(eleven);
  });

  test("says the right lines, also when the same change was seen elsewhere", () => {
    const file = (lines: number, value: string): string => `${"# note\n".repeat(lines)}x = ${value}\n`;
    expect(lineDiff(file(5, "1"), file(5, "2"), names).text).toContain("@@ -3,4 +3,4 @@");
    expect(lineDiff(file(9, "1"), file(9, "2"), names).text).toContain("@@ -7,4 +7,4 @@");
  });
});
