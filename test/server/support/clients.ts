/** Clients of test/clients/ that applications use: installed from npm when they are first needed, run as a program each. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, "../../..");
const SOURCE = path.join(ROOT, "test/clients");
const CACHE = path.join(ROOT, "node_modules/.cache/test-clients");
const NODE = path.join(ROOT, "node_modules/.bin/node");
const PACKAGE_FILES = ["package.json", "package-lock.json"];
const RUN_LIMIT_MS = 100_000;

/** Folder with their node_modules; undefined, and a loud line saying why, when npm's registry does not give them. */
export async function installedClients(): Promise<string | undefined> {
  const lock = readFileSync(path.join(SOURCE, "package-lock.json"));
  const folder = path.join(CACHE, createHash("sha256").update(lock).digest("hex").slice(0, 16));
  if (existsSync(folder)) return folder;
  const part = `${folder}.part-${process.pid}`;
  try {
    mkdirSync(part, { recursive: true });
    for (const file of PACKAGE_FILES) copyFileSync(path.join(SOURCE, file), path.join(part, file));
    // Without their scripts: those would fetch binaries from elsewhere, and none is needed.
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: part });
    if (!existsSync(folder)) renameSync(part, folder);
    return folder;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const lines = (stderr || message).split("\n").filter((line) => line !== "");
    console.warn(`SKIPPED: no clients to test with: npm ci of test/clients failed: ${lines.slice(0, 3).join(" | ")}`);
    return undefined;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

export interface ClientFolder {
  folder: string;
  /** Runs a program of test/clients with Node; what it reports. @throws with its errors when it fails */
  report(script: string, environment: Record<string, string>): Promise<unknown>;
  /** Runs Prisma's command line; all that it says. */
  prisma(args: string[], environment: Record<string, string>): Promise<string>;
}

/** The sources with settings of their own beside them. @param settings text of settings.ts; others by their name */
export function clientFolder(installed: string, files: Record<string, string>): ClientFolder {
  // Not in node_modules: there, Node runs no TypeScript.
  const folder = mkdtempSync(path.join(tmpdir(), "pgfleet-client-"));
  cpSync(SOURCE, folder, { recursive: true });
  symlinkSync(path.join(installed, "node_modules"), path.join(folder, "node_modules"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const node = async (args: string[], environment: Record<string, string>): Promise<string> => {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      ...environment,
    };
    try {
      const { stdout, stderr } = await run(NODE, args, { cwd: folder, env, timeout: RUN_LIMIT_MS });
      return `${stderr}\n${stdout}`;
    } catch (error) {
      const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string };
      throw new Error(`${message}\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  return {
    folder,
    report: async (script, environment) =>
      JSON.parse((await node([script], environment)).trim().split("\n").at(-1)!) as unknown,
    prisma: (args, environment) => node(["node_modules/prisma/build/index.js", ...args], environment),
  };
}
