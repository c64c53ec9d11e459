/** Blocks that a message is made of. */

import type { Block } from "./fit.ts";
import { fence, withCode } from "./markdown-text.ts";

/** "3 lines" → what stands in their place. */
export type More = (what: string) => string;
export const plain =
  (more: More): More =>
  (what) =>
    more(what).trim();

export const section = (open: string, content: (string | Block)[], close: string, note: More): Block => ({
  open,
  content,
  close,
  note,
});

export function quoted(title: string, lines: string[], more: More): (string | Block)[] {
  if (lines.length === 0) return [`${withCode(title)}.`, ""];
  const ticks = fence(lines);
  return [`${withCode(title)}:`, "", section(`${ticks}text\n`, lines, `${ticks}\n\n`, plain(more))];
}

export function alert(kind: "WARNING" | "CAUTION", title: string, lines: readonly string[], more: More): Block {
  const open = `> [!${kind}]\n${title === "" ? "" : `> ${withCode(title)}\n>\n`}`;
  return section(
    open,
    lines.map((line) => `> - ${withCode(line)}`),
    "\n",
    (what) => `> - ${plain(more)(what)}`,
  );
}
