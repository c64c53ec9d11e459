/** `pgfleet diff` in real repositories: what it compares, how it ends, and what it leaves behind (nothing). */

import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AWS, edited, RESIZE, STACK } from "./fixture.ts";
import { secret } from "./kinds.ts";
import { Repository } from "./repository.ts";

const FILE = "Pulumi.prod.yaml";
const RESIZED = edited(RESIZE);
let repository: Repository;
let first: string;

beforeAll(() => {
  repository = new Repository();
  repository.write(FILE, STACK);
  first = repository.commit("the fleet");
});
beforeEach(() => {
  repository.git("checkout", "--quiet", "--force", "-B", "work", first);
  repository.git("clean", "--quiet", "-fd");
});
afterAll(() => repository.dispose());

const prod = (base = "main", ...more: string[]) => repository.diff("--stack", "prod", "--base", base, ...more);
const limit = { timeout: 120_000 };

describe("what is compared", limit, () => {
  test("the working tree with the base, each rendered by its own code", () => {
    repository.write(FILE, RESIZED);
    const { code, stdout, stderr } = prod();
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("prod: 3 hosts");
    expect(stdout).toMatch(/shared_buffers +4GB → 8GB +restart, resize 16GB → 32GB/);
    expect(repository.leftovers()).toEqual([]);
    expect(repository.git("status", "--porcelain")).toBe(`M ${FILE}`);
  });

  test("nothing: says so, and only then", () => {
    const { code, stdout } = prod();
    expect(code).toBe(0);
    expect(stdout).toContain("prod: no changes");
  });

  test("a template of the head with the base's own", () => {
    const file = "templates/pgbouncer/pgbouncer.ini.mustache";
    repository.write(file, repository.read(file).replace("[pgbouncer]\n", "[pgbouncer]\nserver_lifetime = 1800\n"));
    const { stdout } = prod();
    expect(stdout).toContain("+server_lifetime = 1800");
  });

  test("code of the head with the base's own", () => {
    const file = "infra/rendering/pools.ts";
    // Sizes that nobody wrote down shrink to what fits.
    const sizes = "maxClientConnections: 1000, poolSize: 20, reservePoolSize: 5";
    repository.write(FILE, edited([sizes, "maxClientConnections: 1000"], ["connections: 120", "connections: 30"]));
    const formula = repository.read(file);
    expect(formula).toContain(") * 0.9)");
    repository.write(file, formula.replace(") * 0.9)", ") * 0.5)"));
    repository.commit("another formula at the base");
    repository.write(file, formula);
    expect(prod("HEAD").stdout).toMatch(/max_db_connections +\d+ → \d+ +reload, formula change/);
  });

  test("an overlay of templates", () => {
    const text = repository.read("templates/pgbouncer/userlist.txt.mustache");
    repository.write("templates.overlay/pgbouncer/userlist.txt.mustache", `${text}; ours\n`);
    expect(prod().stdout).toContain("+; ours");
    repository.write("templates.overlay/pgbouncer/userlist.txt.mustache", `${text}{{userss}}\n`);
    const { code, stdout } = prod();
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /templates\.overlay\/pgbouncer\/userlist\.txt\.mustache:\d+: unknown name "userss" \(did you mean "users"\?\)/,
    );
  });

  test("a project in a folder of its repository, from any working directory", () => {
    const nested = new Repository("deploy/fleet");
    try {
      nested.write(FILE, STACK);
      nested.commit();
      nested.write(FILE, RESIZED);
      expect(nested.diff("--stack", "prod", "--base", "main").stdout).toContain("memory 16GB → 32GB");
      expect(nested.leftovers()).toEqual([]);
    } finally {
      nested.dispose();
    }
  });

  test("local stacks: where the base is checked out is no difference", () => {
    const local = edited(
      ["platform: aws", "platform: local"],
      ["size: m7g.xlarge", "memory: 16GB\n  postgres-fleet:cpus: 4"],
      [AWS, ""],
    )
      .replace(/size: t4g\.\w+/g, "memory: 2GB, cpus: 2")
      .replaceAll("10.20.", "127.20.")
      .replace("[127.20.0.0/16]", "[10.0.0.0/8]");
    repository.write("Pulumi.here.yaml", local);
    repository.commit();
    const { stdout } = repository.diff("--stack", "here", "--base", "HEAD");
    expect(stdout).toContain("here: no changes");
  });

  test("what the base has and the checkout has not is said, with the way out", () => {
    repository.git("checkout", "--quiet", "-B", "ahead");
    repository.write(FILE, RESIZED);
    const ahead = repository.commit("ahead");
    repository.git("checkout", "--quiet", "--force", "work");
    expect(prod("ahead").stdout).toContain(
      `ahead has 1 commit that this checkout does not have: what they changed shows as taken back. To leave it out: --base "$(git merge-base HEAD ${ahead.slice(0, 7)})"`,
    );
  });
});

describe("stacks", limit, () => {
  test("a file on one side only: added, removed; --all takes both sides' files", () => {
    repository.write("Pulumi.extra.yaml", STACK);
    repository.remove(FILE);
    const all = repository.diff("--all", "--base", "main");
    expect(all.code).toBe(0);
    expect(all.stdout).toContain("extra: new stack");
    expect(all.stdout).toContain("prod: the stack is removed");
    expect(repository.diff("--stack", "prod", "--base", "main").stdout).toContain("the stack is removed");
  });

  test("on neither side: refused with the nearest", () => {
    const { code, stderr } = repository.diff("--stack", "prd", "--base", "main");
    expect(code).toBe(2);
    expect(stderr).toContain('there is no stack "prd"');
    expect(stderr).toContain('Did you mean "prod"?');
  });

  test("none or both of --stack and --all", () => {
    expect(repository.diff("--base", "main")).toMatchObject({ code: 2, stderr: expect.stringContaining("--all") });
    expect(repository.diff("--all", "--stack", "prod", "--base", "main").code).toBe(2);
  });
});

describe("a base that is not there", limit, () => {
  test("an unknown ref, one that only origin has, and one that looks like an option", () => {
    repository.git("branch", "--force", "release-7");
    expect(prod("release-8")).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "release-7"?') });
    expect(prod("--upload-pack=x").code).toBe(2);
    repository.git("update-ref", "refs/remotes/origin/topic", first);
    expect(prod("topic").stderr).toContain("origin has it: --base origin/topic");
    expect(repository.leftovers()).toEqual([]);
  });

  test("a shallow clone without it: how to get it", () => {
    repository.write(FILE, RESIZED);
    repository.commit();
    const clone = path.join(repository.temporary, "clone");
    repository.git("clone", "--quiet", "--depth=1", `file://${repository.folder}`, clone);
    fs.symlinkSync(fs.realpathSync(path.join(repository.folder, "node_modules")), path.join(clone, "node_modules"));
    const parent = repository.run(["--stack", "prod", "--base", "HEAD^1"], {}, clone);
    expect(parent).toMatchObject({ code: 2, stderr: expect.stringContaining("`fetch-depth: 2` for HEAD^1") });
    const branch = repository.run(["--stack", "prod", "--base", "v1.0"], {}, clone);
    expect(branch.stderr).toContain("git fetch --depth=1 origin v1.0");
    fs.rmSync(clone, { recursive: true });
  });

  test("no repository at all", () => {
    const { folder } = repository;
    fs.renameSync(path.join(folder, ".git"), path.join(repository.temporary, "git"));
    try {
      expect(prod()).toMatchObject({ code: 2, stderr: expect.stringContaining("is not in a git repository") });
    } finally {
      fs.renameSync(path.join(repository.temporary, "git"), path.join(folder, ".git"));
    }
  });
});

describe("a base that cannot be rendered: its problem is shown, and the head all the same", limit, () => {
  const broken = (change: () => void): string => {
    change();
    const commit = repository.commit("broken");
    repository.git("checkout", "--quiet", "--force", "-B", "work", first);
    return commit;
  };
  const shown = (commit: string) => {
    const result = prod(commit);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain("The base cannot be rendered. Everything is shown as new");
    expect(result.stdout).toContain("+++ b/db1/postgresql/pg_hba.conf");
    expect(result.stdout).not.toContain("no changes");
    expect(repository.leftovers()).toEqual([]);
    return result.stdout;
  };

  test("a config that does not load", () => {
    const stdout = shown(broken(() => repository.write(FILE, edited(["disk: 200GB", "disk: 200G"]))));
    expect(stdout).toContain('"200G" is not a disk size: write "200GB"');
    expect(stdout).toContain("disk  (Pulumi.prod.yaml:");
  });

  test("merge conflict markers", () => {
    const conflict = "<<<<<<< HEAD\n  a\n=======\n  b\n>>>>>>> topic\n";
    expect(shown(broken(() => repository.write(FILE, STACK + conflict)))).toContain("merge conflict");
  });

  test("not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from(STACK), Buffer.from([0x23, 0xe4, 0xff, 0x0a])]);
    expect(shown(broken(() => repository.write(FILE, bytes)))).toContain("is not UTF-8");
  });

  test("older than the command", () => {
    expect(shown(broken(() => repository.remove("cli")))).toContain("has no cli/pgfleet.js");
  });

  test("code that fails, without the place of the worktree in it", () => {
    const stdout = shown(broken(() => repository.write("cli/render.ts", "throw new Error('not today');\n")));
    expect(stdout).toContain("not today");
    expect(stdout).not.toContain("pgfleet-diff-");
  });

  test("dependencies that cannot be installed", () => {
    const commit = broken(() => repository.write("package-lock.json", "not JSON\n"));
    expect(shown(commit)).toContain("its dependencies cannot be installed (npm ci --ignore-scripts");
  });

  test("plan.json of another version", () => {
    const file = "infra/preview/plan-file.ts";
    const commit = broken(() =>
      repository.write(file, repository.read(file).replace("PLAN_VERSION = 1", "PLAN_VERSION = 99")),
    );
    expect(shown(commit)).toContain("writes plan.json in version 99; this tool reads 1");
  });
});

describe("what the base hands over", limit, () => {
  const RENDER = "cli/render.ts";
  const refuse = (when: string): void =>
    repository.write(RENDER, `if (${when}) throw new Error("not by this way");\n${repository.read(RENDER)}`);
  const resized = (base: string): string => {
    repository.git("checkout", "--quiet", "--force", "-B", "work", first);
    repository.write(FILE, RESIZED);
    const { code, stdout } = prod(base, "--format", "markdown");
    expect(code).toBe(0);
    expect(repository.leftovers()).toEqual([]);
    repository.git("checkout", "--quiet", "--force", "work");
    // Which commit it is stands in it.
    return stdout.replaceAll(/\b[0-9a-f]{7,40}\b/g, "");
  };

  test("is one file; from a base that cannot write it, or writes another version, a folder: the same message", () => {
    refuse('!process.argv.includes("--bundle")');
    const bundled = resized(repository.commit("bundles only"));
    expect(bundled).toContain("| `shared_buffers` |");

    const block = /\n {2}if \(options\.bundle\) \{[\s\S]*?\n {2}\}/;
    expect(repository.read(RENDER)).toMatch(block);
    repository.write(
      RENDER,
      repository
        .read(RENDER)
        .replace(block, "")
        .replace(/.*write-bundle\.ts.*\n/, ""),
    );
    repository.remove("cli/render/write-bundle.ts");
    refuse('process.argv.includes("--bundle")');
    const older = repository.commit("from before bundles");
    expect(resized(older)).toBe(bundled);

    const file = "infra/preview/bundle.ts";
    repository.write(file, repository.read(file).replace("BUNDLE_VERSION = 1", "BUNDLE_VERSION = 99"));
    expect(resized(repository.commit("other bundles"))).toBe(bundled);
  });
});

describe("a head that does not load: said in the message, exit 2", limit, () => {
  test.each([
    ["a wrong value", edited(["disk: 200GB", "disk: 200G"]), 'write "200GB"'],
    ["merge conflict markers", `${STACK}<<<<<<< HEAD\n=======\n>>>>>>> x\n`, "merge conflict"],
    ["not UTF-8", Buffer.concat([Buffer.from(STACK), Buffer.from([0xff, 0xfe])]), "is not UTF-8"],
  ])("%s", (_, content, problem) => {
    repository.write(FILE, content);
    const { code, stdout } = prod("main", "--format", "markdown");
    expect(code).toBe(2);
    expect(stdout).toContain("The config does not load");
    expect(stdout).toContain(problem);
    expect(stdout).not.toContain("no changes");
  });
});

describe("input that works", limit, () => {
  test("CRLF on one side is no change", () => {
    repository.write(FILE, STACK.replaceAll("\n", "\r\n"));
    expect(prod().stdout).toContain("prod: no changes");
  });

  test("encrypted values without a passphrase; a changed one is a warning, never shown", () => {
    repository.write(FILE, secret("v1:AAAA:before"));
    repository.commit();
    repository.write(FILE, secret("v1:BBBB:canary"));
    const words = ["--stack", "prod", "--base", "HEAD"];
    const outs = ["md", "html", "json", "txt"].flatMap((ending) => [
      "--out",
      path.join(repository.temporary, `out.${ending}`),
    ]);
    const { code, stdout } = repository.run([...words, ...outs], { PULUMI_CONFIG_PASSPHRASE: "canary-passphrase" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    for (const ending of ["md", "html", "json", "txt"]) {
      const file = path.join(repository.temporary, `out.${ending}`);
      const output = fs.readFileSync(file, "utf8");
      expect(output).toContain("postgres-fleet:secrets.app changed");
      expect(output).not.toMatch(/canary|AAAA|BBBB/);
      fs.rmSync(file);
    }
  });

  test("the base's code sees no credentials", () => {
    const file = "cli/render.ts";
    repository.write(
      file,
      `if (Object.keys(process.env).some((n) => /PASSPHRASE|TOKEN|AWS_/.test(n))) throw new Error("credentials");\n${repository.read(file)}`,
    );
    repository.commit();
    const env = { PULUMI_CONFIG_PASSPHRASE: "x", GITHUB_TOKEN: "x", AWS_SECRET_ACCESS_KEY: "x" };
    expect(repository.run(["--stack", "prod", "--base", "HEAD"], env).stdout).toContain("no changes");
  });
});

describe("how it ends", limit, () => {
  test("--fail-on: 1 with what is against it, 0 without", () => {
    repository.write(FILE, RESIZED);
    expect(prod("main", "--fail-on", "removal").code).toBe(0);
    const { code, stdout, stderr } = prod("main", "--fail-on", "removal,restart", "--format", "markdown");
    expect(code).toBe(1);
    expect(stderr).toContain("--fail-on restart: prod: db1, db2, db3: restart");
    expect(stdout).toContain("--fail-on restart: prod: db1, db2, db3: restart");
    repository.write(FILE, edited(["    db3: { role: replica, address: 10.20.3.11 }\n", ""]));
    expect(prod("main", "--fail-on", "removal").code).toBe(1);
    expect(prod("main", "--fail-on", "restarts")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("restart, budget, removal"),
    });
  });

  test("1 when `up` would refuse, with or without --fail-on, and why is the first thing said", () => {
    repository.write(FILE, edited(["    db3: {", "    db9: {"]));
    const { code, stdout, stderr } = prod("main", "--fail-on", "restart");
    expect(code).toBe(1);
    expect(stdout.split("\n")[2]).toContain("prod: `up` would refuse this");
    expect(stderr).toContain("prod: `up` would refuse this: db3 was removed and db9 added at the same address");
    expect(prod().code).toBe(1);
  });

  test.each([
    ["html", /^<!doctype html>/],
    ["json", /^\{\n {2}"version": 1,/],
    ["markdown", /^<!-- pgfleet-preview -->/],
  ])("--format %s on standard output", (format, start) => {
    repository.write(FILE, RESIZED);
    expect(prod("main", "--format", format)).toMatchObject({ code: 0, stdout: expect.stringMatching(start) });
  });

  test("--out that cannot be written, and one whose name says no format", () => {
    expect(prod("main", "--out", path.join(repository.folder, "package.json/x.md"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--out:"),
    });
    expect(prod("main", "--out", "preview")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(".md, .html, .json or .txt"),
    });
    expect(repository.leftovers()).toEqual([]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s while the base renders: nothing is left", async (signal) => {
    repository.write("cli/render.ts", `await new Promise((r) => setTimeout(r, 60_000));\n`);
    repository.commit();
    repository.git("checkout", "--quiet", first, "--", "cli/render.ts");
    const words = [path.join(repository.folder, "cli/pgfleet.js"), "diff", "--stack", "prod", "--base", "HEAD"];
    const child = spawn(process.execPath, words, { env: repository.environment(), stdio: "ignore" });
    const ended = once(child, "exit");
    const rendering = (): boolean =>
      fs
        .readdirSync(repository.temporary)
        .some((name) => fs.existsSync(path.join(repository.temporary, name, "base/node_modules")));
    for (let waited = 0; !rendering() && waited < 30_000; waited += 50) await delay(50);
    expect(rendering()).toBe(true);
    child.kill(signal);
    await ended;
    expect(repository.leftovers()).toEqual([]);
  });

  test("what a killed run left goes with the next one", async () => {
    const left = path.join(repository.temporary, "pgfleet-diff-999999999-abcdef");
    fs.mkdirSync(left);
    repository.git("worktree", "add", "--detach", path.join(left, "base"), "main");
    prod();
    expect(repository.leftovers()).toEqual([]);
  });
});
