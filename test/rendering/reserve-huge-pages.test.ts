/** What runs before a server starts: as many huge pages as it needs, or none. */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "../../cli/load.ts";

let root: string;
const file = (name: string): string => path.join(root, name);

function program(name: string, body: string): void {
  writeFileSync(file(`bin/${name}`), `#!/bin/sh\n${body}\n`);
  chmodSync(file(`bin/${name}`), 0o755);
}

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "pgfleet-pages-"));
  mkdirSync(file("bin"));
  mkdirSync(file("kernel"));
  writeFileSync(file("kernel/nr_hugepages"), "0\n");
  program("setpriv", `echo "$@" >> ${file("asked")}; while [ "$1" != -- ]; do shift; done; shift; exec "$@"`);
});
afterEach(() => rmSync(root, { recursive: true }));

/** A kernel that finds no more pages than this. */
const finds = (pages: number): void =>
  program(
    "cat",
    `n=$(/bin/cat "$@"); if [ "$n" -gt ${pages} ]; then n=${pages}; echo $n > "$1"; echo >> ${file("short")}; fi; echo "$n"`,
  );

function reserve(pages: number, ...command: string[]): string {
  const script = path.join(ROOT, "templates/postgresql/reserve-huge-pages.sh.mustache");
  const text = readFileSync(script, "utf8").replace("{{> _header}}", "#");
  const argv = ["-c", text, "reserve-huge-pages", String(pages), "postgres", ...command];
  const { stderr, stdout, status } = spawnSync("sh", argv, {
    encoding: "utf8",
    env: { PATH: `${file("bin")}:${process.env.PATH}`, KERNEL_PARAMETERS: file("kernel") },
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  return stderr;
}
const pages = (): number => Number(readFileSync(file("kernel/nr_hugepages"), "utf8"));

/** A server that says how many it needs. */
function server(says: string): string {
  program("postgres", says);
  return file("bin/postgres");
}

test("as many as the server says, asked as its own user", () => {
  expect(
    reserve(600, server('[ "$*" = "-D /data -C shared_memory_size_in_huge_pages" ] && echo 571'), "-D", "/data"),
  ).toBe("");
  expect(pages()).toBe(571);
  expect(readFileSync(file("asked"), "utf8")).toMatch(/^--reuid=postgres --regid=postgres --init-groups -- /);
});

test.each([
  ["one that does not know the parameter", "echo FATAL >&2; exit 1"],
  ["one whose system has no huge pages", "echo -1"],
  ["one that says something else", "echo 571 pages"],
])("the bound for %s", (_, says) => {
  expect(reserve(600, server(says))).toBe("");
  expect(pages()).toBe(600);
});

test("other settings: fewer, more, none", () => {
  for (const [before, wanted] of [
    [900, 571],
    [100, 571],
    [571, 571],
  ]) {
    writeFileSync(file("kernel/nr_hugepages"), `${before}\n`);
    reserve(600, server(`echo ${wanted}`));
    expect(pages()).toBe(wanted);
  }
  rmSync(file("asked"));
  reserve(0, server("echo 571"));
  expect(pages()).toBe(0);
  expect(existsSync(file("asked"))).toBe(false);
});

test("too few are given back, after memory was put together once, and the journal says so", () => {
  finds(300);
  expect(reserve(600, server("echo 571"))).toContain("finds 300 of 571 huge pages, so none are reserved");
  expect(pages()).toBe(0);
  expect(readFileSync(file("kernel/compact_memory"), "utf8")).toBe("1\n");
  expect(readFileSync(file("short"), "utf8").length).toBe(2);
});

test("in a container nothing is touched", () => {
  rmSync(file("kernel"), { recursive: true });
  expect(reserve(600, server("echo 571"))).toBe("");
  expect(existsSync(file("asked"))).toBe(false);
});
