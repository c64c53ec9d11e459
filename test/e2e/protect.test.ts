// A protected member does not leave by accident: whatever refuses, it runs on, streams and has its slot.

import { afterAll, expect } from "vitest";
import { TestFleet } from "./support/fleet.ts";
import { slots, streaming } from "./support/observe.ts";
import { steps } from "./support/steps.ts";

const fleet = new TestFleet("protect", { protect: true });
const { db1, db2 } = fleet.config.hosts;
Object.assign(fleet.config, { hosts: { db1: db1!, db2: db2! }, databases: {}, roles: {} });
const step = steps();

afterAll(() => fleet.remove());

async function undisturbed(work: () => Promise<void>): Promise<void> {
  const started = () => ["db1", "db2"].map((host) => fleet.sql(host, "SELECT pg_postmaster_start_time()"));
  const before = started();
  await work();
  expect(started()).toEqual(before);
  await streaming(fleet, ["db2"]);
}

step("taken out of the config it is refused, with a preview and without, and so is destroy", async () => {
  await fleet.up();
  await undisturbed(async () => {
    delete fleet.config.hosts.db2;
    const how = /db2 is protected and no longer under hosts[\s\S]*protect: false/;
    expect(await fleet.previewFails()).toMatch(how);
    expect(await fleet.upFails()).toMatch(how);
    const { code, text } = await fleet.pulumi("destroy", "--yes", "--skip-preview", "--config-file", fleet.configFile);
    expect(code, text).not.toBe(0);
    expect(text).toContain("because it is protected");
  });
});

step("with protect: false, and an up, it may go", async () => {
  await undisturbed(async () => {
    fleet.config.hosts.db2 = { ...db2, protect: false };
    await fleet.up();
  });
  delete fleet.config.hosts.db2;
  await fleet.up();
  expect(slots(fleet, "db1")).toEqual({});
});
