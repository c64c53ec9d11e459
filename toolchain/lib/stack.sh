# shellcheck shell=sh
# The stack a command is about, and the environment of stacks whose platform is local. Sourced by pulumiw.
# Expects PROJECT, STACK and CONFIG_FILE (the value of --config-file, empty without one).

# setting FILE KEY: a scalar of the stack file that stands on one line, without quotes and comment.
setting() {
  sed -n "s/^ *[\"']\{0,1\}postgres-fleet:$2[\"']\{0,1\} *: *//p" "$1" 2>/dev/null | head -n 1 |
    sed -e "s/^\"\([^\"]*\)\".*/\1/;t" -e "s/^'\([^']*\)'.*/\1/;t" -e 's/ *#.*$//' -e 's/ *$//'
}

project_name() { sed -n "s/^name: *[\"']\{0,1\}\([^\"' #]*\).*/\1/p" "$PROJECT/Pulumi.yaml" 2>/dev/null | head -n 1; }

# selected_stack: what `pulumi stack select` noted for this project, if it noted exactly one.
selected_stack() {
  hash=$(printf %s "$(cd "$PROJECT" && pwd -P)/Pulumi.yaml" | sha1sum 2>/dev/null | cut -d ' ' -f 1)
  noted=${PULUMI_HOME:-$HOME/.pulumi}/workspaces/$(project_name)-$hash-workspace.json
  [ -f "$noted" ] || return 0
  names=$(grep -v '{' "$noted" | sed -n 's/.*: *"\([^"]*\)",\{0,1\} *$/\1/p' | sort -u)
  [ "$(printf '%s\n' "$names" | wc -l)" -eq 1 ] && printf '%s\n' "$names"
  return 0
}

# stack_state_dir FILE: where this stack keeps its state on this machine.
stack_state_dir() {
  dir=$(setting "$1" stateDir)
  dir=${dir:-${PGFLEET_STATE_DIR:-}}
  if [ -z "$dir" ]; then
    if [ "$(id -u)" -eq 0 ]; then dir=/var/lib/pgfleet/$STACK; else dir=$PROJECT/.state/$STACK; fi
  fi
  case $dir in /*) ;; *) dir=$PROJECT/$dir ;; esac
  printf '%s\n' "$dir"
}

# A passphrase of the person's own wins. Otherwise one is made once, never shown, and readable by its owner only.
passphrase_environment() {
  [ -n "${PULUMI_CONFIG_PASSPHRASE+set}${PULUMI_CONFIG_PASSPHRASE_FILE:-}" ] && return 0
  PULUMI_CONFIG_PASSPHRASE_FILE=$STATE_DIR/passphrase
  export PULUMI_CONFIG_PASSPHRASE_FILE
  [ -s "$PULUMI_CONFIG_PASSPHRASE_FILE" ] && chmod 600 "$PULUMI_CONFIG_PASSPHRASE_FILE" && return 0
  if [ -n "$ENGINE_DIR" ] && stack_exists; then
    die "$PULUMI_CONFIG_PASSPHRASE_FILE is gone, and the state beside it was written with it. Put it back;" \
      "or move $ENGINE_DIR away: the next up then adopts what runs."
  fi
  made=$(umask 077 && mktemp "$STATE_DIR/.passphrase.XXXXXX") || die "cannot write in $STATE_DIR"
  head -c 32 /dev/urandom | base64 >"$made"
  # Without -f two wrappers that start together agree on whichever came first.
  ln "$made" "$PULUMI_CONFIG_PASSPHRASE_FILE" 2>/dev/null || :
  rm -f "$made"
}

# local_environment: sets and exports what a local stack needs, ENGINE_DIR (the file backend's folder, empty for
# another kind of backend) and STATE_DIR. Does nothing for any other platform.
local_environment() {
  LOCAL=
  ENGINE_DIR=
  STACK_FILE=${CONFIG_FILE:-$PROJECT/Pulumi.$STACK.yaml}
  [ -n "$STACK" ] && [ "$(setting "$STACK_FILE" platform)" = local ] || return 0
  LOCAL=1
  STATE_DIR=$(stack_state_dir "$STACK_FILE")
  (umask 022 && mkdir -p "$STATE_DIR") 2>/dev/null && [ -w "$STATE_DIR" ] ||
    die "cannot write in $STATE_DIR, the state of stack $STACK. Run as the user who made it (root? then with sudo), or set" \
      "postgres-fleet:stateDir in $STACK_FILE or PGFLEET_STATE_DIR to another folder."
  # The program is started elsewhere, so it gets the path in full.
  if [ -n "${PGFLEET_STATE_DIR:-}" ]; then PGFLEET_STATE_DIR=$STATE_DIR && export PGFLEET_STATE_DIR; fi
  if [ -z "${PULUMI_BACKEND_URL:-}" ]; then
    ENGINE_DIR=$STATE_DIR/engine
    (umask 077 && mkdir -p "$ENGINE_DIR") || die "cannot make $ENGINE_DIR"
    PULUMI_BACKEND_URL=file://$(printf %s "$ENGINE_DIR" | sed -e 's/%/%25/g' -e 's/#/%23/g' -e 's/?/%3F/g')
    export PULUMI_BACKEND_URL
  else
    case $PULUMI_BACKEND_URL in
      file:///*) ENGINE_DIR=$(printf %s "${PULUMI_BACKEND_URL#file://}" | sed -e 's/?.*//' -e 's/%23/#/g' -e 's/%3F/?/g' -e 's/%25/%/g') ;;
    esac
  fi
  passphrase_environment
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
  PULUMI_SKIP_UPDATE_CHECK=true
  PULUMI_CONTINUE_ON_ERROR=true
  export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION PULUMI_SKIP_UPDATE_CHECK PULUMI_CONTINUE_ON_ERROR
}

checkpoint() { printf '%s\n' "$ENGINE_DIR/.pulumi/stacks/$(project_name)/$STACK.json"; }
stack_exists() { [ -f "$(checkpoint)" ] || [ -f "$(checkpoint).gz" ]; }

# engine_config: Pulumi writes the salt of the passphrase into the stack file at the first command. It belongs to
# this machine and not into the repository, so the engine gets a copy of the stack file that keeps it.
# Sets CONFIG_COPY; empty where the stack file holds secrets, whose salt has to stay beside them.
engine_config() {
  CONFIG_COPY=
  grep -q '^ *secure:\|: *secure:' "$STACK_FILE" && return 0
  CONFIG_COPY=$STATE_DIR/engine/project/Pulumi.$STACK.yaml
  (umask 077 && mkdir -p "$STATE_DIR/engine/project") || die "cannot make $STATE_DIR/engine/project"
  salt=$(sed -n '/^encryptionsalt:/p' "$CONFIG_COPY" 2>/dev/null | head -n 1)
  sed '/^encryptionsalt:/d' "$STACK_FILE" >"$CONFIG_COPY" || die "cannot write $CONFIG_COPY"
  if [ -n "$salt" ]; then printf '\n%s\n' "$salt" >>"$CONFIG_COPY"; fi
}

# init_stack: makes the stack in the backend when it is not there yet. In a project folder of its own, because
# `stack init` would write the salt into the stack file.
init_stack() {
  [ -n "$ENGINE_DIR" ] || return 0
  stack_exists && return 0
  say "making stack $STACK in $ENGINE_DIR"
  if [ -z "$CONFIG_COPY" ]; then
    "$PULUMI" -C "$PROJECT" stack init "$STACK" --non-interactive >&2 || exit 1
    return 0
  fi
  printf 'name: %s\nruntime: nodejs\n' "$(project_name)" >"$STATE_DIR/engine/project/Pulumi.yaml"
  "$PULUMI" -C "$STATE_DIR/engine/project" stack init "$STACK" --non-interactive --no-select >&2 || exit 1
}
