import { expect, test } from "vitest";
import { countReport } from "../../toolchain/count-tests.ts";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});
const report = (numPassedTests: number, numFailedTests: number, success: boolean, ...testResults: object[]) =>
  JSON.stringify({ success, numPassedTests, numFailedTests, testResults });

test.each([
  ["all pass", report(2, 0, true, file("passed", "passed", "passed")), { passed: 2, failed: 0 }],
  ["one fails", report(1, 1, false, file("failed", "passed", "failed")), { passed: 1, failed: 1 }],
  ["a file does not load", report(1, 0, false, file("passed", "passed"), file("failed")), { passed: 1, failed: 1 }],
  ["an error outside the tests", report(1, 0, false, file("passed", "passed")), { passed: 1, failed: 1 }],
  ["no tests at all", report(0, 0, true), { passed: 0, failed: 0 }],
  ["no report", undefined, { passed: 0, failed: 1 }],
  ["a broken report", "{", { passed: 0, failed: 1 }],
])("%s", (_, text, expected) => {
  expect(countReport(text)).toEqual(expected);
});
