/** What the diff of a pull request says is what `up` does: the same files, the same steps in the same order. */

import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it, describe as suite } from "vitest";
import { stringify } from "yaml";
import { formatProblems, loadStackFile } from "../../infra/config/load.ts";
import { planFleet } from "../../infra/fleet.ts";
import { layouts } from "../../infra/platforms/platform.ts";
import { compare } from "../../infra/preview/compare.ts";
import { renderedFleet } from "../../infra/preview/rendered.ts";
import { secretValues } from "../../infra/preview/secrets.ts";
import type { Side } from "../../infra/preview/types.ts";
import { loadTemplates } from "../../infra/rendering/templates.ts";
import { describe } from "../../infra/rollout/describe.ts";
import { type Config, ROOT, TestFleet } from "./support/fleet.ts";

const TEMPLATES = loadTemplates(path.join(ROOT, "templates"));
let fleet: TestFleet;

beforeAll(async () => {
  fleet = new TestFleet("same", { memory: "1GB", connections: 40 });
  await fleet.up();
});

afterAll(() => fleet?.remove());

/** One side of the comparison, for the layout of this very fleet. */
function side(): Extract<Side, { kind: "rendered" }> {
  const text = stringify({
    config: Object.fromEntries(Object.entries(fleet.config).map(([key, value]) => [`postgres-fleet:${key}`, value])),
  });
  const result = loadStackFile(text, "Pulumi.test.yaml", { stack: fleet.stack });
  if (!result.ok) throw new Error(formatProblems(result.problems, fleet.stack));
  const planned = planFleet(result.spec, layouts(result.spec, ROOT), TEMPLATES);
  return { kind: "rendered", fleet: renderedFleet(planned, result.warnings), secrets: secretValues(text) };
}

/** The name of a generation counts the versions of secrets, which a pull request does not know. */
const nameless = (step: string): string => step.replace(/generation [0-9a-f]{8}/, "a generation");

/** Steps as `up` reported them: each line ends in the time it took. */
function stepsOf(output: string): string[] {
  const diagnostics = output.slice(output.indexOf("Diagnostics:"));
  return [...diagnostics.matchAll(/^ {4}(\S.*\)) \(\d+\.\d\d s\)$/gm)].map((match) => nameless(match[1]!));
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function expectFilesOnHosts(head: Extract<Side, { kind: "rendered" }>): void {
  for (const [host, files] of Object.entries(filesByHost(head))) {
    for (const [name, body] of Object.entries(files)) {
      const live = fs.readFileSync(path.join(fleet.home(host), "current", name), "utf8");
      const wanted = literally(body).replace(/@@secret:[A-Za-z0-9_\\.|-]+?@@/g, '[^"]+?');
      expect(live, `${host} ${name}`).toMatch(new RegExp(`^${wanted}$`));
    }
  }
}

/** Host → path below `current` → body. */
function filesByHost({
  fleet: { plan, body },
}: Extract<Side, { kind: "rendered" }>): Record<string, Record<string, string>> {
  return Object.fromEntries(
    plan.hosts.map((host) => {
      const files = host.components.flatMap((component) => component.files.map((file) => file.path));
      return [host.name, Object.fromEntries(files.map((file) => [file.slice(host.name.length + 1), body(file)]))];
    }),
  );
}

const changes: [name: string, edit: (config: Config) => void][] = [
  ["no change", () => {}],
  ["a parameter override", (c) => (c.parameters = { work_mem: "1MB" })],
  ["a resize", (c) => (c.memory = "2GB")],
  ["the five raised", (c) => (c.connections = 50)],
  [
    "the five raised and lowered",
    (c) => Object.assign(c, { connections: 45, parameters: { work_mem: "1MB", max_locks_per_transaction: 64 } }),
  ],
  ["a network", (c) => (c.allowedNetworks = ["127.0.0.0/8"])],
  ["a pool size", (c) => (c.pooler = { poolSize: 5, reservePoolSize: 1 })],
  ["a new role", (c) => (c.roles = { ...(c.roles as object), shop_report: { access: "readonly" } })],
  ["the workload", (c) => (c.workload = "mixed")],
  ["restart: manual with a restart due", (c) => Object.assign(c, { restart: "manual", memory: "1GB" })],
  ["restart: rolling again", (c) => (c.restart = "rolling")],
  ["a replica more", (c) => (c.hosts.db4 = { role: "replica", address: fleet.address(4) })],
  ["a replica less", (c) => delete c.hosts.db4],
];

suite("the diff and what up does", () => {
  it.each(changes)("%s: the same files and the same steps", async (name, edit) => {
    const base = side();
    edit(fleet.config);
    const head = side();
    const predicted = compare(fleet.stack, base, head).comparison.plan;
    expect(predicted.problems).toEqual([]);
    const output = await fleet.up();
    const steps = predicted.steps
      .filter(({ step }) => step.kind !== "pause" && step.kind !== "resume")
      .map(({ step }) => nameless(describe(step)));
    // Restarts that `manual` left over are known to the servers, not to the base revision.
    if (name !== "restart: rolling again") expect(stepsOf(output)).toEqual(steps);
    const pauses = predicted.steps.filter(({ step }) => step.kind === "pause").length;
    if (name !== "restart: rolling again")
      expect(output.slice(output.indexOf("Diagnostics:")).match(/were held back for/g)?.length ?? 0).toBe(pauses);
    expectFilesOnHosts(head);
  });
});
