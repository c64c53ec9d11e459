import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const pin = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(read("toolchain/versions"))?.[1];
const manifest = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies", Record<string, string>>;

test("package.json asks for the pinned Pulumi, in both its packages", () => {
  expect(manifest.dependencies["@pulumi/pulumi"]).toBe(pin("PULUMI_VERSION"));
  expect(manifest.devDependencies.pulumi).toBe(pin("PULUMI_VERSION"));
});

test("the modules the CLI and the language host are built from are the pinned ones", () => {
  expect(read("toolchain/pulumi-cli/go.mod")).toContain(`github.com/pulumi/pulumi/pkg/v3 v${pin("PULUMI_VERSION")}\n`);
  expect(read("toolchain/pulumi-cli/go.mod")).toContain(`github.com/pulumi/pulumi/sdk/v3 v${pin("PULUMI_VERSION")} `);
  expect(read("toolchain/language-nodejs/go.mod")).toContain(
    `github.com/pulumi/pulumi/sdk/v3 v${pin("PULUMI_LANGUAGE_NODEJS_VERSION")}\n`,
  );
});

test("the Node that npm brings is new enough", () => {
  const [major = 0, minor = 0] = (manifest.devDependencies.node ?? "").split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = (pin("NODE_OLDEST") ?? "").split(".").map(Number);
  expect(major * 1000 + minor).toBeGreaterThanOrEqual(oldestMajor * 1000 + oldestMinor);
});

test("the file is plain KEY=VALUE, so that sh can read it without running anything", () => {
  for (const line of read("toolchain/versions").split("\n")) expect(line).toMatch(/^(#.*|[A-Z_]+=[0-9.]+|)$/);
});
