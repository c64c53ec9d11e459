/** What the builders of one host's components work from, and how they make a file. */

import type { FleetSpec, HostSpec } from "../config/spec.ts";
import type { Tuning } from "../tuning/types.ts";
import { secretNames } from "./generation.ts";
import { commentText } from "./quoting.ts";
import { renderTemplate, type Templates, type View } from "./template.ts";
import type { Component, ComponentName, HostLayout, PlannedFile } from "./types.ts";

export interface RenderInput {
  spec: FleetSpec;
  /** Host name → its tuning; every member has one. */
  tunings: ReadonlyMap<string, Tuning>;
  /** Host name → where things are on it; every host has one. */
  layouts: ReadonlyMap<string, HostLayout>;
  templates: Templates;
}

export interface HostInput extends RenderInput {
  host: HostSpec;
  layout: HostLayout;
}

export interface FileFacts {
  /** Default "0640". */
  mode?: string;
  change: PlannedFile["change"];
  /** What begins a comment in this format. Default "#". */
  comment?: string;
  /** Another name for the file than its template's. */
  name?: string;
  /** Another template than the one of the component and the path, e.g. "systemd/program.service". */
  template?: string;
}

/**
 * Renders `templates/<component>/<path>.mustache`. Every template finds `header` (the partial) and what it needs:
 * stack, cluster, host and its own path.
 */
export function renderFile(
  input: HostInput,
  component: ComponentName,
  path: string,
  facts: FileFacts,
  view: View,
): PlannedFile {
  const name = facts.template ?? `${component}/${path}`;
  const written = facts.name ?? path;
  const header: View = {
    file: written,
    comment: facts.comment ?? "#",
    template: input.templates.get(name)?.path ?? name,
    stack: commentText(input.spec.stack),
    stackFile: `Pulumi.${commentText(input.spec.stack)}.yaml`,
    cluster: input.spec.cluster.name,
    host: input.host.name,
  };
  const body = renderTemplate(input.templates, name, { ...view, header });
  return {
    path: written,
    body: body.endsWith("\n") ? body : `${body}\n`,
    mode: facts.mode ?? "0640",
    change: facts.change,
  };
}

export function component(name: ComponentName, files: PlannedFile[]): Component {
  return { name, files, secrets: [...new Set(files.flatMap((file) => secretNames(file.body)))].sort() };
}
