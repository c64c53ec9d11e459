/** Files are written for the programs that are there: their versions come from the programs themselves. */

import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { localLayouts } from "../../infra/platforms/local.ts";
import { programVersion } from "../../infra/platforms/program-version.ts";
import { oldVersionWarning } from "../../provider/pooler/version.ts";
import { fleet } from "../rendering/fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "pgfleet-version-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, ...lines: string[]): string {
  const file = join(folder, name);
  writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"));
  chmodSync(file, 0o755);
  return file;
}

test("is what the program says in its first line", () => {
  const file = program("good", '[ "$1" = --version ] && printf "PgBouncer 1.26.1\\nlibevent 2.1.12-stable\\n"');
  expect(programVersion(file)).toBe("1.26.1");
});

test("is not known of a program that is not there, fails or says nothing", () => {
  expect(programVersion(join(folder, "none"))).toBeUndefined();
  expect(programVersion(program("fails", "echo PgBouncer 1.2; exit 3"))).toBeUndefined();
  expect(programVersion(program("silent", "exit 0"))).toBeUndefined();
});

test.runIf(existsSync("/usr/sbin/pgbouncer"))("layouts of this machine have that of its PgBouncer", () => {
  const versions = [...localLayouts(fleet(), folder).values()].map((layout) => layout.versions?.pgbouncer);
  expect(new Set(versions)).toEqual(new Set([programVersion("/usr/sbin/pgbouncer")]));
  expect(versions[0]).toMatch(/^\d+\.\d+/);
});

test("an old PgBouncer is warned about, with the holes that it has and no others", () => {
  const holes = (version: string) => oldVersionWarning(version, "pool1")?.match(/CVE-\d+-\d+/g);
  expect(holes("1.16.1")).toEqual(["CVE-2026-107349", "CVE-2025-12819", "CVE-2025-2291"]);
  expect(holes("1.18.0")).toEqual(["CVE-2026-107350", "CVE-2026-107349", "CVE-2025-12819", "CVE-2025-2291"]);
  expect(holes("1.24.1")).toEqual(["CVE-2026-107350", "CVE-2026-107349", "CVE-2025-12819"]);
  expect(holes("1.26.0")).toEqual(["CVE-2026-107350", "CVE-2026-107349"]);
  expect(oldVersionWarning("1.26.1", "pool1")).toBeUndefined();
  expect(oldVersionWarning("0", "pool1")).toBeUndefined();
  expect(oldVersionWarning("1.18.0", "pool1")).toContain("PgBouncer 1.18.0 on pool1");
});
