/**
 * A PostgreSQL major that no npm package has yet, from Debian's archive: packages of unstable and experimental are unpacked
 * beside each other, with the libraries they were built against, and nothing is installed. Kept in node_modules/.cache.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import type { Major } from "../../infra/config/spec.ts";

const run = promisify(execFile);
const CACHE = path.resolve(import.meta.dirname, "../../node_modules/.cache/debian-postgres");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIBRARIES = "usr/lib/x86_64-linux-gnu";

/** apt with lists and packages of its own; the machine's stay as they are. */
class Archive {
  readonly #options: string[];
  readonly packages: string;

  constructor(folder: string, source: string) {
    this.packages = path.join(folder, "packages");
    for (const sub of ["lists/partial", "cache/archives/partial", "packages"])
      mkdirSync(path.join(folder, sub), { recursive: true });
    writeFileSync(path.join(folder, "sources.list"), source);
    const own = {
      "Dir::State::lists": path.join(folder, "lists"),
      "Dir::State::status": "/dev/null",
      "Dir::Cache": path.join(folder, "cache"),
      "Dir::Etc::sourcelist": path.join(folder, "sources.list"),
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::Etc::preferencesparts": "/dev/null",
      "APT::Sandbox::User": "root",
      // Without a network the tests that want it skip soon.
      "Acquire::http::Timeout": "20",
      "Acquire::Retries": "1",
    };
    this.#options = Object.entries(own).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  }

  async ask(program: "apt-get" | "apt-cache", ...args: string[]): Promise<string> {
    const { stdout } = await run(program, [...this.#options, ...args], { cwd: this.packages, maxBuffer: 1 << 26 });
    return stdout;
  }

  /** Shared libraries that a package needs, and those that these need. */
  async libraries(name: string): Promise<string[]> {
    const no = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
    const text = await this.ask("apt-cache", "depends", "--recurse", ...no, name);
    const names = text
      .split("\n")
      .filter((line) => /^lib[a-z0-9+.-]+$/.test(line) && !/perl|debian-installer/.test(line));
    return [...new Set(names)];
  }
}

/** Where this machine gets Debian's packages from. @throws when it is no Debian with its archive */
async function archiveUri(): Promise<string> {
  const { stdout } = await run("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Identifier: Packages",
    "Label: Debian",
  ]);
  const uri = stdout.split("\n")[0];
  if (!uri || !existsSync(KEYRING)) throw new Error("this machine's apt has no Debian archive");
  return uri;
}

const isElf = (file: string): boolean => readFileSync(file).toString("latin1", 0, 4) === "\x7fELF";

/** Programs come to name the loader and the libraries beside them, by absolute path: to be done where they stay. */
async function link(root: string, inside: string): Promise<void> {
  const bin = path.join(root, inside);
  const libraries = path.join(root, LIBRARIES);
  const loader = path.join(libraries, "ld-linux-x86-64.so.2");
  const patchelf = ["--library-path", libraries, path.join(root, "usr/bin/patchelf")];
  const files = readdirSync(bin, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map(({ name }) => path.join(bin, name)).filter(isElf)) {
    await run(loader, [...patchelf, "--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries, file]);
  }
}

export interface Unpacked {
  root: string;
  /** Folder of initdb, pg_ctl and postgres, in the root. */
  inside: string;
  /** To be done with a copy of the root. */
  link: (copy: string) => Promise<void>;
}

/** @throws with one line when it cannot be had here */
export async function debianPostgres(major: Major): Promise<Unpacked> {
  const root = path.join(CACHE, String(major));
  const inside = path.join("usr/lib/postgresql", String(major), "bin");
  const unpacked: Unpacked = { root, inside, link: (copy) => link(copy, inside) };
  if (existsSync(path.join(root, "ready"))) return unpacked;
  const work = path.join(CACHE, `${major}.part-${process.pid}`);
  try {
    const uri = await archiveUri();
    const suites = ["sid", "experimental"].map((suite) => `deb [signed-by=${KEYRING}] ${uri} ${suite} main\n`);
    const archive = new Archive(work, suites.join(""));
    await archive.ask("apt-get", "update");
    const name = `postgresql-${major}`;
    const libraries = await archive.libraries(name);
    if (libraries.length === 0) throw new Error(`Debian has no package ${name} yet`);
    await archive.ask("apt-get", "download", name, `postgresql-client-${major}`, "patchelf", "tzdata", ...libraries);
    const part = path.join(work, "root");
    for (const file of readdirSync(archive.packages))
      await run("dpkg-deb", ["-x", path.join(archive.packages, file), part]);
    await run("chmod", ["-R", "a+rX", part]);
    rmSync(root, { recursive: true, force: true });
    renameSync(part, root);
    await link(root, inside);
    await run(path.join(root, inside, "postgres"), ["-V"]);
    writeFileSync(path.join(root, "ready"), "");
    return unpacked;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
