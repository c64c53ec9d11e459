import { describe, expect, test } from "vitest";
import { renderTemplate, type Templates, type View } from "../../infra/rendering/template.ts";

const templates = (files: Record<string, string>): Templates =>
  new Map(Object.entries(files).map(([name, text]) => [name, { path: `templates/${name}.mustache`, text }]));
const render = (text: string, view: View, more: Record<string, string> = {}): string =>
  renderTemplate(templates({ "a/b.conf": text, ...more }), "a/b.conf", view);

describe("strict templates", () => {
  test("nothing is escaped for HTML", () => {
    expect(render("{{x}} {{{x}}} {{&x}}", { x: `<a href="b">'&'</a>` })).toBe(`<a href="b">'&'</a> `.repeat(3).trim());
  });

  test("an unknown name is an error with file, line and the nearest name", () => {
    expect(() => render("one\ntwo {{adress}}", { address: "a" })).toThrow(
      'templates/a/b.conf.mustache:2: unknown name "adress" (did you mean "address"?)',
    );
  });

  test("without a near name, all known ones are listed", () => {
    expect(() => render("{{zzzzzz}}", { b: 1, a: 1 })).toThrow('unknown name "zzzzzz" (known: a, b)');
  });

  test("all unknown names are reported at once, each once", () => {
    const text = "{{x1}}\n{{#list}}\n{{x2}}\n{{/list}}";
    expect(() => render(text, { list: [{ a: 1 }, { a: 2 }] })).toThrow(
      /^.*:1: unknown name "x1".*\n.*:3: unknown name "x2".*$/,
    );
  });

  test.each([
    ["section", "{{#missing}}x{{/missing}}"],
    ["inverted section", "{{^missing}}x{{/missing}}"],
    ["dotted name", "{{header.missing}}"],
    ["dotted name through text", "{{name.missing}}"],
    ["undefined", "{{nothing}}"],
    ["inherited property", "{{constructor}}"],
  ])("strict for a %s", (_, text) => {
    expect(() => render(text, { header: { a: 1 }, name: "n", nothing: undefined as never })).toThrow("unknown name");
  });

  test("names inside a partial are checked, and reported in the partial's file", () => {
    expect(() => render("\n\n{{> _h}}", {}, { _h: "x\n{{gone}}" })).toThrow(
      'templates/_h.mustache:2: unknown name "gone"',
    );
  });

  test("a partial that does not exist, or includes itself, is an error", () => {
    expect(() => render("{{> _header}}", {}, { _heeder: "" })).toThrow(
      'templates/a/b.conf.mustache:1: there is no template "_header" (did you mean "_heeder"?)',
    );
    expect(() => render("{{> _h}}", {}, { _h: "{{> _h}}" })).toThrow("includes itself: a/b.conf → _h → _h");
  });

  test("null, false, empty text and an empty list are absent, not unknown", () => {
    const text = "{{#a}}a{{/a}}{{^a}}-{{/a}}";
    for (const a of [null, false, []]) expect(render(text, { a })).toBe("-");
    expect(render("[{{a}}]", { a: "" })).toBe("[]");
    expect(render("{{a}}", { a: 0 })).toBe("0");
  });

  test("a list or a section where text belongs is an error, not [object Object]", () => {
    expect(() => render("{{a}}", { a: {} })).toThrow('"a" is a section, not text');
    expect(() => render("{{a}}", { a: ["x"] })).toThrow('"a" is a list, not text');
    expect(() => render("{{a}}", { a: null })).toThrow('"a" is null, not text');
  });

  test("functions in a view are refused", () => {
    expect(() => render("{{a}}", { a: (() => "x") as never })).toThrow('a function under "a"');
  });

  test("a section that is not closed says where", () => {
    expect(() => render("x\n{{#a}}", { a: true })).toThrow(/templates\/a\/b.conf.mustache:2: Unclosed section "a"/);
  });

  test("values hold mustache tags as plain text", () => {
    expect(render("{{a}}", { a: "{{b}} {{#c}}" })).toBe("{{b}} {{#c}}");
  });
});
