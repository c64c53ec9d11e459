/** Processes on a host that outlive the command that started them, and are ended by pid. */

/**
 * A piece of shell: ends the group of $1 when it is a process with the word $2 in its command line, for pids are used
 * again. One that was just started has no command line for a moment: it is looked at again.
 */
export const END_DETACHED = `n=0
while [ "$n" -lt 25 ]; do
case "$(tr "\\0" " " < "/proc/$1/cmdline" 2>/dev/null)" in
*"$2"*) kill -- "-$1" 2>/dev/null || kill "$1" 2>/dev/null; break ;;
"") [ -d "/proc/$1" ] || break ;;
*) break ;;
esac
n=$((n + 1)); sleep 0.02
done`;

// $1 the provider, $2 the leader of the group. /proc, since another user's process cannot be asked with kill -0.
const WATCH = `while [ -d "/proc/$1" ] && kill -0 "-$2" 2>/dev/null; do sleep 0.2; done; kill -KILL "-$2" 2>/dev/null`;

/**
 * A command whose own children end with the provider too: the kernel ends the first process only when its parent dies,
 * and pg_basebackup's receiver would go on for ever. The command has to lead its process group.
 */
export function endingTogether(argv: string[]): string[] {
  const start = `( setsid sh -c '${WATCH}' pgfleet-together "$1" "$$" </dev/null >/dev/null 2>&1 & ); shift; exec "$@"`;
  return ["sh", "-c", start, "sh", String(process.pid), ...argv];
}
