#!/usr/bin/env node
// Starts cli/main.ts with a Node that can run TypeScript: this one, or the one that the project's packages bring.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import * as path from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST = [22, 18];
const here = path.dirname(fileURLToPath(import.meta.url));
const [major, minor] = process.versions.node.split(".").map(Number);

if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) {
  nodeModule.enableCompileCache?.();
  await import("./main.ts");
} else {
  const node = path.join(here, "../node_modules/node/bin/node");
  if (existsSync(node)) {
    handOver(node);
  } else {
    const needed = `Node ${OLDEST.join(".")} or newer is needed (this is ${process.versions.node})`;
    process.stderr.write(`pgfleet: ${needed}. Run \`make tools\`: it brings one with \`npm ci\`.\n`);
    process.exitCode = 2;
  }
}

function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  // A terminal sends them to the child too; the child decides when both end.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`pgfleet: ${node} does not start: ${error.message}\n`);
    process.exitCode = 2;
  });
  child.on("exit", (code, signal) => {
    if (!signal) {
      process.exitCode = code ?? 1;
      return;
    }
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
