import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GIVE_BACK, KERNEL, kernelSettings } from "../../provider/os-settings.ts";

let root: string;
const file = (name: string): string => path.join(root, name);
const put = (name: string, text: string): void => {
  fs.mkdirSync(path.dirname(file(name)), { recursive: true });
  fs.writeFileSync(file(name), text);
};
const value = (name: string): string => fs.readFileSync(file(`proc/sys/vm/${name}`), "utf8").trim();
const THP = "sys/kernel/mm/transparent_hugepage/enabled";

/** A kernel of files: what is written is what is read. */
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), "pgfleet-kernel-"));
  put("proc/meminfo", "MemTotal: 4000000 kB\nSwapTotal: 1000 kB\nCommitted_AS: 500000 kB\n");
  for (const [name, is] of Object.entries({ overcommit_memory: "0", overcommit_kbytes: "0", swappiness: "60" }))
    put(`proc/sys/vm/${name}`, `${is}\n`);
  put(THP, "always madvise [never]\n");
  put("bin/systemctl", `#!/bin/sh\necho "$@" >> ${file("asked")}\n`);
  fs.chmodSync(file("bin/systemctl"), 0o755);
});
afterEach(() => fs.rmSync(root, { recursive: true }));

function kernel(mode: "look" | "set", ...settings: string[]): string[] {
  const argv = ["-c", KERNEL, "kernel-settings", root, mode, ...settings];
  const { stdout, stderr, status } = spawnSync("sh", argv, {
    encoding: "utf8",
    env: { PATH: `${file("bin")}:${process.env.PATH}` },
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout.split("\n").filter(Boolean);
}
const LIMIT = ["vm.overcommit_kbytes=900000", "vm.swappiness=1", "vm.overcommit_memory=2"];

describe("kernel settings", () => {
  test("are those of the file, and the limit is there before it counts", () => {
    const body = "# comment = 1\nvm.overcommit_memory = 2\nvm.overcommit_kbytes = 900000\n\nvm.swappiness = 1\n";
    expect(
      kernelSettings({ "etc/sysctl.d/60-pgfleet.conf": { body, mode: "0644" }, other: { body, mode: "0644" } }),
    ).toEqual(LIMIT);
  });

  test("that differ are set once, and told with what was before", () => {
    expect(kernel("look", ...LIMIT)).toEqual([
      "differs vm.overcommit_kbytes 0",
      "differs vm.swappiness 60",
      "differs vm.overcommit_memory 0",
    ]);
    expect(value("swappiness")).toBe("60");
    expect(kernel("set", ...LIMIT)).toEqual([
      "set vm.overcommit_kbytes 0",
      "set vm.swappiness 60",
      "set vm.overcommit_memory 0",
    ]);
    expect([value("overcommit_kbytes"), value("swappiness"), value("overcommit_memory")]).toEqual(["900000", "1", "2"]);
    expect(kernel("set", ...LIMIT)).toEqual([]);
  });

  test("a limit below what programs were promised waits, and so does that it counts", () => {
    put("proc/meminfo", "SwapTotal: 1000 kB\nCommitted_AS: 901001 kB\n");
    expect(kernel("set", ...LIMIT)).toEqual([
      "later vm.overcommit_kbytes 0",
      "set vm.swappiness 60",
      "later vm.overcommit_memory 0",
    ]);
    expect([value("overcommit_kbytes"), value("overcommit_memory")]).toEqual(["0", "0"]);
    put("proc/meminfo", "SwapTotal: 1000 kB\nCommitted_AS: 901000 kB\n");
    expect(kernel("set", ...LIMIT)).toHaveLength(2);
  });

  test("huge pages are given back with the files, where they can be", () => {
    const giveBack = () => spawnSync("sh", ["-c", GIVE_BACK, "give-back", root], { encoding: "utf8" });
    expect(giveBack()).toMatchObject({ status: 0, stderr: "" });
    put("proc/sys/vm/nr_hugepages", "571\n");
    expect(giveBack()).toMatchObject({ status: 0, stderr: "" });
    expect(value("nr_hugepages")).toBe("0");
  });

  test("transparent huge pages are switched off by the unit that does it at boot", () => {
    put(THP, "always [madvise] never\n");
    expect(kernel("look")).toEqual(["differs transparent_hugepage madvise"]);
    expect(kernel("set")).toEqual(["set transparent_hugepage madvise"]);
    expect(fs.readFileSync(file("asked"), "utf8")).toBe("restart disable-transparent-huge-pages.service\n");
    fs.rmSync(file(THP));
    expect(kernel("set")).toEqual([]);
  });
});
