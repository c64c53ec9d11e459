/** The section of a host, or of hosts with the same changes: parameters, then files. */

import type { Block } from "./fit.ts";
import { type More, plain, section } from "./markdown-blocks.ts";
import { code, fence, html, inline } from "./markdown-text.ts";
import type { FileComparison, HostComparison, ParameterComparison } from "./types.ts";
import { count, fileText, list, plusMinus } from "./words.ts";

/** Hosts with the same changes, shown with the first one's files. */
export function hostBlock(group: HostComparison[], more: More): Block {
  const host = group[0]!;
  const summary = `<b>${html(list(group.map(({ name }) => name)))}</b>: ${summaryOf(host)}`;
  const content: (string | Block)[] = [];
  if (group.length > 1) content.push(`The same on ${count(group.length, "host")}, shown for ${code(host.name)}.`, "");
  if (host.renamedFrom)
    content.push(
      `Renamed from ${code(host.renamedFrom)}${host.files.length === 0 ? "; the content of its files is unchanged" : ""}.`,
      "",
    );
  if (host.parameters.length > 0) content.push(section("", [...parameterTable(host.parameters), ""], "", more));
  if (host.change === "removed")
    content.push(
      section("", [...host.files.map(({ path, deletions }) => `- ${code(path)} (−${deletions})`), ""], "", more),
    );
  else
    content.push(
      ...likeBlocks(host, more),
      ...host.files.flatMap((file) => (isLike(file) ? [] : [fileBlock(file, more)])),
    );
  return section(`<details><summary>${summary}</summary>\n\n`, content, "\n</details>\n\n", more);
}

/** "3 files +5 −5, reload". */
function summaryOf(host: HostComparison): string {
  const what = host.change === "changed" ? "" : `${host.change}, `;
  const files = host.files.length > 0 ? `${count(host.files.length, "file")} ${plusMinus(lines(host))}, ` : "";
  return html(`${what}${files}${host.effect}`);
}

function parameterTable(parameters: ParameterComparison[]): string[] {
  return [
    "| Parameter | Before | After | Needs | Why |",
    "|---|---|---|---|---|",
    ...parameters.map(({ name, before, after, class: needs, cause, reason }) => {
      const value = (text: string | null): string => (text === null ? "*not set*" : code(shorten(text)));
      const why = inline(reason ? `${cause}: ${reason}` : cause);
      return `| ${code(name)} | ${value(before)} | ${value(after)} | ${needs.replace("-", " ")} | ${why} |`;
    }),
  ];
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}…` : text);

/** Known from another host, or another host's with a few lines changed: less to read than the whole file. */
const isLike = ({ like, diff }: FileComparison): boolean => like !== undefined && like.diff.length < diff.length;

/** Files of a new host against those of a host of its kind. */
function likeBlocks({ files }: HostComparison, more: More): (string | Block)[] {
  const like = files.filter(isLike);
  const same = like.filter((file) => file.like!.diff === "");
  const other = like.filter((file) => file.like!.diff !== "");
  if (like.length === 0) return [];
  const model = code(like[0]!.like!.host);
  const result: (string | Block)[] = [];
  if (same.length > 0)
    result.push(
      `As on ${model}, but for names and addresses: ${same.map(({ path }) => code(path)).join(", ")}.`,
      "",
      plain(more)(`${count(same.length, "whole file")}`),
      "",
    );
  if (other.length > 0) result.push(`Otherwise than on ${model}:`, "");
  for (const { path, like: against } of other)
    result.push(diffBlock(`${code(path)} ${plusMinus(against!)}`, against!.diff, more));
  return result;
}

function diffBlock(head: string, diff: string, more: More): Block {
  const lines = diff.trimEnd().split("\n");
  const ticks = fence(lines);
  return section(`${head}\n\n${ticks}diff\n`, lines, `${ticks}\n\n`, plain(more));
}

function fileBlock(file: FileComparison, more: More): Block {
  const head = `${code(file.path)} ${fileText(file)}`;
  return file.diff === "" ? section(`${head}\n\n`, [], "", more) : diffBlock(head, file.diff, more);
}

export const lines = (host: HostComparison): { additions: number; deletions: number } => ({
  additions: host.files.reduce((sum, file) => sum + file.additions, 0),
  deletions: host.files.reduce((sum, file) => sum + file.deletions, 0),
});
