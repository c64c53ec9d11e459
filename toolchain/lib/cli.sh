# shellcheck shell=sh
# Finds the Pulumi CLI: the PATH (and where the official installer puts it), the cache, the npm package's download, a build with Go. Sourced by pulumiw.
# Sets PULUMI (absolute path) and CLI_ROUTE (what to tell the person).

PULUMI_CACHE=${PULUMI_HOME:-$HOME/.pulumi}/versions/$PULUMI_VERSION/bin
DOWNLOAD_PROBE_SECONDS=15
DOWNLOAD_SECONDS=900

# is_wrapper FILE: this wrapper, or the npm package's downloader, under the name `pulumi`.
is_wrapper() {
  target=$(readlink -f "$1" 2>/dev/null) || target=$1
  case $target in
    "$ROOT/pulumiw" | */node_modules/pulumi/run.js | */node_modules/.bin/pulumi) return 0 ;;
  esac
  return 1
}

cli_on_path() {
  old_ifs=$IFS
  IFS=:
  set -f
  for folder in $PATH:${PULUMI_HOME:-$HOME/.pulumi}/bin; do
    candidate=${folder:-.}/pulumi
    [ -f "$candidate" ] && [ -x "$candidate" ] || continue
    [ "$folder" = "$PULUMI_CACHE" ] && continue
    is_wrapper "$candidate" && continue
    version=$(PULUMI_SKIP_UPDATE_CHECK=true bounded 20 "$candidate" version 2>/dev/null </dev/null) || version=
    version=${version#v}
    if at_least "$version" "3.$PULUMI_OLDEST_MINOR" && [ "${version%%.*}" = 3 ]; then
      PULUMI=$candidate
      CLI_ROUTE="pulumi $version as installed, $candidate"
      break
    fi
    say "passing over $candidate: version ${version:-unknown}, needed is 3.$PULUMI_OLDEST_MINOR or a newer 3.x"
  done
  set +f
  IFS=$old_ifs
  [ -n "$PULUMI" ]
}

cli_in_cache() {
  [ -x "$PULUMI_CACHE/pulumi" ] && [ -s "$PULUMI_CACHE/pulumi" ] || return 1
  PULUMI=$PULUMI_CACHE/pulumi
  CLI_ROUTE="pulumi $PULUMI_VERSION from the cache, $PULUMI"
}

# The npm package fetches an install script without a time limit of its own, so the host is asked first.
cli_from_npm() {
  [ -f "$ROOT/node_modules/pulumi/run.js" ] || return 1
  if [ "${PGFLEET_OFFLINE:-}" = 1 ]; then
    say "PGFLEET_OFFLINE=1: not downloading pulumi $PULUMI_VERSION"
    return 1
  fi
  probe='fetch("https://get.pulumi.com/install.sh",{method:"HEAD"}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))'
  if ! NODE_USE_ENV_PROXY=1 bounded "$DOWNLOAD_PROBE_SECONDS" node -e "$probe" >/dev/null 2>&1; then
    say "get.pulumi.com does not answer: not downloading pulumi $PULUMI_VERSION"
    return 1
  fi
  say "downloading pulumi $PULUMI_VERSION with the npm package \`pulumi\`"
  NODE_USE_ENV_PROXY=1 PULUMI_VERSION=$PULUMI_VERSION PULUMI_SKIP_UPDATE_CHECK=true \
    bounded "$DOWNLOAD_SECONDS" node "$ROOT/node_modules/pulumi/run.js" version >&2 </dev/null || {
    say "the download of pulumi $PULUMI_VERSION failed"
    return 1
  }
  cli_in_cache || return 1
  CLI_ROUTE="pulumi $PULUMI_VERSION downloaded by the npm package, $PULUMI"
}

cli_from_go() {
  go_build pulumi-cli github.com/pulumi/pulumi/pkg/v3/cmd/pulumi pulumi \
    "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$PULUMI_VERSION" || return 1
  PULUMI=$PULUMI_CACHE/pulumi
  CLI_ROUTE="pulumi $PULUMI_VERSION built with Go from its modules, $PULUMI"
}

find_cli() {
  PULUMI=
  cli_on_path || cli_in_cache || cli_from_npm || cli_from_go ||
    die "no Pulumi CLI. Install it (https://www.pulumi.com/docs/install), or make one of the ways above work."
  ensure_language_host
  case :$PATH: in *:"${PULUMI%/*}":*) ;; *) PATH=${PULUMI%/*}:$PATH && export PATH ;; esac
}

# An official CLI has its language host beside it. Beside one built here goes the last host that is a Go module,
# behind a script that hands it the runtime options it does not read itself.
ensure_language_host() {
  beside=$(readlink -f "$PULUMI" 2>/dev/null) || beside=$PULUMI
  for host in "${PULUMI%/*}" "${beside%/*}"; do
    [ -x "$host/pulumi-language-nodejs" ] && [ ! -x "$host/pulumi-language-nodejs-real" ] && return 0
  done
  if [ "${PULUMI%/*}" != "$PULUMI_CACHE" ] && command -v pulumi-language-nodejs >/dev/null 2>&1; then return 0; fi
  if [ ! -x "$PULUMI_CACHE/pulumi-language-nodejs-real" ]; then
    go_build language-nodejs github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs \
      pulumi-language-nodejs-real "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v$PULUMI_LANGUAGE_NODEJS_VERSION" ||
      die "the CLI has no Node language host beside it, and none could be built"
  fi
  script=$ROOT/toolchain/language-nodejs/pulumi-language-nodejs
  if ! cmp -s "$script" "$PULUMI_CACHE/pulumi-language-nodejs"; then
    cp "$script" "$PULUMI_CACHE/pulumi-language-nodejs.part.$$"
    chmod 755 "$PULUMI_CACHE/pulumi-language-nodejs.part.$$"
    mv -f "$PULUMI_CACHE/pulumi-language-nodejs.part.$$" "$PULUMI_CACHE/pulumi-language-nodejs"
  fi
  case :$PATH: in *:"$PULUMI_CACHE":*) ;; *) PATH=$PULUMI_CACHE:$PATH && export PATH ;; esac
}
