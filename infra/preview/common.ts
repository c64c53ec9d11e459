/** What two long texts have in common at their ends, without looking at each line. */

/** How much of both texts, in characters, is the same at the start and at the end; in whole lines, never overlapping. */
export function commonLines(a: string, b: string): { start: number; end: number } {
  const shortest = Math.min(a.length, b.length);
  const start = longest(shortest, (from, to) => a.slice(from, to) === b.slice(from, to));
  const wholeStart = start === a.length && start === b.length ? start : lineStart(a, start);
  const [la, lb] = [a.length, b.length];
  const end = longest(shortest - wholeStart, (from, to) => a.slice(la - to, la - from) === b.slice(lb - to, lb - from));
  return { start: wholeStart, end: end === 0 ? 0 : wholeEnd(a, b, end) };
}

/** The largest length up to `most` for which all is the same; `same` looks at the part from one length to another. */
function longest(most: number, same: (from: number, to: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (same(low, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

const lineStart = (text: string, position: number): number =>
  position <= 0 ? 0 : text.lastIndexOf("\n", position - 1) + 1;

/** Of `end` common characters those that are whole lines in both texts. */
function wholeEnd(a: string, b: string, end: number): number {
  const begins = (text: string): boolean => end === text.length || text[text.length - end - 1] === "\n";
  if (begins(a) && begins(b)) return end;
  const line = a.indexOf("\n", a.length - end);
  return line < 0 ? 0 : a.length - line - 1;
}

export function countLines(text: string, until: number): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < until; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

/** Where the line begins that is `count` lines before the one at `position`. */
export function linesBefore(text: string, position: number, count: number): number {
  let at = position;
  for (let i = 0; i < count && at > 0; i++) at = lineStart(text, at - 1);
  return at;
}

/** Where the line begins that is `count` lines after the one at `position`. */
export function linesAfter(text: string, position: number, count: number): number {
  let at = position;
  for (let i = 0; i < count && at < text.length; i++) {
    const next = text.indexOf("\n", at);
    at = next < 0 ? text.length : next + 1;
  }
  return at;
}
