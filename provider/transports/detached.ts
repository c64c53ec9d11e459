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
