/**
 * What runs on a host for one command over ssh. The remote command is the same for all of them and names nothing: the
 * script that says what to run comes through standard input, so no argument list shows it, however long it is.
 *
 * After the script come the bytes of the command's own standard input, then a "." at least every 45 s for as long as
 * the operator is there, and a "d" once the command's end was seen. No more dots, or the end of the stream: the
 * operator or the connection is gone, and the command's whole process group is killed.
 */

/** Seconds without a sign of the operator after which a command on the host is ended. */
const SILENCE_LIMIT_S = 45;
/** How often the operator gives one. */
export const SIGN_EVERY_MS = 10_000;

/** Reads the length of the script in a line, then the script, and becomes it. Standard input stays open behind it. */
const BOOT = 'IFS= read -r n && s=$(head -c "$n") && eval "$s"';

/** @param become "sudo": the command is root's by `sudo -n` unless the login is root's already */
export function bootCommand(become: "sudo" | "none"): string {
  const boot = `/bin/sh -c ${quote(BOOT)}`;
  if (become === "none") return `exec ${boot}`;
  return `exec /bin/sh -c ${quote(`[ "$(id -u)" = 0 ] && exec ${boot}; exec sudo -n -- ${boot}`)}`;
}

export interface RemoteCommand {
  argv: readonly string[];
  /** OS user to switch to; the connection is root's then. */
  user?: string;
  env: Record<string, string>;
  /** Bytes of standard input that the command gets. */
  stdinBytes: number;
  /** Random; stands in the line that tells the exit code. */
  token: string;
}

/**
 * setsid: a group of its own, whatever sshd and sudo made of theirs. The command sees the end of its input only after
 * a first "." behind it: a stream that broke off in the middle is no input to act on.
 */
export function remoteScript(command: RemoteCommand): string {
  const { user } = command;
  // Its login group, which need not have its name.
  const runAs = user ? `setpriv --reuid=${quote(user)} --regid="$(id -g ${quote(user)})" --init-groups -- ` : "";
  const env = ["env", "-i", ...Object.entries(command.env).map(([name, value]) => `${name}=${value}`)];
  const words = `${env.map(quote).join(" ")} ${runAs}${command.argv.map(quote).join(" ")}`;
  const inner = `cd /; exec 3<&0
{ ${command.stdinBytes > 0 ? `head -c ${command.stdinBytes} <&3; ` : ""}while :; do case "$(timeout ${SILENCE_LIMIT_S} head -c 1 <&3)" in .) exec >/dev/null ;; d) exit 0 ;; *) kill -s KILL -- "-$$"; exit 1 ;; esac; done
} | { ${words} 3<&-; printf '\\036%s %s\\036' ${command.token} "$?" >&2; }`;
  const script = `exec setsid -w /bin/sh -c ${quote(inner)}`;
  return `${Buffer.byteLength(script)}\n${script}`;
}

/** Splits the line with the exit code from what a command said; undefined: it has not ended. */
export function takeEnd(stderr: string, token: string): { code: number; stderr: string } | undefined {
  const at = stderr.lastIndexOf(`\x1e${token} `);
  if (at < 0) return undefined;
  const from = at + token.length + 2;
  const end = stderr.indexOf("\x1e", from);
  return end < 0
    ? undefined
    : { code: Number(stderr.slice(from, end)), stderr: stderr.slice(0, at) + stderr.slice(end + 1) };
}

/** A word for the shell. */
export const quote = (word: string): string =>
  /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
