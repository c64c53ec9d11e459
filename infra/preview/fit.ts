/** Text in nested blocks that is cut inside its blocks, evenly, so that the whole fits. */

export interface Block {
  /** Stand first and last, and are never cut: "<details>…" and "</details>". */
  open: string;
  close: string;
  content: (string | Block)[];
  /** What was cut, as a line: "512 lines" → "… 512 lines more: …". `what` counts lines, or sections. */
  note: (what: string) => string;
}

/**
 * Bytes of UTF-8. GitHub's message says characters, pull request bodies count code points, comments were seen to count
 * bytes (262,144): no reading gives more than bytes do.
 */
export const size = (text: string): number => Buffer.byteLength(text);

/** @returns at most `limit` in size, whatever is in the blocks. `tooShort` is used when not even their frames fit. */
export function fitted(block: Block, limit: number, tooShort: string): string {
  if (fullSize(block) <= limit) return full(block);
  if (leastSize(block) <= limit) return cut(block, limit);
  return size(tooShort) <= limit
    ? tooShort
    : Buffer.from(tooShort)
        .subarray(0, limit)
        .toString()
        .replace(/\uFFFD+$/, "");
}

const sizes = new WeakMap<Block, number>();

function fullSize(part: string | Block): number {
  if (typeof part === "string") return size(part) + 1;
  const known = sizes.get(part);
  if (known !== undefined) return known;
  const total = size(part.open) + size(part.close) + part.content.reduce((sum, inner) => sum + fullSize(inner), 0);
  sizes.set(part, total);
  return total;
}

/** Its frame and a note. */
const leastSize = (block: Block): number => size(block.open) + size(block.close) + noteSize(block);
/** Less than this of a section says nothing: then it is rather left out and counted. */
const WORTH = 600;
const worthSize = (block: Block): number => Math.min(fullSize(block), leastSize(block) + WORTH);
/** No count is longer than this. */
const noteSize = (block: Block): number => size(block.note("9,999,999 sections and 9,999,999 lines")) + 1;

function full(part: string | Block): string {
  if (typeof part === "string") return `${part}\n`;
  return part.open + part.content.map(full).join("") + part.close;
}

function cut(block: Block, limit: number): string {
  if (fullSize(block) <= limit) return full(block);
  const room = limit - leastSize(block);
  const shares = distribute(block.content, room);
  let text = block.open;
  const left = { lines: 0, sections: 0 };
  block.content.forEach((part, i) => {
    const share = shares[i]!;
    if (share >= fullSize(part)) text += full(part);
    else if (typeof part !== "string" && share > 0) text += cut(part, share);
    else if (typeof part === "string") left.lines++;
    else left.sections++;
  });
  const words = [
    ...(left.sections > 0 ? [`${left.sections} section${left.sections === 1 ? "" : "s"}`] : []),
    ...(left.lines > 0 ? [`${left.lines} line${left.lines === 1 ? "" : "s"}`] : []),
  ];
  if (words.length > 0) text += `${block.note(words.join(" and "))}\n`;
  return text + block.close;
}

/**
 * Room for each part, in order. Lines are taken from the front and whole. Every section gets a start while there is
 * room, and what is left is shared evenly: short sections stay whole, long ones are cut.
 */
function distribute(parts: (string | Block)[], room: number): number[] {
  const shares = parts.map(() => 0);
  let left = room;
  const sections: number[] = [];
  let stopped = false;
  parts.forEach((part, i) => {
    const least = typeof part === "string" ? fullSize(part) : worthSize(part);
    if (typeof part === "string" ? stopped : false) return;
    if (least > left) {
      if (typeof part === "string") stopped = true;
      return;
    }
    shares[i] = least;
    left -= least;
    if (typeof part !== "string") sections.push(i);
  });
  const wants = sections
    .map((i) => ({ i, more: fullSize(parts[i]!) - shares[i]! }))
    .sort((a, b) => a.more - b.more || a.i - b.i);
  wants.forEach(({ i, more }, at) => {
    const share = Math.min(more, Math.floor(left / (wants.length - at)));
    shares[i]! += share;
    left -= share;
  });
  return shares;
}
