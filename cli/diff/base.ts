/** The base side: rendered by the base's own code, templates and locked dependencies. */

import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { localStateDir } from "../../infra/platforms/local.ts";
import { type Bundle, readBundle } from "../../infra/preview/bundle.ts";
import { PLAN_VERSION, type PlanFile } from "../../infra/preview/plan-file.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import type { RenderedFleet, Side } from "../../infra/preview/types.ts";
import { short } from "./git.ts";
import type { Worktree } from "./worktree.ts";

/** What the base's programs may see of the environment: nothing that could be a credential. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|TEMP|SHELL|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|NODE_DISABLE_COMPILE_CACHE|(https?|no)_proxy|npm_config_(?!.*(auth|token|password)).*)$/i;
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

/** @param stack name of the stack */
export async function renderBase({ worktree, commit, root }: BaseTools, stack: string): Promise<Side> {
  const stackFile = path.join(worktree.root, `Pulumi.${stack}.yaml`);
  const content = readIfThere(stackFile);
  if (content === undefined) return { kind: "absent" };
  const render = async (out: string, ...more: string[]): Promise<string | undefined> => {
    const words = [path.join(worktree.root, "cli/pgfleet.js"), "render", "--stack", stack, "--out", out, ...more];
    // A folder that depends on where the project is must not differ only because the base is elsewhere.
    const state = { PGFLEET_STATE_DIR: localStateDir({ stack }, root) };
    const { code, output } = await run(process.execPath, words, worktree.root, state);
    return code === 0 ? undefined : withoutPlace(output, worktree);
  };
  const out = path.join(worktree.scratch, stack);
  let rendered: Bundle | undefined;
  if (fs.existsSync(path.join(worktree.root, WRITES_BUNDLES))) {
    const problem = await render(`${out}.bundle`, "--bundle");
    if (problem !== undefined) return { kind: "failed", problem };
    rendered = readBundle(fs.readFileSync(`${out}.bundle`));
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

async function run(
  program: string,
  words: string[],
  folder: string,
  more: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED.test(name))),
    NO_COLOR: "1",
    ...more,
  };
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const add = (text: string): void => {
      output = (output + text).slice(-1_000_000);
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => program === "npm" && add(text));
    child.stderr.setEncoding("utf8").on("data", add);
    const stop = (): void => void child.kill();
    process.once("exit", stop);
    child.on("error", (error) => resolve({ code: 127, output: `${program} cannot be run: ${error.message}` }));
    child.on("close", (code, signal) => {
      process.removeListener("exit", stop);
      resolve({ code: code ?? 1, output: signal ? `${output}\nended by ${signal}` : output });
    });
  });
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
