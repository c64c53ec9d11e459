/**
 * Writes a template with a view in one walk, as Mustache does, from Mustache's own tokens.
 *
 * Only what needs no explanation is written here: at the first name that is missing or no text it gives up, and the
 * check that names every problem takes over. Large fleets render thousands of files from a few templates.
 */

import Mustache from "mustache";
import type { Template, Templates, Token, View, ViewValue } from "./template.ts";

type Node =
  | { kind: "text"; text: string }
  | { kind: "value"; path: string[] }
  /** `once`: it holds texts and one `{{.}}`, so a list of texts is joined. */
  | { kind: "section" | "inverted"; path: string[]; children: Node[]; once?: [before: string, after: string] }
  | { kind: "partial"; name: string; indentation: string };

/** Deeper than any template that does not include itself. */
const MAX_DEPTH = 64;
const GIVE_UP = Symbol("give up");

/** @returns undefined when something is wrong with the template or the view. */
export function writeTemplate(templates: Templates, name: string, view: View): string | undefined {
  try {
    return write(templates, nodesOf(templates, name, ""), [view], 0);
  } catch (error) {
    if (error === GIVE_UP) return undefined;
    throw error;
  }
}

function write(templates: Templates, nodes: readonly Node[], stack: ViewValue[], depth: number): string {
  if (depth > MAX_DEPTH) throw GIVE_UP;
  let text = "";
  for (const node of nodes) {
    switch (node.kind) {
      case "text":
        text += node.text;
        break;
      case "value": {
        const value = lookup(stack, node.path);
        if (typeof value === "object") throw GIVE_UP;
        text += value;
        break;
      }
      case "section":
        text += writeSection(templates, node, lookup(stack, node.path), stack, depth);
        break;
      case "inverted": {
        const value = lookup(stack, node.path);
        if (!value || (Array.isArray(value) && value.length === 0))
          text += write(templates, node.children, stack, depth + 1);
        break;
      }
      case "partial":
        text += write(templates, nodesOf(templates, node.name, node.indentation), stack, depth + 1);
        break;
      default:
        node satisfies never;
    }
  }
  return text;
}

function writeSection(
  templates: Templates,
  { children, once }: Extract<Node, { kind: "section" | "inverted" }>,
  value: ViewValue,
  stack: ViewValue[],
  depth: number,
): string {
  if (!value) return "";
  if (!Array.isArray(value)) {
    if (value === true) return write(templates, children, stack, depth + 1);
    return write(templates, children, [...stack, value], depth + 1);
  }
  if (once && value.length > 0 && value.every(isText)) return once[0] + value.join(once[1] + once[0]) + once[1];
  let text = "";
  for (const item of value) text += write(templates, children, [...stack, item], depth + 1);
  return text;
}

const isText = (value: unknown): boolean => typeof value === "string" || typeof value === "number";

/** The innermost context that has the first part of the name decides, as in the check. */
function lookup(stack: readonly ViewValue[], path: readonly string[]): ViewValue {
  if (path.length === 0) return stack.at(-1)!;
  const first = path[0]!;
  for (let i = stack.length - 1; i >= 0; i--) {
    let value = own(stack[i]!, first);
    if (value === undefined) continue;
    for (let part = 1; part < path.length; part++) {
      value = own(value, path[part]!);
      if (value === undefined) throw GIVE_UP;
    }
    return value;
  }
  throw GIVE_UP;
}

function own(value: ViewValue, name: string): ViewValue | undefined {
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
  const found = (value as View)[name];
  if (typeof found === "function") throw GIVE_UP;
  return found;
}

const compiled = new WeakMap<Template, Map<string, Node[]>>();

function nodesOf(templates: Templates, name: string, indentation: string): Node[] {
  const template = templates.get(name);
  if (!template) throw GIVE_UP;
  let variants = compiled.get(template);
  if (!variants) {
    variants = new Map();
    compiled.set(template, variants);
  }
  let nodes = variants.get(indentation);
  if (!nodes) {
    nodes = parsed(indented(template.text, indentation)).map(nodeOf);
    variants.set(indentation, nodes);
  }
  return nodes;
}

function parsed(text: string): Token[] {
  try {
    return shown(Mustache.parse(text) as unknown as Token[]);
  } catch {
    throw GIVE_UP;
  }
}

const SHOWN = new Set(["text", "name", "&", "#", "^", ">"]);
const shown = (tokens: readonly Token[]): Token[] => tokens.filter(([type]) => SHOWN.has(type));

/** As Mustache does: every line of a partial that stands alone in its line moves with it. */
function indented(text: string, indentation: string): string {
  if (indentation === "") return text;
  return text
    .split("\n")
    .map((line) => (line === "" ? line : indentation + line))
    .join("\n");
}

function nodeOf([type, value, , , rest, tagIndex, lineHasNonSpace]: Token): Node {
  switch (type) {
    case "text":
      return { kind: "text", text: value };
    case ">": {
      // Written within a line it is rare enough to be left to Mustache.
      const indentation = tagIndex === 0 && typeof rest === "string" ? rest : "";
      if (indentation !== "" && (lineHasNonSpace || /[^ \t]/.test(indentation))) throw GIVE_UP;
      return { kind: "partial", name: value, indentation };
    }
    case "#":
    case "^": {
      const children = shown(rest as Token[]).map(nodeOf);
      const node: Node = { kind: type === "#" ? "section" : "inverted", path: pathOf(value), children };
      const dots = children.filter((child) => child.kind === "value" && child.path.length === 0);
      if (dots.length === 1 && children.every((child) => child.kind === "text" || child === dots[0])) {
        const at = children.indexOf(dots[0]!);
        node.once = [textOf(children.slice(0, at)), textOf(children.slice(at + 1))];
      }
      return node;
    }
    default:
      return { kind: "value", path: pathOf(value) };
  }
}

const pathOf = (name: string): string[] => (name === "." ? [] : name.split("."));
const textOf = (nodes: readonly Node[]): string =>
  nodes.map((node) => (node.kind === "text" ? node.text : "")).join("");
