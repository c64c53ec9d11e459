import { expect, test } from "vitest";
import type { Host } from "../../provider/host.ts";
import { startServer } from "../../provider/postgres/server.ts";
import type { Context } from "../../provider/types.ts";

/** A host whose server answers once it runs. */
function host(running: boolean): { host: Host; started: () => number } {
  let started = 0;
  const fake = {
    name: "db1",
    connection: { run: "/run", user: "postgres" },
    services: {
      status: async () => ({ known: true, running: running || started > 0, pid: 7, state: "active", problem: "" }),
      start: async () => {
        started += 1;
      },
    },
    transport: { exec: async () => ({ code: 0, stdout: '[{"one":1}]', stderr: "" }) },
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
