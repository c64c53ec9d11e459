/** Reads the template tree: the only I/O of this room. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { nearest } from "../config/suggest.ts";
import type { Template, Templates } from "./template.ts";

const SUFFIX = ".mustache";

/**
 * Reads every `*.mustache` under `directory`.
 *
 * @param directory The project's `templates/`.
 * @param overlay A folder of the same layout whose files stand in for the project's own, one by one. It can only
 *   replace: a file that the project does not have is an error, since it would never be used.
 */
export function loadTemplates(directory: string, overlay?: string): Templates {
  const templates = read(directory);
  if (templates.size === 0) throw new Error(`no ${SUFFIX} files in ${directory}`);
  if (overlay === undefined) return templates;
  const unused: string[] = [];
  for (const [name, template] of read(overlay)) {
    if (templates.has(name)) templates.set(name, template);
    else unused.push(`${template.path} replaces nothing: ${describe(name, templates)}`);
  }
  if (unused.length > 0) throw new Error(unused.join("\n"));
  return templates;
}

/**
 * Templates of a project: its `templates/`, and over them `templates.overlay/` when that folder is there.
 *
 * @param root folder of Pulumi.yaml
 */
export function projectTemplates(root: string): Templates {
  const overlay = join(root, "templates.overlay");
  return loadTemplates(join(root, "templates"), existsSync(overlay) ? overlay : undefined);
}

function read(directory: string): Map<string, Template> {
  const templates = new Map<string, Template>();
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(SUFFIX));
  for (const file of files.sort()) {
    const name = file.slice(0, -SUFFIX.length);
    templates.set(name, { path: `${basename(directory)}/${file}`, text: readFileSync(join(directory, file), "utf8") });
  }
  return templates;
}

function describe(name: string, templates: Templates): string {
  const near = nearest(name, [...templates.keys()]);
  return `there is no template "${name}"${near ? `; the nearest is "${near}"` : ""}`;
}
