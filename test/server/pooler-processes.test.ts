/** Several PgBouncer processes on one port: what the provider does reaches each, through a socket of its own. */

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probePooler } from "../../cli/status/pooler.ts";
import { Problems } from "../../cli/status/types.ts";
import type { FleetSpec } from "../../infra/config/spec.ts";
import { componentHash } from "../../infra/rendering/hash.ts";
import { renderFleet } from "../../infra/rendering/render.ts";
import type { HostPlan } from "../../infra/rendering/types.ts";
import type { RolloutPooler } from "../../infra/resources.ts";
import { hostAt } from "../../provider/host.ts";
import { command, show } from "../../provider/pooler/console.ts";
import { undrain } from "../../provider/pooler/drain.ts";
import { type PoolerProcess, runningProcesses } from "../../provider/pooler/processes.ts";
import { observe } from "../../provider/rollout/observe.ts";
import { startPooler, stopPooler, switchPooler } from "../../provider/rollout/pooler-steps.ts";
import { fleet, host, input } from "../rendering/fixture.ts";
import { install, isRoot, missingPrograms, run, serverUser, stop, supervise, until } from "./rendered-host.ts";

const root = mkdtempSync("/tmp/pgf-procs-");
const ADDRESS = "127.0.76.11";
const said: string[] = [];
const context = {
  urn: "",
  signal: AbortSignal.timeout(110_000),
  log: (_: string, line: string) => void said.push(line),
  status: () => {},
};
const options = {
  stateRoot: root,
  layout: { user: serverUser, supervisorUser: isRoot ? "root" : serverUser },
};
const secrets = {
  "pgfleet_stats.password": "x",
  "app.verifier": "x",
  "reporter.verifier": "x",
  "app.password": "x",
  "reporter.password": "x",
};

const specOf = (processes: number, poolSize = 20): FleetSpec =>
  fleet({
    hosts: [
      host("db1", "primary", "127.0.76.1"),
      host("pool1", "pooler", ADDRESS),
      host("mon1", "monitoring", "127.0.76.21"),
    ],
    pooler: { ...fleet().pooler!, processes, poolSize },
  });
const plan = (processes: number, poolSize?: number): HostPlan =>
  renderFleet(input(specOf(processes, poolSize), options)).find(({ host: name }) => name === "pool1")!;
const layout = input(specOf(1), options).layouts.get("pool1")!;
const missing = missingPrograms(layout);

const hashOf = (one: HostPlan): string => componentHash(one.components.find((c) => c.name === "pgbouncer")!, {});
let pooler: RolloutPooler;
let supervisor: ChildProcess | undefined;
/** Stages a plan beside the one in force. */
function stage(next: HostPlan, inForce: HostPlan): RolloutPooler {
  install(next, layout, secrets);
  install(inForce, layout, secrets);
  return { ...pooler, generation: hashOf(next) };
}
const running = (): Promise<PoolerProcess[]> => runningProcesses(pooler, context.signal);
const each = async (key: string): Promise<(string | undefined)[]> =>
  Promise.all(
    (await running()).map(
      async (one) => (await show(one, "CONFIG", context.signal)).find((row) => row.key === key)?.value,
    ),
  );

describe.skipIf(missing.length > 0)(`processes of PgBouncer ${missing.join(", ")}`, () => {
  beforeAll(async () => {
    run(["chmod", "0755", root]);
    install(plan(2), layout, secrets);
    pooler = {
      name: "pool1",
      connection: {
        platform: "local",
        host: "pool1",
        address: ADDRESS,
        home: layout.home,
        run: layout.run,
        user: serverUser,
      },
      port: 6432,
      generation: hashOf(plan(2)),
      repairs: 0,
      program: layout.programs.pgbouncer,
      binDirectory: layout.programs.postgresBin,
    };
    supervisor = supervise(layout);

    await until("supervisord answers", () => hostAt(pooler.connection).services.alive(context.signal));
    run(["mkdir", "-p", join(layout.run, "pgbouncer-2")]);
    if (isRoot) run(["chown", serverUser, join(layout.run, "pgbouncer-2")]);
    await startPooler(pooler, context);
  });

  afterAll(async () => {
    if (supervisor) await stop(supervisor);
    rmSync(root, { recursive: true, force: true });
  });

  test("all run, on one port, each with a socket of its own", async () => {
    expect((await running()).map((one) => one.process.number)).toEqual([1, 2]);
    expect(await each("listen_port")).toEqual(["6432", "6432"]);
    expect(new Set(await each("unix_socket_dir")).size).toBe(2);
    const live = await observe([], [pooler], context);
    expect(live.poolers[0]).toMatchObject({ running: true, paused: [], differences: [] });
  });

  test("the exporter and `status` see all, and which of them is down", async () => {
    const { port, lines } = await metrics();
    expect(port).toBe(9127);
    expect(lines.filter((line) => line.startsWith("pgbouncer_up"))).toEqual([
      'pgbouncer_up{process="1"} 1',
      'pgbouncer_up{process="2"} 1',
    ]);
    const pools = lines.filter((line) =>
      /^pgbouncer_databases_pool_size\{.*name="app",.*process="[12]"\} 20$/.test(line),
    );
    expect(pools).toHaveLength(2);
    // A name stands once, or Prometheus refuses all of it.
    const types = lines.filter((line) => line.startsWith("# TYPE"));
    expect(new Set(types).size).toBe(types.length);
    expect(await status()).toEqual({ state: "running", processes: ["running", "running"], problems: [] });

    await hostAt(pooler.connection).services.stop("pgbouncer_2", context.signal);
    expect((await metrics()).lines.filter((line) => line.startsWith("pgbouncer_up"))).toEqual([
      'pgbouncer_up{process="1"} 1',
      'pgbouncer_up{process="2"} 0',
    ]);
    const { state, processes, problems } = await status();
    expect({ state, processes }).toEqual({ state: "running", processes: ["running", "stopped"] });
    expect(problems.join()).toContain("PgBouncer, process 2, does not run");
    await startPooler(pooler, context);
  });

  test("a pause in one of them is seen", async () => {
    const [, second] = await running();
    await command(second!, 'PAUSE "app"', context.signal);
    expect((await observe([], [pooler], context)).poolers[0]!.paused).toEqual(["app"]);
    await command(second!, 'RESUME "app"', context.signal);
    expect((await observe([], [pooler], context)).poolers[0]!.paused).toEqual([]);
  });

  test("a new file is taken by every one, with a reload", async () => {
    const before = await processIds();
    await switchPooler(stage(plan(2, 7), plan(2)), context);
    expect(await each("default_pool_size")).toEqual(["7", "7"]);
    expect(await processIds()).toEqual(before);
    await undrain([pooler], context.signal);
    expect(said.join()).toContain("is older than 1.26.1");
  });

  test("one that is down is a difference of the pooler, and the next switch starts it", async () => {
    await hostAt(pooler.connection).services.stop("pgbouncer_2", context.signal);
    const [facts] = (await observe([], [pooler], context)).poolers;
    expect(facts).toMatchObject({ running: true, differences: ["its process 2 does not run"] });
    await switchPooler({ ...pooler, generation: hashOf(plan(2, 7)) }, context);
    expect((await running()).length).toBe(2);
  });

  test("more of them, and then one alone", async () => {
    await switchPooler(stage(plan(3), plan(2, 7)), context);
    expect((await running()).map((one) => one.process.number)).toEqual([1, 2, 3]);
    expect((await observe([], [pooler], context)).poolers[0]!.differences).toEqual([]);
    await switchPooler(stage(plan(1), plan(3)), context);
    expect((await running()).map((one) => one.process.number)).toEqual([1]);
    expect(await each("so_reuseport")).toEqual(["0"]);
    expect(await programs()).toEqual(["pgbouncer"]);
  });

  test("stopped, none is left", async () => {
    await stopPooler(pooler, context);
    expect(await programs()).toEqual([]);
  });

  async function metrics(): Promise<{ port: number; lines: string[] }> {
    const url = new URL(`http://${ADDRESS}:9127/metrics`);
    const text = await until("the exporter answers", async () => (await fetch(url)).text());
    return { port: Number(url.port), lines: text.split("\n") };
  }
  async function status(): Promise<{ state: string; processes: string[]; problems: string[] }> {
    const spec = specOf(2);
    const problems = new Problems("pool1");
    const found = await probePooler({
      spec,
      declared: spec.hosts[1]!,
      host: hostAt(pooler.connection),
      layout,
      plan: plan(2),
      signal: context.signal,
      problems,
    });
    return {
      state: found.state,
      processes: found.processes!.map((one) => one.state),
      problems: problems.list.map(({ text }) => text),
    };
  }
  async function programs(): Promise<string[]> {
    const { services } = hostAt(pooler.connection);
    const names = ["pgbouncer", "pgbouncer_2", "pgbouncer_3"];
    const states = await Promise.all(names.map((name) => services.status(name, context.signal)));
    return names.filter((_, i) => states[i]!.running);
  }
  async function processIds(): Promise<number[]> {
    const { services } = hostAt(pooler.connection);
    const states = (await running()).map((one) => services.status(one.process.service, context.signal));
    return (await Promise.all(states)).map((state) => state.pid);
  }
});
