import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diffResponse } from "../../../provider/diff-response.ts";
import { lockedKeys, withLock, withLocks } from "../../../provider/mutex.ts";
import { Operations } from "../../../provider/operations.ts";
import { Redactor } from "../../../provider/redact.ts";
import type { DiffResult } from "../../../provider/types.ts";
import { EXECUTABLE } from "./harness.ts";

const never = new AbortController().signal;

describe("locks", () => {
  test("one holder at a time, first come first served, other keys unaffected", async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = withLock("h1", never, async () => {
      log.push("first in");
      await gate.promise;
      log.push("first out");
    });
    const second = withLock("h1", never, async () => log.push("second"));
    const third = withLock("h1", never, async () => log.push("third"));
    await withLock("h2", never, async () => log.push("other"));
    expect(log).toEqual(["first in", "other"]);
    gate.resolve();
    await Promise.all([first, second, third]);
    expect(log).toEqual(["first in", "other", "first out", "second", "third"]);
    expect(lockedKeys()).toEqual([]);
  });

  test("a failing holder lets the next one in; the error and the result pass through", async () => {
    const failed = withLock("h", never, () => Promise.reject(new Error("boom")));
    const next = withLock("h", never, () => Promise.resolve(7));
    await expect(failed).rejects.toThrow("boom");
    expect(await next).toBe(7);
  });

  test("who is aborted while waiting never starts, and does not break the queue", async () => {
    const gate = Promise.withResolvers<void>();
    const first = withLock("h", never, () => gate.promise);
    const controller = new AbortController();
    let started = false;
    const waiting = withLock("h", controller.signal, async () => {
      started = true;
    });
    const log: string[] = [];
    const last = withLock("h", never, async () => log.push("last"));
    controller.abort(new Error("cancelled"));
    await expect(waiting).rejects.toThrow("cancelled");
    await new Promise((resolve) => setImmediate(resolve));
    // The first one is still inside: the place of the aborted one must not open the door.
    expect(log).toEqual([]);
    gate.resolve();
    await Promise.all([first, last]);
    expect([started, log]).toEqual([false, ["last"]]);
    await expect(withLock("h", controller.signal, async () => 1)).rejects.toThrow("cancelled");
    expect(lockedKeys()).toEqual([]);
  });

  test("asking again for a lock that one holds is an error, not a standstill", async () => {
    const nested = withLock("h", never, () => withLock("h", never, async () => 1));
    await expect(nested).rejects.toThrow('the lock "h" is already held by this operation');
  });

  test("several locks taken in any order never wait for each other", async () => {
    let inside = 0;
    const work = async () => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all([
      withLocks(["a", "b"], never, work),
      withLocks(["b", "a", "b"], never, work),
      withLocks(["b"], never, work),
    ]);
    expect(lockedKeys()).toEqual([]);
  });
});

describe("operations", () => {
  const hang = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

  test("abort reaches what runs, not what starts later; close refuses what comes", async () => {
    const operations = new Operations();
    const a = operations.run({ timeoutSeconds: 0 }, hang);
    const idle = operations.idle();
    operations.abort(new Error("cancelled"));
    await expect(a).rejects.toThrow("cancelled");
    await idle;
    expect(await operations.run({ timeoutSeconds: 0 }, async (signal) => signal.aborted)).toBe(false);
    operations.close(new Error("gone"));
    await expect(operations.run({ timeoutSeconds: 0 }, async () => 1)).rejects.toThrow("gone");
  });

  test("an endless timeout is no timeout", async () => {
    const operations = new Operations();
    const gate = Promise.withResolvers<string>();
    const long = operations.run({ timeoutSeconds: 1e9 }, async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return signal.aborted ? "aborted" : gate.promise;
    });
    gate.resolve("done");
    expect(await long).toBe("done");
  });
});

describe("redaction", () => {
  test("short secrets are masked where they stand alone, so that a message stays readable", () => {
    const redactor = new Redactor();
    redactor.add(["ab", 7, 123456, true, "", "  ", null]);
    expect(redactor.redact("ab cab 7 true 123456 x=ab;")).toBe("[secret] cab 7 true [secret] x=[secret];");
  });

  test("a secret that contains another is masked as a whole, and each line of a long one", () => {
    const redactor = new Redactor();
    redactor.add({ a: "abcd", b: ["abcd-efgh"], pem: "-----BEGIN-----\nMIIEvQIBADAN\n-----END-----" });
    expect(redactor.redact("abcd-efgh abcd MIIEvQIBADAN")).toBe("[secret] [secret] [secret]");
    expect(redactor.mentions("nothing")).toBe(false);
  });

  test("characters with a meaning in patterns are just characters", () => {
    const redactor = new Redactor();
    redactor.add("a.*+?^$()|[]\\/-{$&}");
    expect(redactor.redact("<a.*+?^$()|[]\\/-{$&}> aXXX")).toBe("<[secret]> aXXX");
  });
});

describe("diff", () => {
  const detailed: DiffResult["detailed"] = {
    'files["a.conf"].body': { kind: "update", inputDiff: true },
    "members[0].port": { kind: "update-replace", inputDiff: true },
  };
  const plain = (text: string) => text;

  test("ignored paths are dropped by whole segments", () => {
    const left = (ignore: string[]) => {
      const response = diffResponse({ changes: true, detailed }, ignore, plain);
      return [response.getDiffsList(), response.getReplacesList(), response.getHasdetaileddiff()];
    };
    expect(left([])).toEqual([["files", "members"], ["members"], true]);
    expect(left(["file", "members[1]"])).toEqual([["files", "members"], ["members"], true]);
    expect(left(["members[*].port"])).toEqual([["files"], [], true]);
    expect(left(['files["a.conf"]', "members"])).toEqual([[], [], false]);
  });

  test("a change without details is still a change", () => {
    const response = diffResponse({ changes: true, detailed: {} }, ["x"], plain);
    expect([response.getChanges(), response.getHasdetaileddiff()]).toEqual([2, false]);
    expect(diffResponse({ changes: false, detailed: {} }, [], plain).getChanges()).toBe(1);
  });
});

describe("the start script", () => {
  test("is executable", () => {
    expect(statSync(EXECUTABLE).mode & 0o777).toBe(0o755);
  });

  test.each([
    ["20.19.0", 1],
    ["22.17.1", 1],
    ["22.18.0", 0],
    ["24.0.0", 0],
  ])("without the project's own node, version %s on PATH gives exit code %i", (version, code) => {
    const folder = mkdtempSync(join(tmpdir(), "pgfleet start "));
    try {
      const bin = join(folder, "bin");
      mkdirSync(join(folder, "provider"));
      mkdirSync(bin);
      const script = join(folder, "provider", "pulumi-resource-pgfleet");
      copyFileSync(EXECUTABLE, script);
      // Answers the version question as that version would, and otherwise says how it was started.
      const fake = `#!/bin/sh
if [ "$1" = -e ]; then
  exec "${process.execPath}" -e "Object.defineProperty(process.versions, 'node', { value: '${version}' }); $2"
fi
for last; do :; done
echo "started with $last, parent $PPID"
`;
      writeFileSync(join(bin, "node"), fake);
      chmodSync(join(bin, "node"), 0o755);
      const result = spawnSync(script, ["127.0.0.1:9"], { env: { PATH: `${bin}:/usr/bin:/bin` }, encoding: "utf8" });
      expect(result.status).toBe(code);
      // Its parent is the caller: the script replaced itself.
      if (code === 0) expect(result.stdout).toBe(`started with 127.0.0.1:9, parent ${process.pid}\n`);
      else expect(result.stderr).toContain("needs Node.js 22.18 or newer: run `npm ci` in");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
