# shellcheck shell=sh
# Debian and Ubuntu packages of the local platform. Sourced by toolchain/setup.
# They are installed for their programs only: no cluster is made, no service is started now or at the next boot, and
# clusters and services that the machine already has are left alone.

LOCAL_PACKAGES="pgbouncer prometheus prometheus-postgres-exporter prometheus-pgbouncer-exporter supervisor"
POLICY=${PGFLEET_POLICY_RC:-/usr/sbin/policy-rc.d}
CLUSTER_CONFIG=${PGFLEET_CREATECLUSTER_D:-/etc/postgresql-common/createcluster.d}

# missing_packages NAME…: those that are not installed, on one line.
missing_packages() {
  installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/:[^ ]* / /;s/ installed$//p')
  for package in "$@"; do
    printf '%s\n' "$installed" | grep -qxF "$package" || printf '%s ' "$package"
  done
}

# installable PACKAGE: apt knows a version of it.
installable() { apt-cache policy "$1" 2>/dev/null | grep '^ *Candidate:' | grep -qv '(none)'; }

# distribution_major: the PostgreSQL major that the distribution's package `postgresql` depends on.
distribution_major() {
  apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}

restore_machine() {
  rm -f "$POLICY.pgfleet"
  if [ -f "$POLICY.before-pgfleet" ]; then
    mv -f "$POLICY.before-pgfleet" "$POLICY"
  elif grep -q pgfleet "$POLICY" 2>/dev/null; then
    rm -f "$POLICY"
  fi
  rm -f "$CLUSTER_CONFIG/pgfleet.conf"
  rmdir "$CLUSTER_CONFIG" 2>/dev/null || :
}

# install_packages NAME…: as root. Two files keep Debian's maintainer scripts from making a cluster and starting
# services; both go away with the installation, also after an interrupted one.
install_packages() {
  restore_machine
  trap 'restore_machine' EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$CLUSTER_CONFIG"
  printf 'create_main_cluster = false\n' >"$CLUSTER_CONFIG/pgfleet.conf"
  printf '#!/bin/sh\n# pgfleet: no service starts while its packages are installed\nexit 101\n' >"$POLICY.pgfleet"
  chmod 755 "$POLICY.pgfleet"
  if [ -e "$POLICY" ]; then mv -f "$POLICY" "$POLICY.before-pgfleet"; fi
  mv -f "$POLICY.pgfleet" "$POLICY"
  before=$(unit_files)
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confold "$@" >&2 </dev/null || return 1
  disable_new_units "$before"
  restore_machine
  trap - EXIT INT TERM HUP
}

unit_files() {
  for unit in /lib/systemd/system/*.service /usr/lib/systemd/system/*.service; do
    [ -e "$unit" ] && printf '%s\n' "${unit##*/}"
  done | sort -u
}

# Debian enables a new service for the next boot, where it would take the ports of the fleet's own.
disable_new_units() {
  command -v systemctl >/dev/null 2>&1 || return 0
  for unit in $(unit_files); do
    case $unit in
      postgresql.service | postgresql@.service) continue ;;
      pgbouncer* | prometheus* | supervisor* | ssh*) ;;
      *) continue ;;
    esac
    printf '%s\n' "$1" | grep -qxF "$unit" && continue
    systemctl disable "$unit" >/dev/null 2>&1 && say "the machine's own $unit stays off; the fleet, or its tests, run their own"
  done
  return 0
}
