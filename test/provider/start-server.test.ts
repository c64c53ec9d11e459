import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Host } from "../../provider/host.ts";
import { startServer } from "../../provider/postgres/server.ts";
import type { Context } from "../../provider/types.ts";

type Shell = (argv: readonly string[]) => Promise<{ code: number; stdout: string; stderr: string }>;

/** A host whose server answers once it runs. */
function host(running: boolean, platform = "ssh", sh?: Shell): { host: Host; started: () => number } {
  let started = 0;
  const psql = async () => ({ code: 0, stdout: '[{"one":1,"wanted":"try"}]', stderr: "" });
  const fake = {
    name: "db1",
    connection: { platform, run: "/run", user: "postgres", unitPrefix: "pgfleet-prod-db1" },
    services: {
      status: async () => ({ known: true, running: running || started > 0, pid: 7, state: "active", problem: "" }),
      start: async () => {
        started += 1;
      },
    },
    transport: {
      exec: (argv: string[]) => (argv[0] === "sh" && sh ? sh(argv) : psql()),
    },
  };
  return { host: fake as unknown as Host, started: () => started };
}
const context = { signal: new AbortController().signal, status() {}, log() {} } as unknown as Context;

test("a server that runs is not given to the service manager, which would restart it for a unit that changed", async () => {
  const there = host(true);
  await startServer({ host: there.host, port: 5432, binDirectory: "/bin" }, context);
  expect(there.started()).toBe(0);
});

test("one that does not is started", async () => {
  const there = host(false);
  await startServer({ host: there.host, port: 5432, binDirectory: "/bin" }, context);
  expect(there.started()).toBe(1);
});

test.each([
  [
    "without huge pages: said",
    "ssh",
    "0 kB",
    true,
    /db1 runs without huge pages.*journalctl -u pgfleet-prod-db1-postgresql/,
  ],
  ["with them", "ssh", "1101824 kB", true, undefined],
  ["in a container, whose kernel is another machine's", "ssh", "0 kB", false, undefined],
  ["on the machine that up runs on, whose pages are not the fleet's", "local", "0 kB", true, undefined],
])("one that runs %s", async (_, platform, has, ownKernel, said) => {
  const root = mkdtempSync(path.join(tmpdir(), "pgfleet-pages-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ["7", "sys/vm"]) mkdirSync(path.join(root, "proc", folder), { recursive: true });
  writeFileSync(path.join(root, "proc/7/status"), `Name: postgres\nHugetlbPages:\t       ${has}\n`);
  if (ownKernel) writeFileSync(path.join(root, "proc/sys/vm/nr_hugepages"), "0\n");
  // The script's first argument is the root folder.
  const sh = async (argv: readonly string[]) => {
    const { stdout, stderr, status } = spawnSync("sh", [...argv.slice(1, 4), root, ...argv.slice(5)], {
      encoding: "utf8",
    });
    return { code: status ?? 1, stdout, stderr };
  };
  const lines: string[] = [];
  const log = (severity: string, line: string) => lines.push(`${severity}: ${line}`);
  const there = host(true, platform, sh);
  await startServer({ host: there.host, port: 5432, binDirectory: "/bin" }, { ...context, log } as Context);
  expect(lines).toEqual(said ? [expect.stringMatching(said)] : []);
});
