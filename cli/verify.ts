/** `pgfleet verify`: uses a live fleet as applications do, and says what holds. Leaves nothing behind. */

import type { Command } from "commander";
import colors from "picocolors";
import { EXIT } from "./errors.ts";
import { type FormatOptions, print, type StackOptions, withFormat, withStack } from "./options.ts";
import { loadLiveFleet } from "./status.ts";
import { type CheckResult, newRun, VERIFY_VERSION, type VerifyResult } from "./verify/checks.ts";
import { verifyDataPath } from "./verify/data-path.ts";
import { verifyMonitoring } from "./verify/monitoring.ts";

export function register(program: Command): void {
  withFormat(withStack(program.command("verify")))
    .description("try the fleet out: log in, write, read it on every replica, be refused where it must refuse")
    .addHelpText(
      "after",
      "\nWrites one row per pooler into a table of its own (schema pgfleet_verify) and drops it again.",
    )
    .action(verify);
}

async function verify(options: StackOptions & FormatOptions): Promise<void> {
  const fleet = loadLiveFleet(options);
  const asTable = options.format === "table";
  const cancel = new AbortController();
  const onSignal = (): void => cancel.abort(new Error("cancelled"));
  // For as long as it runs: a terminal's Ctrl-C can arrive twice, and the table has to go either way.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, onSignal);
  const run = newRun(fleet, cancel.signal, (result) => asTable && print(checkLine(result)));
  await verifyDataPath(run);
  await verifyMonitoring(run);
  const { stack, cluster } = fleet.spec;
  const ok = !cancel.signal.aborted && run.results.every((result) => result.ok);
  const result: VerifyResult = { version: VERIFY_VERSION, stack, cluster: cluster.name, ok, checks: run.results };
  const passed = run.results.filter((check) => check.ok).length;
  const cancelled = cancel.signal.aborted ? "; cancelled" : "";
  print(asTable ? `${passed} of ${run.results.length} checks passed${cancelled}` : JSON.stringify(result, null, 2));
  if (!ok) process.exitCode = EXIT.problem;
}

/** `✓ db2 refuses a write  12 ms`, and the reason below when it failed. */
export function checkLine({ name, ok, skipped, ms, error }: CheckResult): string {
  const mark = ok ? colors.green("✓") : skipped ? colors.yellow("–") : colors.red("✗");
  const time = skipped ? "" : colors.dim(`  ${ms} ms`);
  return `${mark} ${name}${time}${error === null ? "" : `\n    ${error.replaceAll("\n", "\n    ")}`}`;
}
