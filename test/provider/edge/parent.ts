/** Stands between a test and the provider, so that the provider's parent can be killed. Prints its child's id and port. */

import { spawn } from "node:child_process";

const [executable, ...args] = process.argv.slice(2);
const child = spawn(executable!, args, { stdio: ["ignore", "pipe", "ignore"], detached: true });
child.stdout.once("data", (data) => process.stdout.write(`${child.pid} ${String(data)}`));
