/** The writer gives what Mustache gives, or gives up; it never gives anything else. */

import fc from "fast-check";
import Mustache from "mustache";
import { describe, expect, test } from "vitest";
import type { Templates, View, ViewValue } from "../../infra/rendering/template.ts";
import { writeTemplate } from "../../infra/rendering/template-writer.ts";

const templates = (files: Record<string, string>): Templates =>
  new Map(Object.entries(files).map(([name, text]) => [name, { path: `templates/${name}.mustache`, text }]));
const mustache = (text: string, view: View, partials: Record<string, string>): string =>
  Mustache.render(text, view, partials, { escape: String });

const name = fc.constantFrom("a", "b", "list", "texts", "c.d", ".", "none");
const blank = fc.constantFrom("", " ", "\n", "x", "é\n  ", "\n\n", "  ");
const { text } = fc.letrec<{ text: string; part: string }>((tie) => ({
  part: fc.oneof(
    { depthSize: "small" },
    blank,
    fc
      .tuple(fc.constantFrom("{{", "{{{", "{{&"), name)
      .map(([open, one]) => `${open}${one}${open === "{{{" ? "}}}" : "}}"}`),
    fc.constantFrom("{{> p}}", "  {{> p}}\n", "{{! note }}"),
    fc
      .tuple(fc.constantFrom("#", "^"), name, tie("text"))
      .map(([sign, one, inner]) => `{{${sign}${one}}}${inner}{{/${one}}}`),
  ),
  text: fc.array(tie("part"), { maxLength: 6 }).map((parts) => parts.join("")),
}));
const scalar = fc.oneof(
  fc.constantFrom("", "v", "two\nlines", "<&>", "{{a}}"),
  fc.integer({ min: 0, max: 9 }),
  fc.boolean(),
  fc.constant(null),
);
const view = fc.record({
  a: scalar,
  b: scalar,
  c: fc.record({ d: scalar }),
  list: fc.array(fc.record({ a: scalar }), { maxLength: 3 }),
  texts: fc.array(fc.constantFrom("", "l1", "l 2"), { maxLength: 3 }),
}) as fc.Arbitrary<View>;

describe("a template of any shape", () => {
  test("is written as Mustache writes it", () => {
    let written = 0;
    fc.assert(
      fc.property(text, text, view, (body, partial, values) => {
        // A partial that includes itself has no end.
        const p = partial.replaceAll("{{> p}}", "");
        const found = writeTemplate(templates({ t: body, p }), "t", values);
        if (found === undefined) return;
        written++;
        expect(found).toBe(mustache(body, values, { p }));
      }),
      { numRuns: 2000 },
    );
    // Giving up always would be right, and useless.
    expect(written).toBeGreaterThan(300);
  });
});

test.each<[string, string, ViewValue]>([
  ["texts of a list between texts", "{{#v}}- {{.}}\n{{/v}}", ["a", "b"]],
  ["one text", "{{#v}}[{{.}}]{{/v}}", ["a"]],
  ["no text", "{{#v}}[{{.}}]{{/v}}", []],
  ["numbers", "{{#v}}{{.}},{{/v}}", [1, 0, 2]],
  ["a text as a section", "{{#v}}[{{.}}]{{/v}}", "a"],
])("%s", (_, body, v) => expect(writeTemplate(templates({ t: body }), "t", { v })).toBe(mustache(body, { v }, {})));

test.each([
  ["a missing name", "{{gone}}"],
  ["a missing part of a name", "{{c.gone}}"],
  ["a list where text belongs", "{{list}}"],
  ["a missing partial", "{{> gone}}"],
  ["a partial in itself", "{{> t}}"],
  ["a section that is not closed", "{{#c}}"],
])("gives up at %s", (_, body) => {
  expect(writeTemplate(templates({ t: body }), "t", { c: { d: 1 }, list: [] })).toBeUndefined();
});
