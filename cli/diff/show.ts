/** Formats of `diff`. */

import type { Compared } from "../../infra/preview/compare.ts";
import { html } from "../../infra/preview/html.ts";
import { markdown } from "../../infra/preview/markdown.ts";
import { type Paint, text } from "../../infra/preview/text.ts";
import { UsageError } from "../errors.ts";

export const FORMATS = ["text", "markdown", "json", "html"] as const;
export type Format = (typeof FORMATS)[number];

const EXTENSIONS: Record<string, Format> = {
  txt: "text",
  diff: "text",
  md: "markdown",
  markdown: "markdown",
  json: "json",
  html: "html",
  htm: "html",
};

/** By the name of the file. @throws UsageError for a name that says nothing. */
export function formatOf(file: string): Format {
  const extension = /\.([^./]+)$/.exec(file)?.[1]?.toLowerCase() ?? "";
  const format = EXTENSIONS[extension];
  if (!format)
    throw new UsageError(
      `--out: the name ${file} does not say the format. End it in .md, .html, .json or .txt, or give --format.`,
    );
  return format;
}

export interface Frame {
  base: string;
  head: string;
  notes: string[];
  /** What is against a policy. */
  against: string[];
  fullText: string;
  limit?: number;
  paint?: Paint;
}

export function show(stacks: Compared[], format: Format, frame: Frame): string {
  switch (format) {
    case "text":
      return text(stacks, frame);
    case "markdown":
      return markdown(stacks, frame);
    case "html":
      return html(stacks, frame);
    case "json": {
      const { base, head, notes, against } = frame;
      const all = stacks.map(({ comparison, groups }) => ({ ...comparison, groups }));
      // What decides comes first: refused plans, then what is against a policy.
      const refused = stacks.flatMap(({ comparison: { stack, plan } }) =>
        plan.problems.map((problem) => ({ stack, problem })),
      );
      return `${JSON.stringify({ version: 1, refused, against, base, head, notes, stacks: all }, null, 2)}\n`;
    }
    default:
      return format satisfies never;
  }
}
