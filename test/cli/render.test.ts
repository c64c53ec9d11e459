/** `pgfleet render`: the files of `up`, byte by byte the same each time, and a folder that is treated with care. */

import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { loadStack, planStack } from "../../cli/load.ts";
import type { PlanJson } from "../../cli/render/plan-json.ts";
import { layouts } from "../../infra/platforms/platform.ts";
import { pgfleet, ROOT, stackFile, temporaryFolder } from "./support.ts";

const render = (file: string, out: string, ...more: string[]) =>
  pgfleet(["render", "--stack", "test", "--config-file", file, "--out", out, ...more]);

/** path → mode and content of every file in a folder */
function tree(folder: string): Record<string, string> {
  const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [
        path.relative(folder, file),
        `${(fs.statSync(file).mode & 0o777).toString(8)}\n${fs.readFileSync(file, "utf8")}`,
      ]),
  );
}

const planOf = (folder: string): PlanJson =>
  JSON.parse(fs.readFileSync(path.join(folder, "plan.json"), "utf8")) as PlanJson;

describe("what is written", () => {
  test("the files of the live layout, with their modes and placeholders, the same bytes twice", () => {
    const [file, out] = [stackFile(), temporaryFolder()];
    expect(render(file, path.join(out, "a"))).toMatchObject({ code: 0, stderr: "" });
    expect(render(file, path.join(out, "b")).code).toBe(0);
    const written = tree(path.join(out, "a"));
    expect(tree(path.join(out, "b"))).toEqual(written);

    const { spec } = loadStack("test", ROOT, file);
    const { plans } = planStack(spec, layouts(spec, ROOT));
    const wanted: Record<string, string> = {};
    for (const plan of plans.values())
      for (const component of plan.components)
        for (const { path: name, body, mode } of component.files)
          wanted[`${plan.host}/${component.name}/${name}`] = `${Number.parseInt(mode, 8).toString(8)}\n${body}`;
    const { "plan.json": _plan, ".pgfleet-render.json": _marker, ...files } = written;
    expect(files).toEqual(wanted);
    expect(files["pool1/client/passfile"]).toContain(":shop_app:@@secret:shop_app.password|passfile@@\n");
  });

  test("plan.json: versioned; each file with mode and hash, each setting with its reason, budget and pool sums", () => {
    const out = path.join(temporaryFolder(), "out");
    render(stackFile({ parameters: { random_page_cost: 1.7 } }), out);
    const plan = planOf(out);
    expect(plan).toMatchObject({
      version: 1,
      stack: "test",
      platform: "local",
      cluster: "shop",
      postgresql: 15,
      primary: "db1",
      restart: "rolling",
    });
    const db1 = plan.hosts.find((host) => host.name === "db1")!;
    const files = plan.hosts.flatMap((host) => host.components.flatMap((component) => component.files));
    expect(files.length).toBeGreaterThan(20);
    for (const { path: name, sha256, mode } of files) {
      const content = fs.readFileSync(path.join(out, name));
      expect(createHash("sha256").update(content).digest("hex"), name).toBe(sha256);
      expect(Number.parseInt(mode, 8), name).toBe(fs.statSync(path.join(out, name)).mode & 0o777);
    }
    expect(db1.settings.random_page_cost).toMatchObject({ value: "1.7", source: "override" });
    expect(db1.settings.shared_buffers).toMatchObject({
      class: "restart",
      source: "tuned",
      reason: expect.stringMatching(/\w/),
    });
    expect(db1.budget!.totalMb).toBeLessThanOrEqual(db1.budget!.limitMb);
    expect(plan.hosts.find((host) => host.name === "mon1")).toMatchObject({ settings: {}, budget: null });
    expect(plan.pools!.serverConnections).toBe(2 * plan.pools!.maxDbConnections);
  });

  test("a stack whose platform is not built yet, and encrypted values without a passphrase", () => {
    const out = path.join(temporaryFolder(), "prod");
    expect(pgfleet(["render", "--stack", "prod", "--out", out])).toMatchObject({ code: 0 });
    expect(planOf(out).hosts.map((host) => host.name)).toEqual(expect.arrayContaining(["db1", "db4", "pool2", "mon1"]));

    const secrets = { app: { secure: "v1:CANARYCANARY:abcdefgh" } };
    const encrypted = stackFile({
      secrets,
      roles: {
        shop_owner: { access: "owner", login: false },
        shop_app: { access: "readwrite", passwordSecret: "app" },
      },
    });
    const other = path.join(temporaryFolder(), "encrypted");
    const result = render(encrypted, other);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(Object.values(tree(other)).join("\n") + result.stdout).not.toContain("CANARY");
  });

  test("--host: that host only; an unknown one is refused with the nearest", () => {
    const [file, out] = [stackFile(), path.join(temporaryFolder(), "out")];
    expect(render(file, out, "--host", "db2").code).toBe(0);
    expect(fs.readdirSync(out).sort()).toEqual([".pgfleet-render.json", "db2", "plan.json"]);
    expect(planOf(out).hosts.map((host) => host.name)).toEqual(["db2"]);
    const refused = render(file, path.join(out, "x"), "--host", "pol1");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain('no host "pol1". Did you mean "pool1"?');
  });
});

describe("the folder", () => {
  test("of an earlier render is replaced: what is no longer rendered goes, what somebody put there stays", () => {
    const out = path.join(temporaryFolder(), "out");
    render(stackFile(), out);
    fs.writeFileSync(path.join(out, "db1/stray"), "");
    fs.writeFileSync(path.join(out, "notes.txt"), "mine");
    const hosts = { db1: { role: "primary", address: "127.0.99.1" } };
    expect(render(stackFile({ hosts }), out).code).toBe(0);
    expect(fs.readdirSync(out).sort()).toEqual([".pgfleet-render.json", "db1", "notes.txt", "plan.json"]);
    expect(fs.existsSync(path.join(out, "db1/stray"))).toBe(false);
    expect(fs.readFileSync(path.join(out, "notes.txt"), "utf8")).toBe("mine");
  });

  test.each([
    ["has content and no marker", { "precious.txt": "keep" }],
    ["has a marker that leads out of it", { "precious.txt": "keep", ".pgfleet-render.json": '{"entries":["../x"]}' }],
    ["has a marker that is not readable", { "precious.txt": "keep", ".pgfleet-render.json": "{" }],
    ["has something else under the name of a host", { db1: "keep", ".pgfleet-render.json": '{"entries":[]}' }],
  ])("is refused when it %s, and nothing in it is touched", (_, content) => {
    const out = temporaryFolder();
    for (const [name, text] of Object.entries(content)) fs.writeFileSync(path.join(out, name), text);
    const { code, stderr } = render(stackFile(), out);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--out: .*(not made by|not of an earlier render)/);
    expect(
      Object.fromEntries(fs.readdirSync(out).map((name) => [name, fs.readFileSync(path.join(out, name), "utf8")])),
    ).toEqual(content);
  });

  test("that is empty is taken", () => expect(render(stackFile(), temporaryFolder()).code).toBe(0));
});
