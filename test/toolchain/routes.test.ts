import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakeGo, Sandbox } from "./sandbox.ts";

const nodeThatDownloads = (succeeds: boolean) => `case "$1" in
  --version) echo v24.1.0 ;;
  -e) exit ${succeeds ? 0 : 1} ;;
  *run.js)
    mkdir -p "$HOME/.pulumi/versions/$PULUMI_VERSION/bin"
    for name in pulumi pulumi-language-nodejs; do
      printf '#!/bin/sh\\necho from the download\\n' >"$HOME/.pulumi/versions/$PULUMI_VERSION/bin/$name"
      chmod 755 "$HOME/.pulumi/versions/$PULUMI_VERSION/bin/$name"
    done ;;
esac`;

/** The wrapper's own lines; one of them names the route. */
const routeLines = (stderr: string) => stderr.split("\n").filter((line) => line.includes("; Node "));

test("a pulumi on the PATH that is new enough is used as it stands", () => {
  using box = new Sandbox();
  box.fakePulumi("pulumi", "3.216.0");
  box.fake("pulumi-language-nodejs", "");
  const { code, stderr } = box.run(["about", "--json"]);
  expect(code).toBe(0);
  expect(routeLines(stderr)).toEqual([`pulumiw: pulumi 3.216.0 as installed, ${join(box.bin, "pulumi")}; Node 24.1.0`]);
  expect(box.calls()).toContain("pulumi about --json");
});

test.each(["3.215.9", "2.300.0", "4.1.0", "unreadable"])(
  "a pulumi %s on the PATH is passed over, and said so",
  (version) => {
    using box = new Sandbox();
    box.fakePulumi("pulumi", version);
    box.fakePulumi(join(box.cache, "pulumi"));
    box.fake(join(box.cache, "pulumi-language-nodejs"), "");
    const { code, stderr } = box.run(["about"]);
    expect(code).toBe(0);
    expect(stderr).toContain(`passing over ${join(box.bin, "pulumi")}`);
    expect(routeLines(stderr)).toEqual([
      `pulumiw: pulumi 3.259.0 from the cache, ${join(box.cache, "pulumi")}; Node 24.1.0`,
    ]);
  },
);

test("neither the wrapper itself nor npm's downloader counts as a pulumi on the PATH", () => {
  using box = new Sandbox();
  symlinkSync(join(box.root, "pulumiw"), join(box.bin, "pulumi"));
  const downloader = box.fake(join(box.root, "node_modules/pulumi/run.js"), "echo v3.259.0");
  mkdirSync(join(box.root, "node_modules/.bin"));
  symlinkSync(downloader, join(box.root, "node_modules/.bin/pulumi"));
  box.fakePulumi(join(box.cache, "pulumi"));
  box.fake(join(box.cache, "pulumi-language-nodejs"), "");
  const path = `${join(box.root, "node_modules/.bin")}:${box.bin}:/usr/bin:/bin`;
  const { code, stderr } = box.run(["about"], { PATH: path });
  expect(code).toBe(0);
  expect(routeLines(stderr)[0]).toContain("from the cache");
});

test("with an empty cache the npm package downloads it", () => {
  using box = new Sandbox();
  box.fake("node", nodeThatDownloads(true));
  box.write("node_modules/pulumi/run.js", "");
  const { code, stdout, stderr } = box.run(["about"]);
  expect(stdout).toBe("from the download\n");
  expect(code).toBe(0);
  expect(routeLines(stderr)).toEqual([
    `pulumiw: pulumi 3.259.0 downloaded by the npm package, ${join(box.cache, "pulumi")}; Node 24.1.0`,
  ]);
});

const fakeCli = "#!/bin/sh\necho built";

test("where the download host does not answer, Go builds the CLI and its language host", () => {
  using box = new Sandbox();
  box.fake("node", nodeThatDownloads(false));
  box.write("node_modules/pulumi/run.js", "");
  box.fake("go", fakeGo("1.26.0", fakeCli));
  const { code, stdout, stderr } = box.run(["about"]);
  expect(code).toBe(0);
  expect(stdout).toBe("built\n");
  expect(stderr).toContain("get.pulumi.com does not answer");
  expect(routeLines(stderr)).toEqual([
    `pulumiw: pulumi 3.259.0 built with Go from its modules, ${join(box.cache, "pulumi")}; Node 24.1.0`,
  ]);
  expect(readdirSync(box.cache).sort()).toEqual(["pulumi", "pulumi-language-nodejs", "pulumi-language-nodejs-real"]);
  expect(box.calls().join("\n")).toContain("common/version.Version=v3.259.0");

  expect(routeLines(box.run(["about"]).stderr)[0]).toContain("from the cache");
});

test("PGFLEET_OFFLINE=1 goes straight to Go", () => {
  using box = new Sandbox();
  box.fake("node", nodeThatDownloads(true));
  box.write("node_modules/pulumi/run.js", "");
  box.fake("go", fakeGo("1.21", fakeCli));
  const { code, stderr } = box.run(["about"], { PGFLEET_OFFLINE: "1" });
  expect(code).toBe(0);
  expect(routeLines(stderr)[0]).toContain("built with Go");
  expect(box.calls().filter((call) => call.startsWith("node -e"))).toEqual([]);
});

test.each([
  ["no Go", undefined],
  ["Go 1.19", "1.19.8"],
])("%s: one message says what to install, per distribution", (_, version) => {
  using box = new Sandbox();
  // Hides a Go of the machine's own in /usr/bin.
  box.fake("go", version ? fakeGo(version, "") : "exit 1");
  box.write(
    "toolchain/lib/go-build.sh",
    box.read("toolchain/lib/go-build.sh").replaceAll("/usr/lib/go-*", "/none").replaceAll("/usr/local/go", "/none"),
  );
  const { code, stderr } = box.run(["about"]);
  expect(code).toBe(1);
  expect(stderr).toContain("Debian 12      add bookworm-backports");
  expect(stderr).toContain("Ubuntu 24.04   apt install golang-go");
  if (version) expect(stderr).toContain(version);
  expect(existsSync(join(box.cache, "pulumi"))).toBe(false);
});

test("a failed build shows its last lines and leaves nothing half-made", () => {
  using box = new Sandbox();
  box.fake("go", fakeGo("1.26", "", 'echo "main.go:1: syntax error" >&2; exit 2'));
  const { code, stderr } = box.run(["about"]);
  expect(code).toBe(1);
  expect(stderr).toContain("main.go:1: syntax error");
  expect(readdirSync(box.cache)).toEqual([]);
});

test("an interrupted build leaves no CLI behind, and the next run finishes it", async () => {
  using box = new Sandbox();
  const started = join(box.base, "started");
  box.fake("go", fakeGo("1.26", fakeCli, `echo $$ >"${started}"; sleep 60`));
  const child = spawn(join(box.root, "pulumiw"), ["about"], { env: box.environment(), stdio: "ignore" });
  const exited = new Promise<number | null>((resolve) => child.on("exit", resolve));
  await expect.poll(() => existsSync(started), { timeout: 60_000 }).toBe(true);
  child.kill("SIGTERM");
  expect(await exited).toBe(130);
  expect(readdirSync(box.cache)).toEqual([]);

  box.fake("go", fakeGo("1.26", fakeCli));
  expect(box.run(["about"]).stdout).toBe("built\n");
});

test("an official language host is left as it is, a built one goes behind the script", () => {
  using box = new Sandbox();
  box.fakePulumi(join(box.cache, "pulumi"));
  box.fake(join(box.cache, "pulumi-language-nodejs"), "# official");
  box.run(["about"]);
  expect(box.read(join(box.cache, "pulumi-language-nodejs"))).toContain("# official");

  box.fake(join(box.cache, "pulumi-language-nodejs-real"), "");
  box.run(["about"]);
  expect(box.read(join(box.cache, "pulumi-language-nodejs"))).toBe(
    box.read("toolchain/language-nodejs/pulumi-language-nodejs"),
  );
});

test("a Node that is too old gives way to the one npm brought, for everything that is started", () => {
  using box = new Sandbox();
  box.fake("node", "echo v20.20.2");
  box.fake("pulumi", 'case "$1" in version) echo v3.259.0 ;; *) node --version ;; esac');
  box.fake("pulumi-language-nodejs", "");
  const without = box.run(["about"]);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain("Node 22.18 or newer is needed (found on this machine: v20.20.2)");

  box.fake(join(box.root, "node_modules/node/bin/node"), "echo v24.21.0");
  expect(box.run(["about"]).stdout).toBe("v24.21.0\n");
  box.fake("node", "echo v22.18.0");
  expect(box.run(["about"]).stdout).toBe("v22.18.0\n");
});
