/** The base side: rendered by the base's own code, templates and locked dependencies. */

import * as fs from "node:fs";
import { getCompileCacheDir } from "node:module";
import * as path from "node:path";
import { localStateDir } from "../../infra/platforms/local.ts";
import { type Bundle, readBundle, textsOf } from "../../infra/preview/bundle.ts";
import { PLAN_VERSION, type PlanFile } from "../../infra/preview/plan-file.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import type { RenderedFleet, Side } from "../../infra/preview/types.ts";
import { short } from "./git.ts";
import { run } from "./run.ts";
import type { Worktree } from "./worktree.ts";

/** A base that has it can render into one file. */
const WRITES_BUNDLES = "cli/render/write-bundle.ts";
const SHOWN_LINES = 20;

export interface BaseTools {
  worktree: Worktree;
  commit: string;
  /** The project's folder of the head. */
  root: string;
}

/** Makes the base able to run. @returns what is in the way, in words. */
export async function prepareBase({ worktree, commit, root }: BaseTools): Promise<string | undefined> {
  if (!fs.existsSync(path.join(worktree.root, "cli/pgfleet.js")))
    return `${short(commit)} has no cli/pgfleet.js: it is older than \`pgfleet render\`.`;
  const lock = (folder: string): string | undefined =>
    readIfThere(path.join(folder, "package-lock.json"))?.toString("utf8");
  const modules = path.join(worktree.root, "node_modules");
  if (lock(worktree.root) === lock(root)) {
    fs.symlinkSync(fs.realpathSync(path.join(root, "node_modules")), modules);
    return undefined;
  }
  const words = ["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code, output } = await run("npm", words, worktree.root, {});
  return code === 0
    ? undefined
    : `its dependencies cannot be installed (npm ${words.slice(0, 3).join(" ")}):\n${lastLines(output)}`;
}

/**
 * @param stack name of the stack
 * @param head texts that it has are not handed over; the base renders while they are made
 */
export async function renderBase(
  { worktree, commit, root }: BaseTools,
  stack: string,
  head: Promise<Side>,
): Promise<Side> {
  const stackFile = path.join(worktree.root, `Pulumi.${stack}.yaml`);
  const content = readIfThere(stackFile);
  if (content === undefined) return { kind: "absent" };
  const render = async (out: string, bundled?: Promise<string>): Promise<string | undefined> => {
    const words = [path.join(worktree.root, "cli/pgfleet.js"), "render", "--stack", stack, "--out", out];
    if (bundled) words.push("--bundle");
    // A folder that depends on where the project is must not differ only because the base is elsewhere.
    const state = { PGFLEET_STATE_DIR: localStateDir({ stack }, root) };
    const { code, output } = await run(process.execPath, words, worktree.root, { ...state, ...cache }, bundled);
    return code === 0 ? undefined : withoutPlace(output, worktree);
  };
  const cache = compileCache(worktree);
  const out = path.join(worktree.scratch, stack);
  let rendered: Bundle | undefined;
  if (fs.existsSync(path.join(worktree.root, WRITES_BUNDLES))) {
    const texts = head.then((side) =>
      side.kind === "rendered" ? textsOf(side.fleet.plan) : new Map<string, string>(),
    );
    const known = texts.then((all) => [...all.keys()].join("\n"));
    const problem = await render(`${out}.bundle`, known);
    if (problem !== undefined) return { kind: "failed", problem };
    const [side, paths] = [await head, await texts];
    rendered = readBundle(fs.readFileSync(`${out}.bundle`), (sha256) => {
      const file = paths.get(sha256);
      return file === undefined || side.kind !== "rendered" ? undefined : side.fleet.body(file);
    });
  }
  // A base from before bundles, or one that writes another version of them.
  if (!rendered) {
    const problem = await render(out);
    if (problem !== undefined) return { kind: "failed", problem };
    rendered = { fleet: readFolder(out), secrets: secretValues(content) };
  }
  const { version } = rendered.fleet.plan;
  if (version === PLAN_VERSION) return { kind: "rendered", ...rendered };
  const problem = `${short(commit)} writes plan.json in version ${version}; this tool reads ${PLAN_VERSION}.`;
  return { kind: "failed", problem };
}

/**
 * Node's compile cache of this program, for the base too. What is compiled is found again by its place relative to the
 * cache: through a link beside the worktree that is the same in every run.
 */
function compileCache({ scratch }: Worktree): Record<string, string> {
  const folder = getCompileCacheDir?.();
  if (folder === undefined) return {};
  const [own, link] = [path.join(path.dirname(folder), "pgfleet-base"), path.join(scratch, "compile-cache")];
  try {
    fs.mkdirSync(own, { recursive: true });
    if (!fs.existsSync(link)) fs.symlinkSync(own, link);
  } catch {
    // Somebody else's folder, or a full disk: it takes longer then.
    return {};
  }
  return { NODE_COMPILE_CACHE: link, NODE_COMPILE_CACHE_PORTABLE: "1" };
}

function readFolder(folder: string): RenderedFleet {
  const plan = JSON.parse(fs.readFileSync(path.join(folder, "plan.json"), "utf8")) as PlanFile;
  return { plan, body: (file) => fs.readFileSync(inside(folder, file), "utf8") };
}

function inside(folder: string, file: string): string {
  const full = path.resolve(folder, file);
  if (!full.startsWith(`${folder}${path.sep}`))
    throw new Error(`the base's plan.json names ${JSON.stringify(file)}, outside of its folder`);
  return full;
}

function readIfThere(file: string): Buffer | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file) : undefined;
}

const lastLines = (text: string): string => text.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");

/** Messages name files of the worktree: its place differs with every run and says nothing. */
function withoutPlace(text: string, { root }: Worktree): string {
  return text
    .replaceAll(`${root}${path.sep}`, "")
    .replaceAll(root, ".")
    .replace(/^pgfleet: /, "")
    .trim();
}
