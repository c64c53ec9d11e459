/** Unified diffs of two texts. */

import { diffArrays } from "diff";

const CONTEXT = 3;

export interface LineDiff {
  additions: number;
  deletions: number;
  /** "--- a", "+++ b", then hunks; ends with a line break. "" when the texts are equal. */
  text: string;
  /** Removed and added lines only, with their sign: what identifies the change whatever is around it. */
  changed: string[];
}

type Line = [sign: " " | "-" | "+", text: string];

/** @param names what stands after "---" and "+++" */
export function lineDiff(before: string, after: string, names: [before: string, after: string]): LineDiff {
  if (before === after) return { additions: 0, deletions: 0, text: "", changed: [] };
  const [a, b] = [linesOf(before), linesOf(after)];
  const shortest = Math.min(a.length, b.length);
  let start = 0;
  while (start < shortest && a[start] === b[start]) start++;
  let end = 0;
  while (end < shortest - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  // Only what is around the change is kept: files can be long, and their ends are mostly equal.
  const lead = Math.max(0, start - CONTEXT);
  const trail = Math.min(end, CONTEXT);
  const lines: Line[] = [
    ...a.slice(lead, start).map((text): Line => [" ", text]),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end, a.length - end + trail).map((text): Line => [" ", text]),
  ];
  const changed = lines.filter(([sign]) => sign !== " ").map(([sign, text]) => sign + text);
  const additions = lines.filter(([sign]) => sign === "+").length;
  const text = [`--- ${names[0]}`, `+++ ${names[1]}`, ...hunks(lines, lead), ""].join("\n");
  return { additions, deletions: changed.length - additions, text, changed };
}

/** Lines with a mark on the last one when it has no line break, as diff shows it. */
function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  else lines.push(`${lines.pop()}\n\\ No newline at end of file`);
  return lines;
}

function middle(a: string[], b: string[]): Line[] {
  if (a.length === 0 || b.length === 0) return [...minus(a), ...plus(b)];
  return diffArrays(a, b).flatMap(({ value, added, removed }) =>
    added ? plus(value) : removed ? minus(value) : value.map((text): Line => [" ", text]),
  );
}

const minus = (lines: string[]): Line[] => lines.map((text): Line => ["-", text]);
const plus = (lines: string[]): Line[] => lines.map((text): Line => ["+", text]);

/** @param offset lines of the file before the first of `lines` */
function hunks(lines: Line[], offset: number): string[] {
  const result: string[] = [];
  const near = nearChange(lines);
  let [a, b] = [offset, offset];
  for (let i = 0; i < lines.length; ) {
    if (!near[i]) {
      a++;
      b++;
      i++;
      continue;
    }
    let end = i;
    while (end < lines.length && near[end]) end++;
    const part = lines.slice(i, end);
    const [removed, added] = [part.filter(([s]) => s !== "+").length, part.filter(([s]) => s !== "-").length];
    result.push(`@@ -${range(a, removed)} +${range(b, added)} @@`);
    for (const [sign, text] of part) result.push(sign + text);
    a += removed;
    b += added;
    i = end;
  }
  return result;
}

/** A range without lines names the line before it. */
const range = (before: number, count: number): string =>
  `${count === 0 ? before : before + 1}${count === 1 ? "" : `,${count}`}`;

function nearChange(lines: Line[]): boolean[] {
  const near = lines.map(() => false);
  lines.forEach(([sign], i) => {
    if (sign !== " ") near.fill(true, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
  });
  return near;
}
