/** What holds for every message, whatever the change and however large the fleet. */

import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { Compared } from "../../infra/preview/compare.ts";
import { html } from "../../infra/preview/html.ts";
import { MESSAGE_LIMIT, markdown } from "../../infra/preview/markdown.ts";
import { text } from "../../infra/preview/text.ts";
import type { Side } from "../../infra/preview/types.ts";
import { compared, edited, RESIZE, STACK, side } from "./fixture.ts";
import { kinds, secret } from "./kinds.ts";
import { manyHosts } from "./synthetic.ts";
import { wellFormed } from "./wellformed.ts";

// Nothing here waits; a machine that is busy with other things may be slow.
vi.setConfig({ testTimeout: 120_000 });

const frame = { base: "main (1a2b3c4)", head: "5d6e7f8", fullText: "the artifact" };
const message = (stacks: Compared[], limit?: number): string =>
  markdown(stacks, limit === undefined ? frame : { ...frame, limit });
const bytes = (body: string): number => Buffer.byteLength(body);

describe("a message", () => {
  test.each(kinds)("$name: closes what it opens, at every length", ({ before, after }) => {
    const one = compared(before, after);
    for (let limit = 100; limit < 9000; limit = Math.ceil(limit * 1.13)) {
      const body = message([one], limit);
      expect(bytes(body)).toBeLessThanOrEqual(limit);
      wellFormed(body);
    }
    wellFormed(message([one]));
  });

  test("is never over the limit for 1 to 1,000 hosts, and never says that nothing changes when something does", {
    timeout: 120_000,
  }, () => {
    const resized = edited(RESIZE);
    const sizes = fc.oneof(fc.constantFrom(1, 2, 24, 25, 999, 1000), fc.integer({ min: 1, max: 1000 }));
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.integer({ min: 1000, max: MESSAGE_LIMIT }), (count, differs, limit) => {
        const one = compared(manyHosts(STACK, count), manyHosts(resized, count, differs));
        for (const max of [limit, MESSAGE_LIMIT]) {
          const body = message([one], max);
          expect(bytes(body)).toBeLessThanOrEqual(max);
          wellFormed(body);
          expect(body.toLowerCase()).not.toContain("no changes");
        }
      }),
      { numRuns: 12 },
    );
  });

  test("of one cluster of 1,000 hosts fits, whatever changes: all files of it, one member less, all of it new", () => {
    const hosts = (count: number): string =>
      Array.from(
        { length: count },
        // The first four addresses of the subnet are not for hosts.
        (_, i) => `    r${i}: { role: replica, address: 10.20.${8 + ((i + 4) >> 8)}.${(i + 4) & 255} }\n`,
      ).join("");
    const subnet = "        - { zone: eu-central-1c, cidr: 10.20.8.0/21 }\n";
    const of = (count: number, ...pairs: [string, string][]): Side =>
      side(edited(...pairs, ["    pool1: {", `${hosts(count)}    pool1: {`], ["    image:", `${subnet}    image:`]));
    const cluster = of(995);
    expect(cluster.kind).toBe("rendered");
    const changes: [string, Side, Side][] = [
      ["resized", cluster, of(995, RESIZE)],
      ["one less", cluster, of(994)],
      ["new", { kind: "absent" }, cluster],
    ];
    for (const [name, before, after] of changes) {
      const one = compared(before, after);
      for (const limit of [1000, 20_000, MESSAGE_LIMIT]) {
        const body = message([one], limit);
        expect(bytes(body), name).toBeLessThanOrEqual(limit);
        wellFormed(body);
        expect(body.toLowerCase(), name).not.toContain("no changes");
      }
      expect(one.comparison.hosts.length + one.comparison.unchangedHosts.length, name).toBeGreaterThanOrEqual(999);
      if (name === "resized") expect(one.groups.length).toBeLessThanOrEqual(3);
    }
  });

  test("of 200 stacks has an index, is cut, and says where the rest is", () => {
    const one = compared(STACK, edited(RESIZE));
    const stacks = Array.from({ length: 200 }, (_, i) => ({
      ...one,
      comparison: { ...one.comparison, stack: `stack${i}` },
    }));
    const body = message(stacks);
    expect(bytes(body)).toBeLessThanOrEqual(MESSAGE_LIMIT);
    wellFormed(body);
    for (let i = 0; i < 200; i++) expect(body).toContain(`| \`stack${i}\` |`);
    expect(body).toMatch(/… \d+ sections? .*the artifact/);
  });

  test("is cut inside sections: every changed host keeps its own while there is room", () => {
    const one = compared({ kind: "absent" }, STACK);
    const body = message([one], 40_000);
    for (const host of one.comparison.hosts) expect(body).toContain(`<summary><b>${host.name}</b>`);
    expect(body).toMatch(/… \d+ lines more: the artifact/);
  });

  test("holds fences and tags of the files it shows", () => {
    const hostile = "```\n</details></summary>\n````\n<details>\n";
    const one = compared(STACK, side(STACK));
    const file = {
      path: "postgresql/x.conf",
      change: "modified" as const,
      mode: null,
      additions: 4,
      deletions: 0,
      realigned: 0,
      diff: `--- a\n+++ b\n@@ -0,0 +1,4 @@\n${hostile}`,
    };
    one.comparison.hosts.push({
      name: "db1",
      renamedFrom: null,
      role: "primary",
      change: "changed",
      effect: "reload",
      files: [file],
      parameters: [],
    });
    one.comparison.kind = "changed";
    one.groups.push(["db1"]);
    const body = message([one]);
    wellFormed(body);
    expect(body).toContain("`````diff\n");
  });

  test("keeps text of the config from being markup, a mention or HTML", () => {
    const one = compared(
      STACK,
      edited(["parameters: {}", "parameters: { log_line_prefix: '<b>|@team `x` **y** &amp; ' }"]),
    );
    const body = message([one]);
    const row = body.split("\n").find((line) => line.startsWith("| `log_line_prefix`"))!;
    expect(row.replaceAll("\\|", "").split("|")).toHaveLength(7);
    expect(html([one], frame)).not.toContain("<b>|@team");
  });
});

describe("no changes", () => {
  test.each(kinds)("$name: said only when there are none", ({ name, before, after }) => {
    const one = compared(before, after);
    const none = name === "no-change";
    expect(one.comparison.kind === "unchanged").toBe(none);
    expect(message([one]).includes("no changes")).toBe(none);
    expect(text([one], frame).includes("no changes")).toBe(none);
  });

  test("a mode, a single byte or a fact that differs is a change", () => {
    const rendered = side(STACK);
    if (rendered.kind !== "rendered") throw new Error("the fixture does not render");
    const { fleet } = rendered;
    const paths = fleet.plan.hosts.flatMap((host) =>
      host.components.flatMap((one) => one.files.map((file) => file.path)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.constantFrom("mode", "body"), (path, what) => {
        const plan = structuredClone(fleet.plan);
        const file = plan.hosts
          .flatMap((host) => host.components.flatMap((one) => one.files))
          .find((one) => one.path === path)!;
        if (what === "mode") file.mode = "0604";
        else file.sha256 = "0".repeat(64);
        const body = (asked: string): string => fleet.body(asked) + (what === "body" && asked === path ? "x\n" : "");
        const { comparison } = compared(rendered, { ...rendered, fleet: { plan, body } });
        expect(comparison.kind).toBe("changed");
        expect(comparison.totals.files).toBe(1);
      }),
      { numRuns: 40 },
    );
  });
});

describe("secrets", () => {
  const canary = "v1:Q0FOQVJZ:canary-7f3a9c";
  test.each([
    ["its cipher text changes", secret("v1:AAAA:before"), secret(canary)],
    ["it is new", STACK, secret(canary)],
    ["it is in clear text, which is refused", STACK, secret("x").replace(/\{ secure: .* \}/, canary)],
    ["the base has it in clear text", secret("x").replace(/\{ secure: .* \}/, canary), STACK],
    [
      "it stands where no secret belongs",
      STACK,
      edited(["parameters: {}", `parameters: { work_mem: { secure: "${canary}" } }`]),
    ],
  ])("a value is in no output when %s", (_, before, after) => {
    const one = compared(before, after);
    expect(one.comparison.kind).not.toBe("unchanged");
    const outputs = [message([one]), text([one], frame), html([one], frame), JSON.stringify(one)];
    for (const output of outputs) {
      expect(output).not.toContain("canary");
      expect(output).not.toContain("Q0FOQVJZ");
    }
  });
});

test("the same sides give the same bytes", () => {
  for (const { before, after } of kinds) {
    const [a, b] = [compared(before, after), compared(before, after)];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(message([a])).toBe(message([b]));
  }
});

test("1,000 replicas with the same change are one section and one line of the table", { timeout: 60_000 }, () => {
  const { comparison, groups } = compared(manyHosts(STACK, 1000), manyHosts(edited(RESIZE), 1000));
  expect(comparison.hosts).toHaveLength(1003);
  expect(groups.filter((group) => group.length > 900)).toHaveLength(1);
  expect(groups.length).toBeLessThanOrEqual(2);
});
