import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Sandbox } from "./sandbox.ts";

/** How the real host is called for a project file, when the engine starts it in the program's folder. */
function hostArguments(projectFile: string): string[] {
  using box = new Sandbox();
  mkdirSync(join(box.root, "infra"));
  box.write("Pulumi.yaml", projectFile);
  copyFileSync(
    join(box.root, "toolchain/language-nodejs/pulumi-language-nodejs"),
    join(box.bin, "pulumi-language-nodejs"),
  );
  box.fake("pulumi-language-nodejs-real", 'for a in "$@"; do echo "$a"; done');
  const { stdout } = spawnSync(join(box.bin, "pulumi-language-nodejs"), ["127.0.0.1:4711"], {
    cwd: join(box.root, "infra"),
    env: box.environment(),
    encoding: "utf8",
  });
  return stdout.trimEnd().split("\n");
}

test("this project's runtime options reach a host that does not read them", () => {
  const ours = new Sandbox();
  try {
    const projectFile = ours.read(join(import.meta.dirname, "../../Pulumi.yaml"));
    expect(hostArguments(projectFile)).toEqual(["-nodeargs=--import tsx", "-typescript=false", "127.0.0.1:4711"]);
  } finally {
    ours[Symbol.dispose]();
  }
});

test("quotes and comments around the options do not matter", () => {
  const file =
    'name: x\nruntime:\n  name: nodejs\n  options:\n    typescript: "false" # tsx does it\n    nodeargs: "--import tsx"\n';
  expect(hostArguments(file)).toEqual(["-nodeargs=--import tsx", "-typescript=false", "127.0.0.1:4711"]);
});

test("another project on this machine gets the host's own defaults", () => {
  expect(hostArguments("name: other\nruntime: nodejs\n")).toEqual(["127.0.0.1:4711"]);
});
