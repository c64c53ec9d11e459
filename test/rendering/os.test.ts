/** Settings of the operating system: where they are rendered, and that kernel and systemd enforce what the budget says. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadStack, ROOT } from "../../cli/load.ts";
import { type FleetSpec, isMember } from "../../infra/config/spec.ts";
import { renderLayouts } from "../../infra/platforms/platform.ts";
import { osMemory } from "../../infra/rendering/os-memory.ts";
import { type RenderInput, renderFleet } from "../../infra/rendering/render.ts";
import { projectTemplates } from "../../infra/rendering/templates.ts";
import type { HostPlan, PlannedFile } from "../../infra/rendering/types.ts";
import { tune, tuneFleet } from "../../infra/tuning/tune.ts";

const SYSCTL = "etc/sysctl.d/60-pgfleet.conf";
const THP = "etc/systemd/system/disable-transparent-huge-pages.service";
const SERVER = "postgresql.service";
const POOLER = "pgbouncer.service";

const prod = (): FleetSpec => loadStack("prod", ROOT).spec;

function input(spec: FleetSpec, more: Partial<RenderInput> = {}): RenderInput {
  const { tunings } = tuneFleet(spec);
  return { spec, tunings, layouts: renderLayouts(spec, ROOT), templates: projectTemplates(ROOT), ...more };
}

const osFiles = (plan: HostPlan): PlannedFile[] => plan.components.find(({ name }) => name === "os")?.files ?? [];

function body(plans: readonly HostPlan[], host: string, path: string): string {
  const { components } = plans.find((plan) => plan.host === host)!;
  const found = components.flatMap(({ files }) => files).find((file) => file.path === path);
  if (!found) throw new Error(`${host} has no ${path}`);
  return found.body;
}

/** What the server's unit reserves at most. */
const reserved = (plans: readonly HostPlan[], host: string): number =>
  Number(
    /^ExecStartPre=-\+\/bin\/sh \S+\/reserve-huge-pages\.sh (\d+) postgres \S+\/postgres -D /m.exec(
      body(plans, host, SERVER),
    )![1],
  );

/** `name = value` and `Name=value` lines; the last one wins. */
const values = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^([A-Za-z_.]+) ?= ?(.*)$/gm)].map((match) => [match[1]!, match[2]!]));

describe("where", () => {
  test("members have kernel settings, other hosts none", () => {
    const paths = Object.fromEntries(
      renderFleet(input(prod())).map((plan) => [plan.host, osFiles(plan).map(({ path }) => path)]),
    );
    const member = [SYSCTL, THP];
    expect(paths).toEqual({
      db1: member,
      db2: member,
      db3: member,
      db4: member,
      pool1: [],
      pool2: [],
      mon1: [],
    });
  });

  test.each(["local", "docker"] as const)("nothing on %s: the kernel is not the fleet's", (platform) => {
    for (const plan of renderFleet(input({ ...prod(), platform, stateDir: "/srv/pgfleet" }))) {
      expect(plan.components.map(({ name }) => name)).not.toContain("os");
    }
  });

  test("a file is read by everybody, holds no secret, and says where it comes from", () => {
    for (const plan of renderFleet(input(prod()))) {
      for (const file of osFiles(plan)) {
        expect(file.mode).toBe("0644");
        expect(file.body).not.toContain("@@");
        expect(file.body).toContain(`Written by postgres-fleet from templates/os/${file.path}.mustache.`);
      }
    }
  });
});

describe("numbers", () => {
  const spec = prod();
  const { tunings } = tuneFleet(spec);
  const plans = renderFleet(input(spec));
  const sizes = [512, 1024, 2048, 8192, 32768, 262144, 4194304];

  test("are those of every member's budget", () => {
    for (const host of spec.hosts.filter(isMember)) {
      const sysctl = values(body(plans, host.name, SYSCTL));
      const server = values(body(plans, host.name, SERVER));
      const { limitMb, terms } = tunings.get(host.name)!.budget;
      const hugeMb = reserved(plans, host.name) * 2;
      const commitMb = Number(sysctl["vm.overcommit_kbytes"]) / 1024;
      expect(sysctl["vm.overcommit_memory"]).toBe("2");
      expect(Number(sysctl["vm.swappiness"])).toBeLessThanOrEqual(10);
      // All shared memory fits into them.
      expect(hugeMb).toBeGreaterThanOrEqual(terms.find(({ name }) => name === "shared memory")!.mb);
      expect(commitMb + hugeMb).toBeGreaterThanOrEqual(limitMb);
      expect(commitMb + hugeMb).toBeLessThan(host.memoryMb);
      const [high, max] = [server.MemoryHigh, server.MemoryMax].map((text) => Number(/^(\d+)M$/.exec(text!)![1]));
      // The pages may not be there: then all of the server's memory counts.
      expect(high!).toBeGreaterThanOrEqual(Math.floor(limitMb));
      expect(max).toBeGreaterThan(high!);
      expect(max!).toBeLessThan(host.memoryMb);
      expect(server.OOMScoreAdjust).toBe("-900");
      expect(body(plans, host.name, SERVER)).toContain("\nEnvironment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj\n");
      expect(body(plans, host.name, SERVER)).toContain("\nEnvironment=PG_OOM_ADJUST_VALUE=0\n");
    }
  });

  test.each(["off", "try", "on"] as const)(
    "the limit is allowed and never more than there is, huge pages %s",
    (hugePages) => {
      for (const memoryMb of sizes) {
        for (const otherServicesMb of [0, 50]) {
          const tuning = tune({
            version: 17,
            workload: "web",
            memoryMb,
            cpus: 4,
            diskMb: 102400,
            storage: "ssd",
            otherServicesMb,
            hugePages,
          });
          const os = osMemory(memoryMb, tuning);
          const hugeMb = os.hugePages * 2;
          expect(os.hugePages > 0).toBe(hugePages !== "off");
          // The kernel's limit is for all of the host: the server and what runs beside it.
          expect(os.overcommitKb / 1024 + hugeMb).toBeGreaterThanOrEqual(tuning.budget.limitMb + otherServicesMb);
          expect(os.overcommitKb / 1024 + hugeMb).toBeLessThan(memoryMb);
          // With "on" they are there for certain, and do not count in the service's limits.
          const certainMb = hugePages === "on" ? hugeMb : 0;
          expect(os.memoryHighMb + certainMb).toBeGreaterThanOrEqual(Math.floor(tuning.budget.limitMb));
          expect(os.memoryMaxMb).toBeGreaterThan(os.memoryHighMb);
          expect(os.memoryMaxMb + certainMb + otherServicesMb).toBeLessThan(memoryMb);
        }
      }
    },
  );

  test("huge pages are reserved on hosts of every size, unless the stack file says off", () => {
    const small = { ...spec, hosts: spec.hosts.map((host) => ({ ...host, memoryMb: 4096, parameters: {} })) };
    expect(reserved(renderFleet(input(small)), "db1")).toBeGreaterThan(0);
    expect(body(renderFleet(input(small)), "db1", SYSCTL)).not.toContain("nr_hugepages");
    const cluster = { ...small.cluster, parameters: { ...small.cluster.parameters, huge_pages: "off" } };
    expect(reserved(renderFleet(input({ ...small, cluster })), "db1")).toBe(0);
  });

  test("PgBouncer may open all its connections", () => {
    const limit = Number(values(body(plans, "pool1", POOLER)).LimitNOFILE);
    expect(limit).toBeGreaterThanOrEqual(spec.pooler!.maxClientConnections + 1024);
    const more = { ...spec, pooler: { ...spec.pooler!, maxClientConnections: 20_000 } };
    expect(Number(values(body(renderFleet(input(more)), "pool1", POOLER)).LimitNOFILE)).toBeGreaterThan(21_000);
  });
});

const systemdAnalyze = spawnSync("systemd-analyze", ["--version"]).status === 0;

describe("systemd reads the files", () => {
  const plans = renderFleet(input(prod()));

  test("every line is a comment, a section or a setting", () => {
    for (const [host, path] of [
      ["db1", THP],
      ["db1", SERVER],
      ["pool1", POOLER],
    ] as const) {
      const lines = body(plans, host, path).split("\n");
      for (const line of lines) expect(line).toMatch(/^(#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=\S.*|)$/);
      expect(lines.some((line) => line === "[Service]")).toBe(true);
    }
  });

  test.skipIf(!systemdAnalyze)("systemd-analyze verify has nothing to say", () => {
    const folder = mkdtempSync(join(tmpdir(), "pgfleet-os-"));
    try {
      const put = (path: string, text: string): string => {
        const file = join(folder, path.replace("etc/systemd/system/", ""));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
        return file;
      };
      // The programs need not be installed here.
      const runnable = (text: string): string =>
        text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true").replace(/^User=.*$/m, "User=root");
      const units = [
        put(THP, body(plans, "db1", THP)),
        put(SERVER, runnable(body(plans, "db1", SERVER))),
        put(POOLER, runnable(body(plans, "pool1", POOLER))),
      ];
      const verify = (): string => {
        const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...units], {
          encoding: "utf8",
          env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
        });
        return stdout + stderr;
      };
      expect(verify()).toBe("");
      put(POOLER, "[Service]\nLimitNOFILE=many\n");
      expect(verify()).toContain("pgbouncer.service:2: Failed to parse");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
