/** Finding keys in a parsed YAML document, and wording its errors. */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import type { Path } from "./problems.ts";

/** Line of the key at this path, or of the nearest thing above it that exists. */
export function nodeLine(document: Document, lines: LineCounter, path: Path): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const part of path) {
    node = isAlias(node) ? node.resolve(document) : node;
    if (isMap(node)) {
      const pair = pairOf(document, node, String(part));
      if (pair === undefined) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined;
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function pairOf(document: Document, map: YAMLMap, name: string): Pair | undefined {
  const named = (key: string): Pair | undefined =>
    map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  const own = named(name);
  if (own !== undefined) return own;
  const merged = map.items.filter(
    (pair) => isScalar(pair.key) && (pair.key.source === "<<" || String(pair.key.value) === "Symbol(<<)"),
  );
  for (const { value } of merged) {
    for (const source of isSeq(value) ? value.items : [value]) {
      const target = isAlias(source) ? source.resolve(document) : source;
      const found = isMap(target) ? pairOf(document, target, name) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

export const aliasMessage =
  "has a * or & that YAML reads as an alias, of a name that is not there. Put the value in quotes.";

const messages: Record<string, string> = {
  BAD_INDENT: "is not indented like the lines around it. Keys of one map start in the same column.",
  TAB_AS_INDENT: "is indented with a tab, which YAML does not allow. Use spaces.",
  DUPLICATE_KEY: "has a key that is in this map already. Remove one of the two.",
  MULTIPLE_DOCS: 'has a second document (a line "---"). A stack file is one document.',
  MISSING_CHAR:
    "lacks a character: a quote, bracket or comma that was opened and not closed, or the space behind a colon.",
  UNEXPECTED_TOKEN: "is not YAML here: a character that YAML reads as syntax. Put the value in quotes.",
  MULTILINE_IMPLICIT_KEY:
    "has a key that goes over several lines; a quote or a colon is missing, here or on the line before.",
  BLOCK_AS_IMPLICIT_KEY: 'has two ": " on one line. Put the value in quotes, or the inner map on lines of its own.',
  BAD_ALIAS: aliasMessage,
  TAG_RESOLVE_FAILED: "has a tag (!name) that is not known. Put the value in quotes.",
  BAD_SCALAR_START: "has a value that starts with a character YAML keeps for itself. Put it in quotes.",
};

/** Says what is wrong without quoting the file: the line may hold a secret. */
export function yamlMessage(error: YAMLError): string {
  return messages[error.code] ?? `is not valid YAML here (${error.code}).`;
}
