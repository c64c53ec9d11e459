/**
 * Mustache, strictly: a name that the view does not have is an error, never an empty string.
 *
 * Nothing is HTML-escaped; values arrive quoted for their format (quoting.ts). `undefined` counts as missing;
 * say "absent" with null, false or []. Lambdas are refused.
 */

import Mustache from "mustache";
import { nearest } from "../config/suggest.ts";
import { writeTemplate } from "./template-writer.ts";

/** Name without ".mustache", e.g. "postgresql/pg_hba.conf" → its text and the path shown to people. */
export type Templates = ReadonlyMap<string, Template>;
export interface Template {
  /** Shown in errors and in the header of rendered files, e.g. "templates/postgresql/pg_hba.conf.mustache". */
  path: string;
  text: string;
}

export type View = { [name: string]: ViewValue };
export type ViewValue = string | number | boolean | null | View | readonly ViewValue[];

/** One of Mustache's; `rest` is a section's children, or a partial's indentation. */
export type Token = [
  type: string,
  value: string,
  start: number,
  end: number,
  rest?: Token[] | string,
  at?: number,
  lineHasNonSpace?: boolean,
];

/** @throws Error with every unknown name of the template, each with file, line and the nearest known name. */
export function renderTemplate(templates: Templates, name: string, view: View): string {
  const text = writeTemplate(templates, name, view);
  if (text !== undefined) return text;
  const problems = new Set<string>();
  check(templates, name, [view], problems, []);
  if (problems.size > 0) throw new Error([...problems].join("\n"));
  const partials = (partial: string): string => templates.get(partial)!.text;
  return Mustache.render(templates.get(name)!.text, view, partials, { escape: String });
}

function check(templates: Templates, name: string, stack: ViewValue[], problems: Set<string>, trail: string[]): void {
  const template = templates.get(name);
  if (!template) {
    problems.add(`there is no template "${name}"${suggestion(name, templates.keys())}`);
    return;
  }
  if (trail.includes(name)) {
    problems.add(`${template.path} includes itself: ${[...trail, name].join(" → ")}`);
    return;
  }
  walk(parse(template), stack);

  function walk(tokens: Token[], context: ViewValue[]): void {
    for (const [type, value, start, , rest] of tokens) {
      const children = rest as Token[];
      const where = (): string => `${template!.path}:${lineAt(template!.text, start)}`;
      if (type === ">") {
        if (!templates.has(value))
          problems.add(`${where()}: there is no template "${value}"${suggestion(value, templates.keys())}`);
        else check(templates, value, context, problems, [...trail, name]);
        continue;
      }
      if (type !== "name" && type !== "&" && type !== "#" && type !== "^") continue;
      const found = lookup(context, value);
      if (found === undefined) {
        problems.add(`${where()}: unknown name "${value}"${suggestion(value, knownNames(context))}`);
      } else if (type === "name" || type === "&") {
        if (typeof found === "object") problems.add(`${where()}: "${value}" is ${kindOf(found)}, not text`);
      } else if (type === "#") {
        if (Array.isArray(found)) for (const item of found) walk(children, [...context, item]);
        else if (found) walk(children, [...context, found]);
      } else if (!found || (Array.isArray(found) && found.length === 0)) {
        walk(children, context);
      }
    }
  }
}

function parse(template: Template): Token[] {
  try {
    return Mustache.parse(template.text) as unknown as Token[];
  } catch (error) {
    const message = (error as Error).message;
    const at = / at (\d+)$/.exec(message);
    throw new Error(
      `${template.path}${at ? `:${lineAt(template.text, Number(at[1]))}` : ""}: ${message.replace(/ at \d+$/, "")}`,
    );
  }
}

/** Mustache's own rule: the innermost context that has the first part of a dotted name decides. */
function lookup(stack: ViewValue[], name: string): ViewValue | undefined {
  if (name === ".") return stack.at(-1);
  const [first, ...rest] = name.split(".");
  for (let i = stack.length - 1; i >= 0; i--) {
    const own = property(stack[i]!, first!);
    if (own === undefined) continue;
    return rest.reduce<ViewValue | undefined>(
      (value, part) => (value === undefined ? undefined : property(value, part)),
      own,
    );
  }
  return undefined;
}

function property(value: ViewValue, name: string): ViewValue | undefined {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  const found = (value as View)[name];
  if (typeof found === "function")
    throw new Error(`the view holds a function under "${name}"; templates take plain values`);
  return found;
}

function knownNames(stack: ViewValue[]): string[] {
  return stack.flatMap((value) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? names(value as View, "") : [],
  );
}

const names = (view: View, prefix: string): string[] =>
  Object.entries(view).flatMap(([name, value]) => [
    prefix + name,
    ...(value !== null && typeof value === "object" && !Array.isArray(value)
      ? names(value as View, `${prefix}${name}.`)
      : []),
  ]);

const kindOf = (value: ViewValue): string => (value === null ? "null" : Array.isArray(value) ? "a list" : "a section");
const lineAt = (text: string, position: number): number => text.slice(0, position).split("\n").length;

function suggestion(name: string, known: Iterable<string>): string {
  const list = [...known];
  const near = nearest(name, list);
  return near
    ? ` (did you mean "${near}"?)`
    : list.length > 0
      ? ` (known: ${[...new Set(list)].sort().join(", ")})`
      : "";
}
