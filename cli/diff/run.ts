/** Programs of the base: run without credentials, and never longer than this process. */

import { spawn } from "node:child_process";

/** What the base's programs may see of the environment: nothing that could be a credential. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|TEMP|SHELL|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|NODE_DISABLE_COMPILE_CACHE|(https?|no)_proxy|npm_config_(?!.*(auth|token|password)).*)$/i;

/**
 * @param more variables beside those of this process
 * @param input what it reads
 * @returns its exit code, and what it said on standard error; npm speaks on both
 */
export async function run(
  program: string,
  words: string[],
  folder: string,
  more: Record<string, string>,
  input: Promise<string> = Promise.resolve(""),
): Promise<{ code: number; output: string }> {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED.test(name))),
    NO_COLOR: "1",
    ...more,
  };
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: folder, env, stdio: "pipe" });
    // One that ended early says why itself.
    child.stdin.on("error", () => {});
    input.then(
      (text) => child.stdin.end(text),
      () => child.kill(),
    );
    let output = "";
    const add = (text: string): void => {
      output = (output + text).slice(-1_000_000);
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => program === "npm" && add(text));
    child.stderr.setEncoding("utf8").on("data", add);
    const stop = (): void => void child.kill();
    process.once("exit", stop);
    child.on("error", (error) => resolve({ code: 127, output: `${program} cannot be run: ${error.message}` }));
    child.on("close", (code, signal) => {
      process.removeListener("exit", stop);
      resolve({ code: code ?? 1, output: signal ? `${output}\nended by ${signal}` : output });
    });
  });
}
