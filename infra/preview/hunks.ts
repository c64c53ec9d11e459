/**
 * Unified diffs of two configuration texts.
 *
 * Columns of rendered files are aligned, so one longer word moves every line of a table. Lines that differ only in
 * blanks between words count as equal and are told as a number; blanks at the start of a line and in quotes do not.
 */

import { diffArrays } from "diff";
import { commonLines, countLines, linesAfter, linesBefore } from "./common.ts";
import { Memo } from "./memo.ts";

const CONTEXT = 3;

export interface LineDiff {
  additions: number;
  deletions: number;
  /** Lines that differ in alignment only; shown as they are after the change. */
  realigned: number;
  /** "--- a", "+++ b", then hunks; ends with a line break. "" when nothing but alignment differs. */
  text: string;
  /** Removed and added lines only, with their sign: what identifies the change whatever is around it. */
  changed: string[];
}

interface Line {
  sign: " " | "-" | "+";
  text: string;
  /** The other side's text differs in alignment. */
  realigned?: boolean;
}

/** @param names what stands after "---" and "+++" */
export function lineDiff(before: string, after: string, names: [before: string, after: string]): LineDiff {
  if (before === after) return { additions: 0, deletions: 0, realigned: 0, text: "", changed: [] };
  // Files can be long, and are mostly equal: only what is around the change is taken apart.
  const { start, end } = commonLines(before, after);
  const from = linesBefore(before, start, CONTEXT);
  const part = (text: string): string => text.slice(from, linesAfter(text, text.length - end, CONTEXT));
  const { hunks: shown, ...diff } = partDiff(part(before), part(after), countLines(before, from));
  return { ...diff, text: shown.length === 0 ? "" : [`--- ${names[0]}`, `+++ ${names[1]}`, ...shown, ""].join("\n") };
}

type PartDiff = Omit<LineDiff, "text"> & { hunks: string[] };

/** Hosts of a fleet change alike: the same part is taken apart once. */
const known = new Memo<PartDiff>();

/** @param offset lines of the file before the part */
function partDiff(before: string, after: string, offset: number): PartDiff {
  return known.get(`${offset}\0${before}\0${after}`, () => {
    const [a, b] = [linesOf(before), linesOf(after)];
    const shortest = Math.min(a.length, b.length);
    const equal = (x: string, y: string): boolean => x === y || unaligned(x) === unaligned(y);
    let start = 0;
    while (start < shortest && equal(a[start]!, b[start]!)) start++;
    let end = 0;
    while (end < shortest - start && equal(a[a.length - 1 - end]!, b[b.length - 1 - end]!)) end++;
    const lead = Math.max(0, start - CONTEXT);
    const trail = Math.min(end, CONTEXT);
    const lines = [
      ...common(a.slice(lead, start), b.slice(lead, start)),
      ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
      ...common(last(a, end).slice(0, trail), last(b, end).slice(0, trail)),
    ];
    const changed = lines.filter(({ sign }) => sign !== " ").map(({ sign, text }) => sign + text);
    const additions = lines.filter(({ sign }) => sign === "+").length;
    const realigned =
      differing(a.slice(0, lead), b.slice(0, lead)) +
      lines.filter((line) => line.realigned).length +
      differing(last(a, end).slice(trail), last(b, end).slice(trail));
    return {
      additions,
      deletions: changed.length - additions,
      realigned,
      changed,
      hunks: changed.length === 0 ? [] : hunks(lines, offset + lead),
    };
  });
}

const last = (lines: string[], count: number): string[] => lines.slice(lines.length - count);
const common = (a: string[], b: string[]): Line[] =>
  b.map((text, i) => ({ sign: " ", text, realigned: text !== a[i] }));
const differing = (a: string[], b: string[]): number => a.filter((text, i) => text !== b[i]).length;

const unalignedLines = new Memo<string>();

/** A line without the width of its blanks between words; quoted text and indentation stay as they are. */
function unaligned(line: string): string {
  if (!line.includes("  ") && !line.includes("\t")) return line;
  return unalignedLines.get(line, () => {
    const indent = /^[ \t]*/.exec(line)![0];
    const words = line.slice(indent.length).replace(/("[^"]*"|'[^']*')|[ \t]+/g, (_, quoted?: string) => quoted ?? " ");
    return indent + words;
  });
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
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  for (const { count, added, removed } of diffArrays(a.map(unaligned), b.map(unaligned))) {
    if (removed) lines.push(...a.slice(i, i + count).map((text): Line => ({ sign: "-", text })));
    else if (added) lines.push(...b.slice(j, j + count).map((text): Line => ({ sign: "+", text })));
    else lines.push(...common(a.slice(i, i + count), b.slice(j, j + count)));
    if (!added) i += count;
    if (!removed) j += count;
  }
  return lines;
}

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
    const [old, fresh] = [
      part.filter(({ sign }) => sign !== "+").length,
      part.filter(({ sign }) => sign !== "-").length,
    ];
    result.push(`@@ -${range(a, old)} +${range(b, fresh)} @@`);
    for (const { sign, text } of part) result.push(sign + text);
    a += old;
    b += fresh;
    i = end;
  }
  return result;
}

/** A range without lines names the line before it. */
const range = (before: number, count: number): string =>
  `${count === 0 ? before : before + 1}${count === 1 ? "" : `,${count}`}`;

function nearChange(lines: Line[]): boolean[] {
  const near = lines.map(() => false);
  lines.forEach(({ sign }, i) => {
    if (sign !== " ") near.fill(true, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
  });
  return near;
}
