# shellcheck shell=sh
# Shared by pulumiw and toolchain/setup. Sourced; expects ROOT, the project's folder.

. "$ROOT/toolchain/versions"
SAYS=${SAYS:-pulumiw}
# Some schedulers start commands without it.
if [ -z "${HOME:-}" ]; then HOME=$(getent passwd "$(id -u)" | cut -d : -f 6) && export HOME; fi

say() { printf '%s: %s\n' "$SAYS" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# at_least FOUND OLDEST: compares "major.minor…" by its first two numbers; an unreadable version is too old.
at_least() {
  found_major=${1%%.*}
  found_rest=${1#*.}
  found_minor=${found_rest%%[!0-9]*}
  case $found_major$found_minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$found_major" -gt "${2%%.*}" ] || { [ "$found_major" -eq "${2%%.*}" ] && [ "${found_minor:-0}" -ge "${2#*.}" ]; }
}

# bounded SECONDS COMMAND…: stops the command after the time, where the machine has coreutils' timeout.
bounded() {
  seconds=$1
  shift
  if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$seconds" "$@"; else "$@"; fi
}

# choose_node: puts a new enough Node first on the PATH and sets NODE_FOUND. The npm package `node` is used only
# when the machine's own is older.
choose_node() {
  NODE_FOUND=$(node --version 2>/dev/null) || NODE_FOUND=
  at_least "${NODE_FOUND#v}" "$NODE_OLDEST" && return 0
  machine=${NODE_FOUND:-none}
  if [ -x "$ROOT/node_modules/node/bin/node" ]; then
    NODE_FOUND=$("$ROOT/node_modules/node/bin/node" --version 2>/dev/null) || NODE_FOUND=
    if at_least "${NODE_FOUND#v}" "$NODE_OLDEST"; then
      PATH=$ROOT/node_modules/node/bin:$PATH
      export PATH
      return 0
    fi
  fi
  NODE_FOUND=
  say "Node $NODE_OLDEST or newer is needed (found on this machine: $machine). Run \`make tools\`: it brings one with \`npm ci\`."
  return 1
}
