/** `pgfleet status`: what runs now, host by host, and what is not as it should be. Reads only. */

import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import colors from "picocolors";
import type { Fleet } from "../infra/fleet.ts";
import { layouts } from "../infra/platforms/platform.ts";
import { EXIT, UsageError } from "./errors.ts";
import { loadStack, planStack, ROOT } from "./load.ts";
import { type FormatOptions, print, type StackOptions, warn, withFormat, withStack } from "./options.ts";
import { collectFleet } from "./status/collect.ts";
import { statusText } from "./status/table.ts";
import type { FleetStatus } from "./status/types.ts";

interface StatusOptions extends StackOptions, FormatOptions {
  wait: boolean;
}

/** With --wait; a scrape interval comes on top, since Prometheus scrapes each target for the first time within one. */
const WAIT_LIMIT_MS = 20_000;
const WAIT_STEP_MS = 500;

export function register(program: Command): void {
  withFormat(withStack(program.command("status")))
    .description("look at every host: roles, lag, services, targets, and what is not as declared")
    .option("--wait", "wait for what settles by itself after a start: streaming, exporters, Prometheus targets", false)
    .action(status);
}

async function status(options: StatusOptions): Promise<void> {
  const fleet = loadLiveFleet(options);
  const found = options.wait ? await settled(fleet) : await collectFleet(fleet);
  print(options.format === "json" ? JSON.stringify(found, null, 2) : statusText(found, colors));
  if (!found.ok) process.exitCode = EXIT.problem;
}

/** The fleet as declared, on a platform whose hosts can be reached. */
export function loadLiveFleet(options: StackOptions): Fleet {
  const { spec, warnings } = loadStack(options.stack, ROOT, options.configFile);
  warn(warnings);
  try {
    return planStack(spec, layouts(spec, ROOT));
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

async function settled(fleet: Fleet): Promise<FleetStatus> {
  const deadline = Date.now() + WAIT_LIMIT_MS + (fleet.spec.monitoring?.scrapeIntervalSeconds ?? 0) * 1000;
  for (;;) {
    const found = await collectFleet(fleet);
    if (!found.problems.some((problem) => problem.transient) || Date.now() > deadline) return found;
    await delay(WAIT_STEP_MS);
  }
}
