/** `aws ec2 describe-instances` and `aws ssm start-session` with AWS-StartSSHSession, as a ProxyCommand calls them. */

import * as net from "node:net";
import { Cloud } from "./cloud.ts";
import { describeInstances, sessionAddress } from "./queries.ts";

const [service, command, ...args] = withoutGlobals(process.argv.slice(2));
try {
  const state = Cloud.here().state();
  if (service === "ec2" && command === "describe-instances")
    process.stdout.write(`${describeInstances(state, args)}\n`);
  else if (service === "ssm" && command === "start-session") session(...sessionAddress(state, args));
  else throw new Error(`the stand-in has no command "${service} ${command}"`);
} catch (error) {
  process.stderr.write(`\n${(error as Error).message}\n`);
  process.exitCode = 254;
}

function session(address: string, port: number): void {
  const socket = net.connect({ host: address, port });
  socket.on("error", (error) => {
    process.stderr.write(`\nSetting up data channel with id test failed: ${error.message}\n`);
    process.exit(255);
  });
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on("close", () => process.exit(0));
}

/** Options that may stand before the service: --region R --profile P. */
function withoutGlobals(all: string[]): string[] {
  while (all[0]?.startsWith("--")) all = all.slice(all[0].includes("=") || all[0].startsWith("--no-") ? 1 : 2);
  return all;
}
