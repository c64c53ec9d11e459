import { describe, expect, test } from "vitest";
import { dialProblem } from "../../../provider/transports/ssh-problems.ts";

const target = { address: "10.0.0.2", port: 22, user: "admin", knownHosts: "", hostKeyGiven: false };

/** What OpenSSH and sudo say, word for word. */
const CASES: [said: string, kind: string, passing: boolean, names: RegExp][] = [
  ["ssh: connect to host 10.0.0.2 port 22: Connection refused", "refused", true, /no sshd listens/],
  ["ssh: connect to host 10.0.0.2 port 22: Connection timed out", "timed-out", true, /firewall/],
  ["ssh: connect to host 10.0.0.2 port 22: No route to host", "timed-out", true, /No route to host/],
  ["Connection timed out during banner exchange", "timed-out", true, /does not answer/],
  ["kex_exchange_identification: read: Connection reset by peer", "other", true, /MaxStartups/],
  ["admin@10.0.0.2: Permission denied (publickey,password).", "refused-login", false, /accepts publickey,password/],
  ["Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures", "refused-login", false, /admin/],
  ["ssh: Could not resolve hostname db2: Name or service not known", "name", false, /Check the host's address/],
  ["ssh: Could not resolve hostname db2: Temporary failure in name resolution", "name", true, /Temporary/],
  [
    "No ED25519 host key is known for 10.0.0.2 and you have requested strict checking.\r\nHost key verification failed.",
    "host-key-unknown",
    false,
    /ssh-keyscan -p 22/,
  ],
  [
    "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.",
    "host-key-changed",
    false,
    /ssh-keygen -R 10\.0\.0\.2/,
  ],
  ["sudo: a password is required", "sudo", false, /NOPASSWD/],
  ["sudo: a terminal is required to read the password; either use the -S option", "sudo", false, /NOPASSWD/],
  ["admin is not in the sudoers file.", "sudo", false, /may not use sudo/],
  ["/bin/sh: 1: exec: sudo: not found", "sudo", false, /no sudo on the host/],
  ["/root/.ssh/config: line 3: Bad configuration option: foo", "setup", false, /Bad configuration option: foo/],
  ["", "other", true, /without a word/],
];

describe("why a host cannot be reached", () => {
  test.each(CASES)("%s", (said, kind, passing, names) => {
    const problem = dialProblem(said, target);
    expect(problem).toMatchObject({ kind, passing });
    expect(problem.reason).toMatch(names);
  });

  test("silence until the limit is a host that took the connection and does not answer", () => {
    const problem = dialProblem("", target, true);
    expect(problem).toMatchObject({ kind: "timed-out", passing: true });
    expect(problem.reason).toMatch(/takes the connection and then does not answer.*MTU/);
  });
});

const SSM_CASES: [said: string, kind: string, passing: boolean, names: RegExp][] = [
  ["ssm-proxy: aws is not installed", "setup", false, /aws is not installed .* Install the AWS command line/],
  ["ssm-proxy: session-manager-plugin is not installed", "setup", false, /Install AWS' session-manager-plugin/],
  [
    "ssm-proxy: no running instance in eu-central-1 has the tags pgfleet:stack=prod and pgfleet:host=db2\nConnection closed by UNKNOWN port 65535",
    "name",
    true,
    /^no running instance in eu-central-1 .*pgfleet:host=db2\. It is stopped/,
  ],
  [
    "ssm-proxy: 2 running instances in eu-central-1 have the tags pgfleet:stack=prod and pgfleet:host=db2: i-0a i-0b",
    "name",
    false,
    /i-0a i-0b\. Which of them is db2/,
  ],
  [
    "An error occurred (ExpiredToken) when calling the DescribeInstances operation: The token has expired.\nssm-proxy: aws cannot list the instances in eu-central-1",
    "setup",
    false,
    /ExpiredToken.*aws sso login/,
  ],
  ["Unable to locate credentials. You can configure them.", "setup", false, /Unable to locate credentials/],
  [
    "An error occurred (TargetNotConnected) when calling the StartSession operation: i-0a is not connected.",
    "other",
    true,
    /TargetNotConnected.*AmazonSSMManagedInstanceCore/,
  ],
  ["ssh: connect to host 10.0.0.2 port 22: Connection refused", "refused", true, /no sshd listens/],
];

describe("why a host cannot be reached through Systems Manager", () => {
  test.each(SSM_CASES)("%s", (said, kind, passing, names) => {
    const problem = dialProblem(said, { ...target, ssm: "db2" });
    expect(problem).toMatchObject({ kind, passing });
    expect(problem.reason).toMatch(names);
  });
});
