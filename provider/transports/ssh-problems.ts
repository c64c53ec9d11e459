/** What ssh says when a host cannot be reached, told apart, with what to do about each. */

import { ssmProblem } from "./ssm-problems.ts";

export interface DialTarget {
  address: string;
  port: number;
  user: string;
  /** The file whose keys are believed; "" for ssh's own default. */
  knownHosts: string;
  /** The key is in the stack's config. */
  hostKeyGiven: boolean;
  identityFile?: string;
  /** There is no such file, or this process may not read it. */
  identityUnreadable?: boolean;
  /** Name of the host, where it is reached through AWS Systems Manager. */
  ssm?: string;
}

export interface DialProblem {
  kind:
    | "host-key-changed"
    | "host-key-unknown"
    | "refused-login"
    | "sudo"
    | "name"
    | "refused"
    | "timed-out"
    | "setup"
    | "other";
  /** One sentence or two: what is wrong, and the way out. */
  reason: string;
  /** It may go away by itself: the host boots, sshd starts. */
  passing: boolean;
}

/** @param said what ssh wrote to standard error, sudo's words among it; "" with `timedOut` for nothing at all */
export function dialProblem(said: string, target: DialTarget, timedOut = false): DialProblem {
  const { address, port, user } = target;
  const where = `${address} port ${port}`;
  const keys = target.hostKeyGiven ? "ssh.hostKey of the stack's config" : target.knownHosts || "~/.ssh/known_hosts";
  const is = (kind: DialProblem["kind"], reason: string, passing = false): DialProblem => ({ kind, reason, passing });
  const last = lastLine(said);
  const tunnel = target.ssm === undefined ? undefined : ssmProblem(said, target.ssm);
  if (tunnel) return tunnel;

  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i.test(said)) {
    return is(
      "host-key-changed",
      `the host key of ${where} is not the one in ${keys}. Another machine answers there, or the host was made anew. ` +
        `If it was, put its new key there (ssh-keyscan -p ${port} ${address}, compared with what the host's console shows)${target.hostKeyGiven ? "" : `, after ssh-keygen -R ${port === 22 ? address : `'[${address}]:${port}'`}`}.`,
    );
  }
  if (/Host key verification failed|No .* host key is known|no hostkey alg/i.test(said)) {
    return is(
      "host-key-unknown",
      `the host key of ${where} is not in ${keys}, and an unknown key is not trusted. ` +
        `Read it (ssh-keyscan -p ${port} ${address}), compare it with what the host's console shows, and put it there or as ssh.hostKey into the stack's config.`,
    );
  }
  if (/^sudo: |sudo: .*(password|terminal|tty)|is not in the sudoers file|sudo: (command )?not found/im.test(said))
    return is("sudo", sudoReason(said, user));
  if (
    /Permission denied|Too many authentication failures|UNPROTECTED PRIVATE KEY|bad permissions|Load key/i.test(said)
  ) {
    return is("refused-login", loginReason(said, target));
  }
  if (/Could not resolve hostname/i.test(said)) {
    const passing = /Temporary failure/i.test(said);
    return is(
      "name",
      `the name ${address} is not known here (${last}). Check the host's address, or the resolver of this machine.`,
      passing,
    );
  }
  if (/Connection refused/i.test(said)) {
    return is("refused", `${where} refuses connections: no sshd listens there. Start it, or correct ssh.port.`, true);
  }
  // ssh gives up by itself while a connection is made; later it waits in silence.
  if (timedOut && !last) {
    return is(
      "timed-out",
      `${where} takes the connection and then does not answer. Either packets that are too large for the way (MTU) are lost between, or its login or sudo hangs.`,
      true,
    );
  }
  if (timedOut || /timed out|No route to host|Network is unreachable|Operation timed out/i.test(said)) {
    return is(
      "timed-out",
      `${where} does not answer${last ? ` (${last})` : ""}. It is down, the address is wrong, or a firewall between drops the packets.`,
      true,
    );
  }
  if (/kex_exchange_identification|Connection (closed|reset)|banner exchange|Broken pipe/i.test(said)) {
    return is(
      "other",
      `sshd at ${where} ends the connection before a login (${last}). It is starting, or it limits connections (MaxStartups).`,
      true,
    );
  }
  if (
    /Bad configuration option|Bad owner or permissions on|command-line: line|ENOENT|unix_listener|too long for Unix domain socket/i.test(
      said,
    )
  )
    return is("setup", `ssh on this machine does not work as it is set up: ${last}`);
  return is("other", last ? `ssh said: ${last}` : "ssh ended without a word.", true);
}

function sudoReason(said: string, user: string): string {
  if (/password/i.test(said)) {
    return `sudo asks ${user} for a password, and nobody is there to type it. Let it act without one on the host: a file in /etc/sudoers.d with the line "${user} ALL=(ALL) NOPASSWD: ALL", or log in as root (ssh.user).`;
  }
  if (/not in the sudoers/i.test(said))
    return `${user} may not use sudo on the host. Allow it in /etc/sudoers.d, or log in as root (ssh.user).`;
  if (/not found/i.test(said))
    return `${user} is not root, and there is no sudo on the host. Install it, or log in as root (ssh.user).`;
  return `sudo does not let ${user} act as root: ${lastLine(said)}`;
}

function loginReason(said: string, { address, port, user, identityFile, identityUnreadable }: DialTarget): string {
  const file = identityFile ?? "the keys that ssh finds by itself (agent, ~/.ssh)";
  if (/UNPROTECTED PRIVATE KEY|bad permissions/i.test(said))
    return `${file} can be read by others, so ssh does not use it. chmod 600 ${file}.`;
  if (identityUnreadable) return `there is no readable key ${file}. Correct ssh.identityFile.`;
  const methods = /Permission denied \(([^)]*)\)/.exec(said)?.[1];
  return (
    `${address} port ${port} does not let ${user} in${methods ? ` (it accepts ${methods})` : ""}. ` +
    `The user is another one (ssh.user), or its authorized_keys has none of ${file}.`
  );
}

const lastLine = (said: string): string =>
  said
    .trim()
    .split(/[\r\n]+/)
    .at(-1)
    ?.trim()
    .slice(0, 300) ?? "";
