import { expect, test } from "vitest";
import { failedTests } from "../../toolchain/failed-tests.ts";

const report = (...testResults: object[]) => JSON.stringify({ testResults });
const up =
  "\u001b[31mError: pulumi ended with 1:\u001b[39m\nUpdating\n    * step 3 failed: db1 is gone\n    at somewhere (file.ts:1:1)";

test("a failed test is one line: where it is, and what an engine marked as the error", () => {
  const text = report({
    name: "/repo/test/a.test.ts",
    status: "failed",
    assertionResults: [
      { status: "passed", fullName: "fine" },
      { status: "failed", fullName: "moves", failureMessages: [up] },
    ],
  });
  expect(failedTests(text, "/repo")).toEqual([
    "test/a.test.ts > moves: Error: pulumi ended with 1: | * step 3 failed: db1 is gone",
  ]);
});

test("a file that did not load is one line", () => {
  const text = report({ name: "/repo/b.test.ts", status: "failed", message: "Cannot find x", assertionResults: [] });
  expect(failedTests(text, "/repo")).toEqual(["b.test.ts: Cannot find x"]);
});

test("a long message is cut, and what passed is not named", () => {
  const failed = { status: "failed", fullName: "long", failureMessages: ["x".repeat(5000)] };
  expect(failedTests(report({ name: "c", status: "failed", assertionResults: [failed] }), "/")[0]).toHaveLength(
    "c > long: ".length + 400,
  );
  expect(failedTests(report({ name: "c", status: "passed", assertionResults: [] }), "/")).toEqual([]);
});
