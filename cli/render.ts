/** `pgfleet render`: the exact files that `up` would install, and plan.json, without the engine. */

import { readFileSync } from "node:fs";
import * as path from "node:path";
import { type Command, Option } from "commander";
import { didYouMean } from "../infra/config/suggest.ts";
import type { Fleet } from "../infra/fleet.ts";
import { renderLayouts } from "../infra/platforms/platform.ts";
import { renderedFleet } from "../infra/preview/rendered.ts";
import { secretValues } from "../infra/preview/secrets.ts";
import { loadTemplates } from "../infra/rendering/templates.ts";
import { UsageError } from "./errors.ts";
import { loadStack, planStack, ROOT } from "./load.ts";
import { print, type StackOptions, warn, withStack } from "./options.ts";
import { type OutputFile, writeFolder } from "./render/output-folder.ts";
import { filePath, planJson } from "./render/plan-json.ts";
import { writeBundle } from "./render/write-bundle.ts";

interface RenderOptions extends StackOptions {
  out: string;
  host?: string;
  bundle: boolean;
}

export function register(program: Command): void {
  withStack(program.command("render"))
    .description("write the files that `up` would install, one folder per host, and plan.json")
    .requiredOption(
      "-o, --out <folder>",
      "folder to write; made if it is not there, replaced if an earlier render made it",
    )
    .option("--host <name>", "this host only")
    .addOption(
      new Option(
        "--bundle",
        "for `pgfleet diff`: write one file instead, but for texts whose SHA-256 stands in a line of standard input",
      ).default(false),
    )
    .addHelpText(
      "after",
      "\nSecrets are placeholders: @@secret:<role>.password|<kind of file>@@. No engine, state or passphrase is needed.",
    )
    .action(render);
}

function render(options: RenderOptions): void {
  const { spec, warnings, content } = loadStack(options.stack, ROOT, options.configFile);
  warn(warnings);
  const names = spec.hosts.map((host) => host.name);
  if (options.host !== undefined && !names.includes(options.host)) {
    throw new UsageError(
      `--host: stack ${spec.stack} has no host "${options.host}".${didYouMean(options.host, names)} It has ${names.join(", ")}.`,
    );
  }
  const fleet = planStack(spec, renderLayouts(spec, ROOT));
  const hosts = options.host === undefined ? names : [options.host];
  if (options.bundle) {
    const rendered = renderedFleet(fleet, warnings, hosts);
    const known = new Set(readFileSync(0, "utf8").split("\n"));
    writeBundle(path.resolve(options.out), rendered, secretValues(content), known);
    return;
  }
  const files = renderedFiles(fleet, hosts, warnings);
  writeFolder(path.resolve(options.out), files);
  const count = files.length - 1;
  print(`${count} files of ${hosts.length} host${hosts.length === 1 ? "" : "s"} and plan.json in ${options.out}`);
}

/** Every file of these hosts and plan.json; the same input gives the same bytes. */
export function renderedFiles(fleet: Fleet, hosts: readonly string[], warnings: readonly string[]): OutputFile[] {
  const files = hosts.flatMap((name) =>
    fleet.plans.get(name)!.components.flatMap((component) =>
      component.files.map((file) => ({
        path: filePath(name, component.name, file.path),
        body: file.body,
        mode: file.mode,
      })),
    ),
  );
  const plan = planJson(fleet, loadTemplates(path.join(ROOT, "templates")), hosts, warnings);
  return [...files, { path: "plan.json", body: `${JSON.stringify(plan, null, 2)}\n`, mode: "0644" }];
}
