/** Debian packages on a host: installed in the asked version, held, and without what they would start by themselves. */

import type { Host } from "./host.ts";
import { run } from "./transports/transport.ts";

/** Mirrors may be slow, and another apt may be at work first. */
const INSTALL_LIMIT_MS = 30 * 60_000;

/** Where packages are looked for. */
type PackageSource = "distribution" | "pgdg";

export interface PackageFacts {
  version: string;
  held: boolean;
}

const APT = "apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false";

/**
 * Arguments: packages, "name" or "name=version"; all of them are missing or have another version.
 * A unit that is masked beforehand is not started by its package: the fleet has units of its own. Packages that are
 * there already keep theirs: whoever installed them may use them. Nothing of the host is removed for ours.
 */
const INSTALL = `set -e; umask 022
for p; do [ -n "$(apt-cache show -- "$p" 2>/dev/null)" ] && continue; ${APT} update; break; done
[ -z "$(dpkg --audit)" ] || dpkg --configure -a
for p; do n=\${p%%=*}
[ "$(dpkg-query -W -f '\${db:Status-Status}' -- "$n" 2>/dev/null)" = installed ] && continue
case $n in
postgresql-[0-9]*)
mkdir -p /etc/postgresql-common/createcluster.d
printf '%s\\n' '# Data directories are made by the fleet.' 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/pgfleet.conf
grep -qs "^ *create_main_cluster *= *false" /etc/postgresql-common/createcluster.conf ||
grep -qs "^ *include_dir" /etc/postgresql-common/createcluster.conf || ${APT} install postgresql-common ;;
pgbouncer | prometheus*) systemctl mask --quiet "$n.service" 2>/dev/null ;;
esac
done
${APT} install --no-remove --allow-change-held-packages --allow-downgrades -- "$@"`;

// PgBouncer, exporters and Prometheus run as the user that PostgreSQL's package makes where it is installed.
const USER = `id -u -- "$1" >/dev/null 2>&1 && exit 0
exec useradd --system --user-group --home-dir /var/lib/postgresql --shell /bin/bash -- "$1"`;

/**
 * $1 the user, $2 its folder on a disk that may outlive the machine: on a new one the user gets the number that its files
 * have, before a package makes it with another.
 */
export const KEEP_USER = `uid=$(stat -c %u -- "$2" 2>/dev/null) && [ "$uid" != 0 ] || exit 0
if is=$(id -u -- "$1" 2>/dev/null); then
[ "$is" = "$uid" ] && exit 0
echo "files in $2 are of user number $uid, and $1 is $is on this machine: give $1 that number, or chown -R them" >&2; exit 1
fi
other=$(getent passwd "$uid") && { echo "files in $2 are of user number $uid, which is \${other%%:*} on this machine: give that user another number" >&2; exit 1; }
gid=$(stat -c %g -- "$2")
getent group "$gid" >/dev/null || groupadd --system --gid "$gid" -- "$1" || exit 1
exec useradd --system --uid "$uid" --gid "$gid" --home-dir /var/lib/postgresql --shell /bin/bash -- "$1"`;

/** What is installed of these. */
export async function readPackages(
  host: Host,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Record<string, PackageFacts>> {
  if (names.length === 0) return {};
  // Succeeds only when it knows them all.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own fields
  const format = "${Package} ${Version} ${db:Status-Want} ${db:Status-Status}\\n";
  const { stdout } = await host.transport.exec(["dpkg-query", "-W", "-f", format, "--", ...names], { signal });
  return Object.fromEntries(
    stdout
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, , , status]) => status === "installed")
      .map(([name, version, want]) => [name!, { version: version!, held: want === "hold" }]),
  );
}

/** Packages to install, as apt takes them: those that are missing, or have another version than the one asked for. */
export const toInstall = (wanted: Record<string, string>, found: Record<string, PackageFacts>): string[] =>
  Object.entries(wanted)
    .filter(([name, version]) => !found[name] || (version !== "" && found[name].version !== version))
    .map(([name, version]) => (version === "" ? name : `${name}=${version}`));

/** Installs what is missing, and holds all. Safe to repeat, after a run that was killed in the middle too. */
export async function installPackages(
  host: Host,
  wanted: Record<string, string>,
  source: PackageSource,
  signal: AbortSignal,
): Promise<Record<string, PackageFacts>> {
  const { transport, connection, paths } = host;
  const names = Object.keys(wanted);
  const missing = toInstall(wanted, await readPackages(host, names, signal));
  await run(transport, ["sh", "-c", KEEP_USER, "keep-user", connection.user, paths.data], { signal });
  await install(host, missing, source, signal);
  if (names.length > 0) await run(transport, ["apt-mark", "hold", ...names], { signal });
  await run(transport, ["sh", "-c", USER, "make-user", connection.user], { signal });
  return readPackages(host, names, signal);
}

/** Installs those of these that are not there, from what apt has now, and holds none. */
export async function installMissing(host: Host, names: readonly string[], signal: AbortSignal): Promise<void> {
  const wanted = Object.fromEntries(names.map((name) => [name, ""]));
  await install(host, toInstall(wanted, await readPackages(host, names, signal)), "distribution", signal);
}

async function install(
  host: Host,
  missing: readonly string[],
  source: PackageSource,
  signal: AbortSignal,
): Promise<void> {
  if (missing.length === 0) return;
  const options = { signal, timeoutMs: INSTALL_LIMIT_MS, env: { DEBIAN_FRONTEND: "noninteractive" } };
  const argv = ["sh", "-c", INSTALL, "install-packages", ...missing];
  const { code, stdout, stderr } = await host.transport.exec(argv, options);
  if (code !== 0) throw new Error(installFailure(host.name, missing, `${stdout}\n${stderr}`, source));
}

/** Lets go of what the fleet held; the packages stay. */
export async function releasePackages(host: Host, names: readonly string[], signal: AbortSignal): Promise<void> {
  const held = Object.keys(await readPackages(host, names, signal));
  if (held.length > 0) await run(host.transport, ["apt-mark", "unhold", ...held], { signal });
}

/** What is worth showing of what apt wrote; its errors begin with "E: ". */
export function aptErrors(said: string): string[] {
  const lines = said.split("\n");
  // The line behind Err: has the reason.
  const errors = lines.filter(
    (line, i) =>
      /^(E|W|Err:\d+|dpkg: error|\s+\S+ : (Depends|Breaks))/.test(line) || /^Err:\d+/.test(lines[i - 1] ?? ""),
  );
  return (errors.length > 0 ? errors : said.trim().split("\n")).slice(-6).map((line) => line.trim());
}

const LACKING: Record<PackageSource, string> = {
  distribution:
    "Its sources do not have that. Write packageSource: pgdg, which has every major, or correct version or packages in the stack file.",
  pgdg: "Neither PGDG nor its other sources have that for its release (apt-cache policy says what they have). Correct version or packages in the stack file, or add a source that has it there.",
};

/** @param said what apt wrote */
export function installFailure(host: string, missing: readonly string[], said: string, source: PackageSource): string {
  const unknown = /(Unable to locate package|Version '.*' for '.*' was not found|has no installation candidate)/.test(
    said,
  );
  const advice = unknown
    ? LACKING[source]
    : /No space left/.test(said)
      ? "Its disk is full: make room and run again."
      : /Could not get lock/.test(said)
        ? "Another apt has been at work for 300 s: wait for it and run again."
        : "Mend it there (apt-get install says the same), and run again.";
  return `${host} cannot install ${missing.join(", ")}:\n  ${aptErrors(said).join("\n  ")}\n${advice}`;
}
