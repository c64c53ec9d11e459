/** The two workflows: what gives them their safety is there. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { MARKER, MESSAGE_LIMIT } from "../../infra/preview/markdown.ts";

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  if?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
}
interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, { if?: string; permissions?: Record<string, string>; steps: Step[] }>;
}

const text = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../../.github/workflows/${name}.yml`), "utf8");
const load = (name: string): Workflow => {
  const document = parseDocument(text(name));
  expect(document.errors).toEqual([]);
  return document.toJS() as Workflow;
};
const steps = ({ jobs }: Workflow): Step[] => Object.values(jobs).flatMap((job) => job.steps);

describe.each(["preview", "preview-comment"])("%s.yml", (name) => {
  test("pins every action to a commit", () => {
    for (const { uses } of steps(load(name))) if (uses) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  test("puts no text of the event into a script: it goes through the environment", () => {
    for (const { run, with: inputs } of steps(load(name)))
      expect(`${run ?? ""}${inputs?.script ?? ""}`).not.toContain("${{");
  });
});

describe("preview.yml", () => {
  const workflow = load("preview");

  test("runs on pull_request, never with more than reading", () => {
    expect(Object.keys(workflow.on)).toEqual(["pull_request"]);
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of Object.values(workflow.jobs)) expect(job.permissions).toBeUndefined();
  });

  test("the comparison has no secrets, keeps no token, and runs no install scripts", () => {
    const { steps: all } = workflow.jobs.diff!;
    expect(JSON.stringify(all)).not.toContain("secrets.");
    expect(all.find(({ uses }) => uses?.startsWith("actions/checkout"))!.with).toMatchObject({
      "persist-credentials": false,
      "fetch-depth": 2,
    });
    expect(all.find(({ run }) => run?.startsWith("npm ci"))!.run).toContain("--ignore-scripts");
  });

  test("leaves room for what the comment adds", () => {
    const run = steps(workflow).find((step) => step.run?.includes("pgfleet.js diff"))!.run!;
    expect(Number(/--limit (\d+)/.exec(run)![1])).toBeLessThanOrEqual(MESSAGE_LIMIT - 4096);
  });

  test("secrets are for pull requests of the repository itself", () => {
    for (const [name, job] of Object.entries(workflow.jobs)) {
      if (!JSON.stringify(job.steps).includes("secrets.")) continue;
      expect(job.if, name).toContain("github.event.pull_request.head.repo.full_name == github.repository");
    }
  });
});

describe("preview-comment.yml", () => {
  const workflow = load("preview-comment");

  test("never has the pull request's code: no checkout, no shell, no secret but the job's token", () => {
    expect(Object.keys(workflow.on)).toEqual(["workflow_run"]);
    expect(text("preview-comment")).not.toMatch(/secrets\./);
    for (const step of steps(workflow)) {
      expect(step.run).toBeUndefined();
      expect(step.uses).toMatch(/^actions\/(github-script|download-artifact)@/);
    }
  });

  test("may comment and nothing else", () => {
    expect(workflow.permissions).toEqual({});
    expect(workflow.jobs.comment!.permissions).toEqual({ actions: "read", "pull-requests": "write" });
  });

  test("the script parses and knows the marker and the limit of the tool", () => {
    const scripts = steps(workflow).flatMap(({ with: inputs }) =>
      typeof inputs?.script === "string" ? [inputs.script] : [],
    );
    expect(scripts).toHaveLength(2);
    for (const script of scripts)
      new Function("github", "context", "core", "require", `return (async () => {${script}\n})`);
    expect(scripts[1]).toContain(`const marker = "${MARKER}"`);
    expect(scripts[1]).toContain(`const limit = ${MESSAGE_LIMIT};`);
  });
});
