import fc from "fast-check";
import { expect, test } from "vitest";
import { code, fence, html, inline, withCode } from "../../infra/preview/markdown-text.ts";

test("inline text is no markup, no tag, no mention, no table cell, no line of its own", () => {
  expect(inline("<b>&amp; *x* _y_ `z` [a](b) | #1 ~s~\n# t")).toBe(
    "&lt;b&gt;&amp;amp; \\*x\\* \\_y\\_ \\`z\\` \\[a\\](b) \\| \\#1 \\~s\\~ \\# t",
  );
  expect(inline("@team me@example.org")).not.toMatch(/@\w/);
});

test("code holds any text: its own backticks, a table's bars, nothing at all", () => {
  expect(code("a`b``c")).toBe("```a`b``c```");
  expect(code("`x`")).toBe("`` `x` ``");
  expect(code("a|b\nc")).toBe("`a\\|b c`");
  expect(code(" ")).toBe("&nbsp;");
});

test("code in a text stays code, the rest is inline", () => {
  expect(withCode("set `a_b` to <c_d> ok")).toBe("set `a_b` to &lt;c\\_d&gt; ok");
  expect(withCode("a ` b")).toBe("a \\` b");
});

test("text in a tag closes no tag and calls nobody", () => {
  expect(html('</summary> "@team" & x')).toBe("&lt;/summary&gt; &quot;@<!-- -->team&quot; &amp; x");
});

test("no line closes a fence", () => {
  const line = fc.array(fc.constantFrom("`", "``", "```", "a", " "), { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const ticks = fence(lines);
      for (const one of lines) expect(one.includes(ticks)).toBe(false);
    }),
  );
});
