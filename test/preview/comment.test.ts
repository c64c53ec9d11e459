/** The script of preview-comment.yml, run against a forge that is not there. */

import * as fs from "node:fs";
import { createRequire } from "node:module";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { MARKER } from "../../infra/preview/markdown.ts";

const workflow = parse(
  fs.readFileSync(path.join(import.meta.dirname, "../../.github/workflows/preview-comment.yml"), "utf8"),
);
const script: string = workflow.jobs.comment.steps.at(-1).with.script;
const SHA = "a".repeat(40);

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "pgfleet-comment-"));
  fs.writeFileSync(path.join(folder, "number"), "7\n");
  fs.writeFileSync(path.join(folder, "preview.md"), `${MARKER}\nhello @team\n`);
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

interface Done {
  created: string[];
  updated: [number, string][];
  failed: string[];
  notices: string[];
}

async function run(
  changes: { sha?: string; repository?: string; state?: string; comments?: object[] } = {},
): Promise<Done> {
  const done: Done = { created: [], updated: [], failed: [], notices: [] };
  const pull = {
    state: changes.state ?? "open",
    head: { sha: changes.sha ?? SHA, repo: { full_name: changes.repository ?? "fork/fleet" } },
  };
  const github = {
    paginate: async () => changes.comments ?? [],
    rest: {
      pulls: { get: async ({ pull_number }: { pull_number: number }) => ({ data: { ...pull, number: pull_number } }) },
      issues: {
        listComments: {},
        createComment: async ({ body }: { body: string }) => done.created.push(body),
        updateComment: async ({ comment_id, body }: { comment_id: number; body: string }) =>
          done.updated.push([comment_id, body]),
      },
    },
  };
  const context = {
    repo: { owner: "o", repo: "r" },
    payload: {
      workflow_run: {
        id: 5,
        head_sha: SHA,
        head_repository: { full_name: "fork/fleet" },
        html_url: "https://example.org/run",
      },
    },
  };
  const core = {
    setFailed: (text: string) => done.failed.push(text),
    notice: (text: string) => done.notices.push(text),
  };
  process.env.FOLDER = folder;
  const body = new Function("github", "context", "core", "require", `return (async () => {${script}\n})()`);
  await body(github, context, core, createRequire(import.meta.url));
  return done;
}

const bot = { type: "Bot", login: "github-actions[bot]" };

test("makes one comment, calls nobody by name, and says whose code made it", async () => {
  const { created, updated } = await run();
  expect(updated).toEqual([]);
  expect(created).toHaveLength(1);
  expect(created[0]).toMatch(/^<!-- pgfleet-preview -->\nhello @\u200bteam\n/);
  expect(created[0]).toContain("Made by the code of this pull request at aaaaaaa");
});

test("updates its own comment, and nobody else's", async () => {
  const comments = [
    { id: 1, user: { type: "User", login: "somebody" }, body: `${MARKER} mine` },
    { id: 2, user: bot, body: "another bot text" },
    { id: 3, user: bot, body: `${MARKER} old` },
  ];
  const { created, updated } = await run({ comments });
  expect(created).toEqual([]);
  expect(updated.map(([id]) => id)).toEqual([3]);
});

test.each([
  ["a run of another head", { sha: "b".repeat(40) }],
  ["a pull request of another repository", { repository: "victim/fleet" }],
  ["a closed pull request", { state: "closed" }],
])("does not comment for %s", async (_, changes) => {
  expect(await run(changes)).toMatchObject({ created: [], updated: [], failed: [], notices: [expect.any(String)] });
});

test.each(["", "0", "7; rm", "7\n8", "-1", "1e3", "99999999999999999999"])(
  "does not take %j for a number",
  async (number) => {
    fs.writeFileSync(path.join(folder, "number"), number);
    expect(await run()).toMatchObject({ created: [], updated: [], failed: [expect.any(String)] });
  },
);

test.each([
  ["without the marker", () => fs.writeFileSync(path.join(folder, "preview.md"), "buy now")],
  ["too long", () => fs.writeFileSync(path.join(folder, "preview.md"), `${MARKER}${"x".repeat(70_000)}`)],
  ["not there", () => fs.rmSync(path.join(folder, "preview.md"))],
  [
    "a link to another file",
    () => {
      fs.rmSync(path.join(folder, "preview.md"));
      fs.writeFileSync(path.join(folder, "elsewhere"), `${MARKER}\nread through a link\n`);
      fs.symlinkSync(path.join(folder, "elsewhere"), path.join(folder, "preview.md"));
    },
  ],
])("a message that is %s is not posted; where to look is", async (_, change) => {
  change();
  const { created } = await run();
  expect(created).toHaveLength(1);
  expect(created[0]).toBe(
    `${MARKER}\nThe preview cannot be shown here: see the summary and the artifact of its [run](https://example.org/run).\n`,
  );
});
