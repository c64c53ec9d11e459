/**
 * Makes instance-types.json from what EC2 says of its instance types:
 *
 *     aws ec2 describe-instance-types | npx tsx infra/platforms/aws/make-instance-types.ts > infra/platforms/aws/instance-types.json
 */

import { readFileSync } from "node:fs";
import type { Family } from "./instance-types.ts";

interface Described {
  InstanceType: string;
  MemoryInfo: { SizeInMiB: number };
  VCpuInfo: { DefaultVCpus: number };
  ProcessorInfo: { SupportedArchitectures: string[] };
}

/** General, memory, compute, burstable, storage and large-memory; accelerators and Macs are no database hosts. */
const FAMILIES = /^(r|m|c|t|i|im|is|x)\d/;

const given = JSON.parse(readFileSync(0, "utf8")) as { InstanceTypes: Described[] } | Record<string, Described>;
const types: Described[] = Array.isArray(given.InstanceTypes) ? given.InstanceTypes : Object.values(given);
const families = new Map<string, Family>();

for (const type of types.toSorted((a, b) => a.VCpuInfo.DefaultVCpus - b.VCpuInfo.DefaultVCpus || bySize(a, b))) {
  const [name = "", size = ""] = type.InstanceType.split(".");
  if (!FAMILIES.test(name)) continue;
  const architecture = type.ProcessorInfo.SupportedArchitectures.find((one) => one === "arm64" || one === "x86_64");
  if (architecture === undefined) throw new Error(`${type.InstanceType} has no processor that is known`);
  const family = families.get(name) ?? { architecture: architecture as Family["architecture"], sizes: {} };
  if (family.architecture !== architecture) throw new Error(`${name} has processors of two kinds`);
  family.sizes[size] = [type.MemoryInfo.SizeInMiB, type.VCpuInfo.DefaultVCpus];
  families.set(name, family);
}

function bySize(a: Described, b: Described): number {
  return a.MemoryInfo.SizeInMiB - b.MemoryInfo.SizeInMiB || (a.InstanceType < b.InstanceType ? -1 : 1);
}

const lines = [...families]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, family]) => `  ${JSON.stringify(name)}: ${JSON.stringify(family)}`);
process.stdout.write(`{\n${lines.join(",\n")}\n}\n`);
