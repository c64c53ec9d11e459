# shellcheck shell=sh
# What a killed engine leaves behind in a file backend: its lock and its pending operations. Sourced by pulumiw.

# lock_holder_lives PID LOCK: a process of this machine that can still be the one that wrote the lock.
# A pid is used again sooner or later, after a reboot soonest.
lock_holder_lives() {
  kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ] || return 1
  booted=$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)
  written=$(stat -c %Y "$2" 2>/dev/null)
  if [ -n "$booted" ] && [ -n "$written" ] && [ "$written" -lt "$booted" ]; then return 1; fi
  # Unreadable command lines count as the engine's: better a lock too many than two engines.
  command_line=$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) || return 0
  case $command_line in '' | *pulumi*) return 0 ;; esac
  return 1
}

clear_dead_locks() {
  [ -n "$ENGINE_DIR" ] || return 0
  here=$(uname -n)
  for lock in "$ENGINE_DIR/.pulumi/locks/organization/$(project_name)/$STACK"/*.json; do
    [ -f "$lock" ] || continue
    pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$lock")
    host=$(sed -n 's/.*"hostname": *"\([^"]*\)".*/\1/p' "$lock")
    if [ -n "$pid" ] && [ "$host" = "$here" ] && ! lock_holder_lives "$pid" "$lock"; then
      rm -f "$lock" "$lock.attrs"
      say "cleared the lock of process $pid, which is gone (it was killed or the machine went down)"
    fi
  done
}

# clear_cut_attributes: the backend keeps a file of attributes beside each of its files and writes it in place. One
# that was cut off is empty, and Pulumi then cannot read the state ("failed to load checkpoint: EOF"); one that is
# missing is fine.
clear_cut_attributes() {
  [ -n "$ENGINE_DIR" ] && [ -d "$ENGINE_DIR/.pulumi" ] || return 0
  find "$ENGINE_DIR/.pulumi" -type f -name '*.attrs' -size 0 -exec rm -f {} +
}

# has_pending_creates: the checkpoint names a resource whose creation was never reported back.
has_pending_creates() {
  [ -n "$ENGINE_DIR" ] && [ -f "$(checkpoint)" ] || return 1
  grep -q '"pending_operations"' "$(checkpoint)" || return 1
  node -e 'const c = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    const pending = c.checkpoint?.latest?.pending_operations ?? [];
    process.exit(pending.some((o) => o.type === "creating") ? 0 : 1)' "$(checkpoint)"
}

# clear_pending_creates: everything is excluded from the refresh, so no host is read twice and no provider starts.
# What was half made is adopted by the create that follows.
clear_pending_creates() {
  has_pending_creates || return 0
  say "an earlier run was cut off while it created resources: forgetting those attempts, they are adopted or made again"
  set -- refresh --clear-pending-creates --exclude '**' --yes --skip-preview --non-interactive -s "$STACK"
  with=${CONFIG_COPY:-$CONFIG_FILE}
  [ -z "$with" ] || set -- "$@" --config-file "$with"
  report=$("$PULUMI" -C "$PROJECT" "$@" 2>&1) || {
    printf '%s\n' "$report" >&2
    exit 1
  }
}
