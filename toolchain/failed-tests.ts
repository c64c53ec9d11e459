// Says once more which tests failed and why, short enough for the end of a long log: `node toolchain/failed-tests.ts REPORT…`.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";

interface Report {
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
  }[];
}

const MOST_CHARACTERS = 400;

/** The lines of a message that say what went wrong: its first, and those that an engine marks as errors. */
function gist(message: string): string {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("at "));
  const marked = lines.slice(1).filter((line) => /^(error:|\* |AssertionError|\+ |- )/.test(line));
  return [lines[0] ?? "no message", ...marked].join(" | ").slice(0, MOST_CHARACTERS);
}

/** One line for each failed test, and for each file that failed outside its tests. */
export function failedTests(text: string, root: string): string[] {
  return (JSON.parse(text) as Report).testResults.flatMap((file) => {
    const name = file.name.startsWith(`${root}/`) ? file.name.slice(root.length + 1) : file.name;
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    if (file.status === "failed" && failed.length === 0) return [`${name}: ${gist(file.message ?? "")}`];
    return failed.map((test) => `${name} > ${test.fullName}: ${gist(test.failureMessages?.join("\n") ?? "")}`);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const file of process.argv.slice(2)) {
    try {
      for (const line of failedTests(readFileSync(file, "utf8"), process.cwd())) console.log(`FAILED ${line}`);
    } catch (error) {
      console.log(`FAILED ${file}: no report (${(error as Error).message})`);
    }
  }
}
