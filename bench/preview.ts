/**
 * How long a preview takes, by the size of the fleet: `node bench/preview.ts` writes bench/results/preview.md.
 *
 * Measured in one process, so beyond the start of a process: loading, tuning and rendering of the head, and the
 * comparison with its message. The base renders meanwhile in a process of its own.
 */

import * as fs from "node:fs";
import * as path from "node:path";
import { loadFleet } from "../infra/config/load.ts";
import { planFleet } from "../infra/fleet.ts";
import { renderLayouts } from "../infra/platforms/platform.ts";
import { type Compared, compare } from "../infra/preview/compare.ts";
import { markdown } from "../infra/preview/markdown.ts";
import { renderedFleet } from "../infra/preview/rendered.ts";
import type { Side } from "../infra/preview/types.ts";
import { loadTemplates } from "../infra/rendering/templates.ts";

const TEMPLATES = loadTemplates(path.join(import.meta.dirname, "../templates"));
const RUNS = 3;
const SIZES = [10, 100, 1000];

interface Shape {
  name: string;
  /** Hosts of each stack, for this many hosts in all. */
  stacks: (hosts: number) => number[];
}

const SHAPES: Shape[] = [
  { name: "clusters of 10 hosts, a stack each", stacks: (hosts) => Array.from({ length: hosts / 10 }, () => 10) },
  { name: "one cluster", stacks: (hosts) => [hosts] },
];

/** A primary, replicas, a pooler and a monitoring host. */
function render(stack: string, hosts: number, memory: string): Side {
  const declared: Record<string, { role: string; address: string; memory?: string }> = {
    db1: { role: "primary", address: "10.1.0.1" },
    pool1: { role: "pooler", address: "10.2.0.1", memory: "2GB" },
    mon1: { role: "monitoring", address: "10.2.0.2", memory: "8GB" },
  };
  for (let i = 2; i <= hosts - 2; i++) declared[`db${i}`] = { role: "replica", address: `10.1.${i >> 8}.${i & 255}` };
  const result = loadFleet(
    {
      platform: "aws",
      cluster: "bench",
      version: 17,
      initdb: {
        dataChecksums: true,
        encoding: "UTF8",
        localeProvider: "libc",
        locale: "C.UTF-8",
        walSegmentSize: "16MB",
      },
      memory,
      cpus: 8,
      disk: "500GB",
      connections: 200,
      hosts: declared,
      databases: { app: { owner: "app_owner" } },
      roles: { app_owner: { access: "owner", login: false }, app: { access: "readwrite" } },
      allowedNetworks: ["10.0.0.0/8"],
    },
    { stack },
  );
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  const fleet = planFleet(result.spec, renderLayouts(result.spec, "/project"), TEMPLATES);
  return { kind: "rendered", fleet: renderedFleet(fleet), secrets: { values: {}, key: "" } };
}

/** Processor time of this thread: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Times {
  render: number;
  diff: number;
}

/** A resize of every server, the change that touches most. */
function measure(sizes: number[]): Times {
  const times: Times = { render: 0, diff: 0 };
  const compared: Compared[] = [];
  for (const [i, hosts] of sizes.entries()) {
    const stack = `stack${i}`;
    const base = render(stack, hosts, "32GB");
    const started = cpuMs();
    const head = render(stack, hosts, "64GB");
    const rendered = cpuMs();
    compared.push(compare(stack, base, head));
    times.render += rendered - started;
    times.diff += cpuMs() - rendered;
  }
  const started = cpuMs();
  markdown(compared, { base: "main", head: "head", fullText: "the artifact" });
  times.diff += cpuMs() - started;
  return times;
}

const total = ({ render: a, diff: b }: Times): number => a + b;
const ms = (value: number): string => `${Math.round(value)} ms`;

function rows(shape: Shape): string[] {
  const best = new Map<number, Times>();
  for (const hosts of SIZES) {
    const all = Array.from({ length: RUNS }, () => measure(shape.stacks(hosts)));
    best.set(hosts, all.sort((a, b) => total(a) - total(b))[0]!);
  }
  const perHost = (hosts: number): number => total(best.get(hosts)!) / hosts;
  return SIZES.map((hosts) => {
    const times = best.get(hosts)!;
    const ratio = (perHost(hosts) / perHost(100)).toFixed(2);
    return `| ${shape.name} | ${hosts} | ${ms(times.render)} | ${ms(times.diff)} | ${ms(total(times))} | ${ratio} |`;
  });
}

// The first run compiles and reads facts and templates.
measure([10]);
const report = `# Preview: time by fleet size

\`node bench/preview.ts\`, processor time, best of ${RUNS} runs. The change resizes every server. The last column is what compares
between machines: time per host against 100 hosts; 1.00 everywhere is linear.

| Fleet | Hosts | Render | Diff and message | Together | Per host, against 100 hosts |
|---|--:|--:|--:|--:|--:|
${SHAPES.flatMap(rows).join("\n")}

In one cluster every server's pg_hba.conf names every other member, so the text itself grows with the square of the
members: 1,000 members are 85 MB of files. Fleets grow by clusters, one stack each.
`;
const folder = path.join(import.meta.dirname, "results");
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, "preview.md"), report);
process.stdout.write(report);
