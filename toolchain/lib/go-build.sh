# shellcheck shell=sh
# Builds one command from Go modules into the CLI cache. Sourced by pulumiw after cli.sh.

GO_HELP="Install Go $GO_OLDEST or newer; it fetches the exact toolchain itself:
  Debian 12      add bookworm-backports, then apt install -t bookworm-backports golang-go
  Debian 13      apt install golang-go
  Ubuntu 24.04   apt install golang-go
  anywhere       https://go.dev/dl (unpack to /usr/local/go)"

# install_go: `make tools` may install one, if apt has one that is new enough. Versioned packages live beside any other Go.
install_go() {
  [ "${PGFLEET_INSTALL_GO:-}" = 1 ] && command -v apt-cache >/dev/null 2>&1 || return 1
  package=$(apt-cache pkgnames golang-1. 2>/dev/null | sed -n 's/^golang-1\.\([0-9]*\)-go$/\1/p' | sort -n | tail -n 1)
  [ -n "$package" ] && [ "$package" -ge "${GO_OLDEST#1.}" ] || return 1
  package=golang-1.$package-go
  say "installing with apt: $package"
  if [ "$(id -u)" -eq 0 ]; then "$ROOT/toolchain/setup" --packages "$package"; else sudo "$ROOT/toolchain/setup" --packages "$package"; fi
}

# find_go: sets GO to the first go command that is new enough.
find_go() {
  GO=
  go_seen=
  for candidate in "$(command -v go 2>/dev/null)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    version=$(GOTOOLCHAIN=local "$candidate" env GOVERSION 2>/dev/null) || continue
    version=${version#go}
    if at_least "$version" "$GO_OLDEST"; then
      GO=$candidate
      return 0
    fi
    go_seen="${go_seen:+$go_seen, }$candidate $version"
  done
  if install_go; then
    PGFLEET_INSTALL_GO=
    find_go
    return
  fi
  say "building it needs Go $GO_OLDEST or newer (found: ${go_seen:-none})."
  printf '%s\n' "$GO_HELP" >&2
  return 1
}

# go_build FOLDER PACKAGE NAME LDFLAGS: FOLDER is the module under toolchain/. The result appears under its name
# only when it is whole; an interrupted build goes on from Go's own cache.
go_build() {
  find_go || return 1
  mkdir -p "$PULUMI_CACHE" || return 1
  part=$PULUMI_CACHE/$3.part.$$
  log=$PULUMI_CACHE/$3.log.$$
  say "building $3 with Go (minutes the first time; free to interrupt, the next run goes on)"
  (
    cd "$ROOT/toolchain/$1" || exit 1
    GOTOOLCHAIN=auto GOWORK=off GO111MODULE=on exec "$GO" build -v -mod=readonly -buildvcs=false -trimpath \
      -ldflags "$4" -o "$part" "$2"
  ) >"$log" 2>&1 </dev/null &
  build=$!
  trap 'kill "$build" 2>/dev/null; rm -f "$part" "$log"; exit 130' INT TERM HUP
  waited=0
  while kill -0 "$build" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    [ $((waited % 15)) -eq 0 ] && say "  $waited s: $(grep -vc '^go: ' "$log") packages built, $(grep -c '^go: downloading' "$log") modules fetched"
  done
  built=0
  wait "$build" || built=$?
  trap - INT TERM HUP
  if [ "$built" -ne 0 ]; then
    say "go build of $3 failed; its last lines:"
    tail -n 15 "$log" >&2
    rm -f "$part" "$log"
    return 1
  fi
  rm -f "$log"
  mv -f "$part" "$PULUMI_CACHE/$3"
}
