/** Texts made safe for GitHub-flavoured Markdown. */

/** For a paragraph, a list item or a table cell: nothing in it is markup, a mention or a line break. */
export function inline(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[\\`*_{}[\]|~#]/g, (mark) => `\\${mark}`)
    .replace(/@(?=\w)/g, "@<!-- -->")
    .replace(/\s+/g, " ")
    .trim();
}

/** Text whose `code` in backticks stays code; the rest is inline. */
export function withCode(text: string): string {
  return text
    .split(/(`[^`\n]+`)/)
    .map((part, i) => (i % 2 === 1 ? code(part.slice(1, -1)) : part === "" ? "" : keepEnds(part, inline(part))))
    .join("");
}

const keepEnds = (from: string, text: string): string =>
  `${/^\s/.test(from) ? " " : ""}${text}${/\s$/.test(from) ? " " : ""}`;

/** A code span; "|" is escaped since tables split before they look at code. */
export function code(text: string): string {
  const clean = text.replace(/\s+/g, " ").replaceAll("|", "\\|");
  if (clean.trim() === "") return "&nbsp;";
  const longest = Math.max(0, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const ticks = "`".repeat(longest + 1);
  const pad = /^`|`$/.test(clean) ? " " : "";
  return ticks + pad + clean + pad + ticks;
}

/** For text inside HTML tags, as in a summary. */
export function html(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/@(?=\w)/g, "@<!-- -->");
}

/** A fence that nothing in the lines can close. */
export function fence(lines: readonly string[]): string {
  let longest = 2;
  for (const line of lines) for (const run of line.match(/`{3,}/g) ?? []) longest = Math.max(longest, run.length);
  return "`".repeat(longest + 1);
}
