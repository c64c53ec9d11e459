/**
 * How long a preview takes, by the size of the fleet: `node bench/preview.ts` writes bench/results/preview.md.
 *
 * The anchor is work that no change of this project touches, done between the measurements: times divided by it compare
 * between machines, and between hours of one.
 *
 * First in one process, so beyond the start of a process: loading, tuning and rendering of the head, and the comparison
 * with its message. Then the whole command, whose base renders in a process of its own.
 */

import { createHash } from "node:crypto";
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
import { type CommandTimes, PreviewCommand } from "./support/preview-command.ts";

const TEMPLATES = loadTemplates(path.join(import.meta.dirname, "../templates"));
const RUNS = 3;
const SIZES = [10, 100, 1000];

interface Shape {
  name: string;
  /** "resize" of every server, or "leave": one replica goes, and every server's pg_hba.conf changes. */
  change: "resize" | "leave";
  /** Hosts of each stack, for this many hosts in all. */
  stacks: (hosts: number) => number[];
}

const SHAPES: Shape[] = [
  {
    name: "clusters of 10, resized",
    change: "resize",
    stacks: (hosts) => Array.from({ length: hosts / 10 }, () => 10),
  },
  { name: "one cluster, resized", change: "resize", stacks: (hosts) => [hosts] },
  { name: "one cluster, a replica leaves", change: "leave", stacks: (hosts) => [hosts] },
];

/** A primary, replicas, a pooler and a monitoring host. */
function config(hosts: number, memory: string): Record<string, unknown> {
  const declared: Record<string, { role: string; address: string; memory?: string }> = {
    db1: { role: "primary", address: "10.1.0.1" },
    pool1: { role: "pooler", address: "10.2.0.1", memory: "2GB" },
    mon1: { role: "monitoring", address: "10.2.0.2", memory: "8GB" },
  };
  for (let i = 2; i <= hosts - 2; i++) declared[`db${i}`] = { role: "replica", address: `10.1.${i >> 8}.${i & 255}` };
  return {
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
  };
}

/** A line for each host, as people write it. */
function stackFile(hosts: number, memory: string): string {
  const lines = Object.entries(config(hosts, memory)).flatMap(([key, value]) => {
    const line = `  postgres-fleet:${key}:`;
    if (key !== "hosts") return [`${line} ${JSON.stringify(value)}`];
    return [line, ...Object.entries(value as object).map(([name, host]) => `    ${name}: ${JSON.stringify(host)}`)];
  });
  return `config:\n${lines.join("\n")}\n`;
}

function render(stack: string, hosts: number, memory: string): Side {
  const result = loadFleet(config(hosts, memory), { stack });
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  const fleet = planFleet(result.spec, renderLayouts(result.spec, "/project"), TEMPLATES);
  return { kind: "rendered", fleet: renderedFleet(fleet), secrets: { values: {}, key: "" } };
}

/** Processor time of this thread: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** SHA-256 over 256 MB, in ms. */
function anchor(): number {
  const block = Buffer.alloc(1024 * 1024, "pgfleet");
  const started = cpuMs();
  const hash = createHash("sha256");
  for (let i = 0; i < 256; i++) hash.update(block);
  hash.digest();
  return cpuMs() - started;
}

interface Times {
  render: number;
  diff: number;
  anchor: number;
}

function measure(sizes: number[], change: Shape["change"]): Times {
  const times: Times = { render: 0, diff: 0, anchor: anchor() };
  const compared: Compared[] = [];
  for (const [i, hosts] of sizes.entries()) {
    const stack = `stack${i}`;
    const base = render(stack, hosts, "32GB");
    const started = cpuMs();
    const head = change === "resize" ? render(stack, hosts, "64GB") : render(stack, hosts - 1, "32GB");
    const rendered = cpuMs();
    compared.push(compare(stack, base, head));
    times.render += rendered - started;
    times.diff += cpuMs() - rendered;
  }
  const started = cpuMs();
  markdown(compared, { base: "main", head: "head", fullText: "the artifact" });
  times.diff += cpuMs() - started;
  times.anchor = (times.anchor + anchor()) / 2;
  return times;
}

const total = ({ render: a, diff: b }: Times): number => a + b;
/** In anchors of the same run. */
const anchors = (times: Times): number => total(times) / times.anchor;
const ms = (value: number): string => `${Math.round(value)} ms`;

function rows(shape: Shape): string[] {
  const best = new Map<number, Times>();
  for (const hosts of SIZES) {
    const all = Array.from({ length: RUNS }, () => measure(shape.stacks(hosts), shape.change));
    best.set(hosts, all.sort((a, b) => anchors(a) - anchors(b))[0]!);
  }
  const perHost = (hosts: number): number => anchors(best.get(hosts)!) / hosts;
  return SIZES.map((hosts) => {
    const times = best.get(hosts)!;
    const ratio = (perHost(hosts) / perHost(100)).toFixed(2);
    return `| ${shape.name} | ${hosts} | ${ms(times.render)} | ${ms(times.diff)} | ${ms(total(times))} | ${anchors(times).toFixed(2)} | ${ratio} |`;
  });
}

interface Whole extends CommandTimes {
  anchor: number;
}

const beyond = (times: Whole): number => times.command - times.start;

function commandRows(): string[] {
  const best = new Map<number, Whole>();
  for (const hosts of SIZES) {
    const command = new PreviewCommand((memory) => stackFile(hosts, memory));
    try {
      const all = Array.from({ length: RUNS }, (): Whole => {
        const before = anchor();
        const times = command.measure();
        return { ...times, anchor: (before + anchor()) / 2 };
      });
      best.set(hosts, all.sort((a, b) => a.command / a.anchor - b.command / b.anchor)[0]!);
    } finally {
      command.dispose();
    }
  }
  const perHost = (hosts: number): number => beyond(best.get(hosts)!) / best.get(hosts)!.anchor / hosts;
  return SIZES.map((hosts) => {
    const times = best.get(hosts)!;
    const [whole, more] = [times.command, beyond(times)].map((one) => (one / times.anchor).toFixed(1));
    return `| ${hosts} | ${ms(times.command)} | ${ms(times.start)} | ${ms(beyond(times))} | ${whole} | ${more} | ${(perHost(hosts) / perHost(100)).toFixed(2)} |`;
  });
}

// The first run compiles and reads facts and templates.
measure([10], "resize");
const report = `# Preview: time by fleet size

\`node bench/preview.ts\`, processor time beyond the start of the process, best of ${RUNS} runs: render of the head, comparison with the
base, Markdown message. Anchors: the same time divided by that of SHA-256 over 256 MB in the same run, which compares
between machines. Last column: time per host against 100 hosts; 1.00 everywhere is linear.

| Fleet | Hosts | Render | Diff and message | Together | Anchors | Per host, against 100 hosts |
|---|--:|--:|--:|--:|--:|--:|
${SHAPES.flatMap(rows).join("\n")}

In one cluster every server's pg_hba.conf names every other member, so the text itself grows with the square of the
members: 1,000 members are 85 MB of files, each of which is hashed once. What is equal for all members is made once (lines,
tuned settings), and equal changes are taken apart once.

## The whole command

\`npx pgfleet diff --stack bench --base main --format markdown\` on one cluster whose servers are resized: processor time of
all of its processes, git's included, best of ${RUNS} runs, with Node's compile cache of a run before. Start: the two programs it
consists of, with the same modules (\`pgfleet diff --help\`, \`pgfleet render --help\`). Anchors as above.

| Hosts | Whole command | Start | Beyond | Whole, anchors | Beyond, anchors | Beyond per host, against 100 hosts |
|--:|--:|--:|--:|--:|--:|--:|
${commandRows().join("\n")}

Beyond the start: loading, tuning and rendering of both revisions, git's worktree, the base's plan and the texts that differ
handed over in one file, the comparison, the message.
`;
const folder = path.join(import.meta.dirname, "results");
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, "preview.md"), report);
process.stdout.write(report);
