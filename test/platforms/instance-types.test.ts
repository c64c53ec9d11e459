import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  architectureByName,
  type Family,
  instanceType,
  instanceTypeHint,
  isBurstable,
} from "../../infra/platforms/aws/instance-types.ts";

const path = (name: string): string => fileURLToPath(new URL(`../../infra/platforms/aws/${name}`, import.meta.url));
const text = readFileSync(path("instance-types.json"), "utf8");
const table = JSON.parse(text) as Record<string, Family>;

test.each([
  ["r7g.xlarge", 32, 4, "arm64"],
  ["m7g.2xlarge", 32, 8, "arm64"],
  ["t4g.small", 2, 2, "arm64"],
  ["c7i.large", 4, 2, "x86_64"],
  ["i4i.metal", 1024, 128, "x86_64"],
  ["im4gn.large", 8, 2, "arm64"],
  ["x2iedn.32xlarge", 4096, 128, "x86_64"],
  ["m4.xlarge", 16, 4, "x86_64"],
  ["r8g.24xlarge", 768, 96, "arm64"],
])("%s has %i GB, %i vCPUs, %s", (name, gb, cpus, architecture) => {
  expect(instanceType(name)).toEqual({ memoryMb: gb * 1024, cpus, architecture });
});

test.each(["", "r7g", "r7g.", "r7g.huge", ".xlarge", "constructor.name", "__proto__.large", "r7g.constructor"])(
  "%j is no type",
  (name) => expect(instanceType(name)).toBeUndefined(),
);

test("the table has the families r, m, c, t, i and x, one per line, each with numbers that can be", () => {
  expect(text.length).toBeLessThan(100_000);
  const families = Object.entries(table);
  expect(text.trimEnd().split("\n")).toHaveLength(families.length + 2);
  expect([...new Set(families.map(([name]) => name[0]))].sort()).toEqual(["c", "i", "m", "r", "t", "x"]);
  for (const [family, { sizes }] of families)
    for (const [size, [memoryMb, cpus]] of Object.entries(sizes)) {
      expect([family, size, Number.isInteger(memoryMb) && memoryMb >= 512]).toEqual([family, size, true]);
      expect([family, size, Number.isInteger(cpus) && cpus >= 1 && cpus <= 1024]).toEqual([family, size, true]);
    }
  expect(families.flatMap(([, { sizes }]) => Object.keys(sizes)).length).toBe(1120);
});

test("what a name says of its processor is right for every family of the table", () => {
  for (const [family, { architecture }] of Object.entries(table))
    expect([family, architectureByName(`${family}.large`)]).toEqual([family, architecture]);
  expect(["r9g.large", "c7gn.large", "m9gd.large", "m9i.large", "c9in.large"].map(architectureByName)).toEqual([
    "arm64",
    "arm64",
    "arm64",
    "x86_64",
    "x86_64",
  ]);
});

test.each([
  ["r7g.xlrage", ' Did you mean "r7g.xlarge"? Sizes of r7g: medium, large, xlarge, 2xlarge'],
  ["R7G.xlarge", ' Did you mean "r7g.xlarge"?'],
  ["r7k.xlarge", " Did you mean "],
  ["m7g.3xlarge", " Sizes of m7g: "],
  ["quantum.huge", ""],
])("nearest to %s", (name, hint) => {
  if (hint === "") expect(instanceTypeHint(name)).toBe("");
  else expect(instanceTypeHint(name)).toContain(hint);
});

test("burstable types are the t families", () => {
  expect(["t2.micro", "t4g.large", "m7g.large", "trn1.2xlarge"].map(isBurstable)).toEqual([true, true, false, false]);
});

/** As describe-instance-types answers. */
const described = (name: string, mib: number, cpus: number, ...architectures: string[]): object => ({
  InstanceType: name,
  MemoryInfo: { SizeInMiB: mib },
  VCpuInfo: { DefaultVCpus: cpus },
  ProcessorInfo: { SupportedArchitectures: architectures },
});

const made = (input: unknown) =>
  spawnSync(process.execPath, ["--import", "tsx", path("make-instance-types.ts")], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });

test("the script makes the table from what EC2 says, in one order, without accelerators and Macs", () => {
  const types = [
    described("r7g.2xlarge", 65536, 8, "arm64"),
    described("r7g.xlarge", 32768, 4, "arm64"),
    described("c1.medium", 1740, 2, "i386", "x86_64"),
    described("mac2.metal", 16384, 8, "arm64_mac"),
    described("g5.xlarge", 16384, 4, "x86_64"),
    described("trn1.2xlarge", 32768, 8, "x86_64"),
  ];
  const expected = `{
  "c1": {"architecture":"x86_64","sizes":{"medium":[1740,2]}},
  "r7g": {"architecture":"arm64","sizes":{"xlarge":[32768,4],"2xlarge":[65536,8]}}
}
`;
  expect(made({ InstanceTypes: types })).toMatchObject({ status: 0, stdout: expected });
  expect(made({ InstanceTypes: types.toReversed() }).stdout).toBe(expected);
});
