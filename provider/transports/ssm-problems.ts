/** What is wrong when an instance cannot be reached through AWS Systems Manager: ssm-proxy's words and aws's own. */

import type { DialProblem } from "./ssh-problems.ts";

/** Errors of the AWS API that go away by themselves. */
const PASSING = /TargetNotConnected|Throttling|RequestLimitExceeded|InternalServerError|ServiceUnavailable/;

/** @returns undefined when neither of the two said anything */
export function ssmProblem(said: string, host: string): DialProblem | undefined {
  const is = (kind: DialProblem["kind"], reason: string, passing = false): DialProblem => ({ kind, reason, passing });
  const lines = said.split(/[\r\n]+/).map((line) => line.trim());
  const own = lines.find((line) => line.startsWith("ssm-proxy: "))?.slice("ssm-proxy: ".length);
  const error = lines.find((line) =>
    /An error occurred \(\w+\)|Unable to locate credentials|Could not connect to the endpoint|SSOTokenLoadError|Error loading SSO Token|The config profile/.test(
      line,
    ),
  );
  if (own?.includes("is not installed")) {
    const what = own.startsWith("aws ") ? "the AWS command line (aws, version 2)" : "AWS' session-manager-plugin";
    return is(
      "setup",
      `${own} on this machine, and ${host} is reached through AWS Systems Manager. Install ${what}, or give the host another way (ssh.proxyCommand, ssh.proxyJump).`,
    );
  }
  if (error && PASSING.test(error)) {
    const agent = /TargetNotConnected/.test(error)
      ? "The instance boots, or its agent has no way to Systems Manager: its profile needs AmazonSSMManagedInstanceCore, and its subnet a way out or the endpoints ssm, ssmmessages and ec2messages."
      : "AWS asks to try again.";
    return is("other", `${quoted(error)} ${agent}`, true);
  }
  if (error)
    return is(
      "setup",
      `${quoted(error)} Log in to AWS as one who may ec2:DescribeInstances, and ssm:StartSession with document AWS-StartSSHSession (AWS_PROFILE, aws sso login).`,
    );
  if (own?.startsWith("no running instance"))
    return is("name", `${own}. It is stopped or not made yet, or this is another account (AWS_PROFILE).`, true);
  if (own && /^\d+ running instances/.test(own))
    return is("name", `${own}. Which of them is ${host} cannot be known: take the tags off the others, or stop them.`);
  return own ? is("setup", own) : undefined;
}

const quoted = (line: string): string =>
  `aws said: ${line
    .replace(/^.*?(?=An error occurred)/, "")
    .slice(0, 300)
    .replace(/\.?$/, ".")}`;
