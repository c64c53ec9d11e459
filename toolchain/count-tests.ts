// Adds up vitest's JSON reports: `node toolchain/count-tests.ts REPORT…` prints "PASSED FAILED".
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

interface Report {
  success: boolean;
  numPassedTests: number;
  numFailedTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/** A file that could not be loaded, a run that failed outside its tests and a missing report count as one failure each. */
export function countReport(text: string | undefined): { passed: number; failed: number } {
  let report: Report;
  try {
    report = JSON.parse(text ?? "") as Report;
  } catch {
    return { passed: 0, failed: 1 };
  }
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + broken;
  return { passed: report.numPassedTests, failed: failed === 0 && !report.success ? 1 : failed };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const counts = process.argv.slice(2).map((file) => countReport(read(file)));
  const sum = (key: "passed" | "failed") => counts.reduce((total, count) => total + count[key], 0);
  console.log(`${sum("passed")} ${sum("failed")}`);
}
