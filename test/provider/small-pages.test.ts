import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Connection } from "../../infra/resources.ts";
import * as hosts from "../../provider/host.ts";
import { hasSmallPages, warnOfSmallPages } from "../../provider/rollout/small-pages.ts";
import { LocalTransport } from "../../provider/transports/local.ts";
import type { Context } from "../../provider/types.ts";

const signal = new AbortController().signal;
const services = { status: async () => ({ known: true, running: true, pid: 7, state: "active", problem: "" }) };

test.each([
  ["without huge pages", "0 kB", true, true],
  ["with them", "1101824 kB", true, false],
  ["in a container, whose kernel is another machine's", "0 kB", false, false],
])("a server that runs %s", async (_, has, ownKernel, small) => {
  const root = mkdtempSync(path.join(tmpdir(), "pgfleet-pages-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ["7", "sys/vm"]) mkdirSync(path.join(root, "proc", folder), { recursive: true });
  writeFileSync(path.join(root, "proc/7/status"), `Name: postgres\nHugetlbPages:\t       ${has}\n`);
  if (ownKernel) writeFileSync(path.join(root, "proc/sys/vm/nr_hugepages"), "0\n");
  const host = { services, transport: new LocalTransport("db1") } as unknown as hosts.Host;
  expect(await hasSmallPages(host, signal, root)).toBe(small);
});

test.each([
  ["that wants huge pages and has none is named", "ssh", { huge_pages: "try" }, true, "small", true],
  ["whose files say nothing of them tries by default", "ssh", {}, true, "small", true],
  ["that has them", "ssh", { huge_pages: "try" }, true, "", false],
  ["whose files say off", "ssh", { huge_pages: "off" }, true, "small", false],
  ["that does not run", "ssh", { huge_pages: "try" }, false, "small", false],
  [
    "on the machine that up runs on, whose pages are not the fleet's",
    "local",
    { huge_pages: "try" },
    true,
    "small",
    false,
  ],
  ["that cannot be asked", "ssh", { huge_pages: "try" }, true, new Error("no way"), false],
])("one %s", async (_, platform, settings, running, says, said) => {
  const exec = async () => {
    if (says instanceof Error) throw says;
    return { code: 0, stdout: `${says}\n`, stderr: "" };
  };
  const host = { services, transport: { exec } } as unknown as hosts.Host;
  const at = vi.spyOn(hosts, "hostAt").mockReturnValue(host);
  onTestFinished(() => at.mockRestore());
  const connection = { platform, unitPrefix: "pgfleet-prod-db1" } as Connection;
  const lines: string[] = [];
  const log = (severity: string, line: string) => lines.push(`${severity}: ${line}`);
  const live = { members: [{ name: "db1", running, settings }] };
  const context = { signal, log } as unknown as Context;
  await warnOfSmallPages({ members: [{ name: "db1", connection }] } as never, live as never, context);
  expect(lines).toEqual(
    said
      ? [expect.stringMatching(/^warning: .*db1 runs without huge pages.*journalctl -u pgfleet-prod-db1-postgresql/)]
      : [],
  );
});
