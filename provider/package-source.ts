/** PostgreSQL's own package repository (PGDG) among the sources of a host's apt: https://wiki.postgresql.org/wiki/Apt */

import type { Host } from "./host.ts";
import { aptErrors, installMissing } from "./packages.ts";
import { run } from "./transports/transport.ts";

const REPOSITORY = "https://apt.postgresql.org/pub/repos/apt";
/** The name that PostgreSQL's own script gives it. */
export const SOURCES_FILE = "/etc/apt/sources.list.d/pgdg.sources";
/** Outside of what apt reads by itself: it takes the name above once the repository has answered. */
const UNPROVEN_FILE = "/etc/apt/pgfleet-unproven.sources";
/** Whose file it is: one without this line is never written to or removed. */
const HEADER = "# Written by pgfleet for packageSource: pgdg. The next up undoes edits.";

/** Mirrors may be slow, and another apt may be at work first. */
const UPDATE_LIMIT_MS = 15 * 60_000;

export interface SourceFacts {
  /** Of the release that packages are made for: "trixie", also on a system that is made from it. */
  codename: string;
  /** "amd64". */
  architecture: string;
  /** Signing key as postgresql-common brings it: a file's path, or its text where it is inside a script; "": not there. */
  key: string;
  /** What apt would fetch, from all of its sources. */
  uris: string[];
  /** Why apt cannot read its sources; "": it can. */
  problem: string;
  /** Text of SOURCES_FILE. */
  file?: string;
}

// Ubuntu 22.04 has the key inside the script, later ones have files of it.
const READ = `. /etc/os-release
echo "codename=\${UBUNTU_CODENAME:-\${DEBIAN_CODENAME:-$VERSION_CODENAME}}"
echo "architecture=$(dpkg --print-architecture)"
if uris=$(apt-get update --print-uris 2>&1); then printf '%s\\n' "$uris" | sed -n "s/^'\\([^']*\\)'.*/uri=\\1/p"
else printf '%s\\n' "$uris" | sed -n 's/^E: /problem=/p'; fi
f=/usr/share/postgresql-common/pgdg/apt.postgresql.org
for k in "$f.gpg" "$f.asc"; do [ -s "$k" ] && { echo "key=$k"; exit 0; }; done
[ ! -e "$f.sh" ] || sed -n '/^-----BEGIN PGP PUBLIC KEY BLOCK-----$/,/^-----END PGP PUBLIC KEY BLOCK-----$/s/^/key=/p' "$f.sh"`;

/** $1 a sources file; it alone is read. An apt at work, as after a boot, is waited for: update does not do that itself. */
const UPDATE = `end=$(($(date +%s) + 300))
while ! said=$(apt-get -q -y update -o APT::Update::Error-Mode=any -o APT::Get::List-Cleanup=false \\
-o "Dir::Etc::sourcelist=$1" -o Dir::Etc::sourceparts=/dev/null 2>&1); do
case $said in *"Could not get lock"*) [ "$(date +%s)" -lt "$end" ] && sleep 3 && continue ;; esac
printf '%s\\n' "$said"; exit 1
done`;

export async function readSource({ transport }: Host, signal: AbortSignal): Promise<SourceFacts> {
  const text = await run(transport, ["sh", "-c", READ, "read-source"], { signal });
  const file = (await transport.readFile(SOURCES_FILE))?.text;
  return { ...parseSource(text), ...(file === undefined ? {} : { file }) };
}

export function parseSource(text: string): SourceFacts {
  const all = text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const of = (name: string): string[] => all.flatMap(([key, value]) => (key === name ? [value!] : []));
  return {
    codename: of("codename")[0] ?? "",
    architecture: of("architecture")[0] ?? "",
    key: of("key").join("\n"),
    uris: of("uri"),
    problem: of("problem").join(" "),
  };
}

/** A key of several lines stands in the file itself, where a blank line is a dot. */
export function sourcesText({ codename, architecture, key }: SourceFacts): string {
  const inside = key.includes("\n") ? `\n${key.replace(/^$/gm, ".").replace(/^/gm, " ")}` : ` ${key}`;
  return `${HEADER}
Types: deb
URIs: ${REPOSITORY}
Suites: ${codename}-pgdg
Components: main
Architectures: ${architecture}
Signed-By:${inside}
`;
}

const isOurs = ({ file }: SourceFacts): boolean => file?.startsWith(`${HEADER}\n`) ?? false;

/** Whether somebody else lets apt read PGDG, or a mirror of it. */
function hasOther(facts: SourceFacts): boolean {
  const own = `${REPOSITORY}/dists/${facts.codename}-pgdg/`;
  return facts.uris.some(
    (uri) =>
      !(isOurs(facts) && uri.startsWith(own)) &&
      (/\/\/apt(-archive)?\.postgresql\.org\//.test(uri) || /-pgdg(-archive)?\/(In)?Release$/.test(uri)),
  );
}

/** What is not as packageSource says, a line each. */
export async function sourceDrift(host: Host, wanted: "pgdg" | undefined, signal: AbortSignal): Promise<string[]> {
  if (wanted === undefined) {
    const file = await host.transport.readFile(SOURCES_FILE);
    return file?.text.startsWith(HEADER) ? [`${SOURCES_FILE} on ${host.name} is left from packageSource: pgdg`] : [];
  }
  const line = driftOf(host.name, await readSource(host, signal));
  return line === undefined ? [] : [line];
}

export function driftOf(host: string, facts: SourceFacts): string | undefined {
  if (facts.problem !== "") return `apt on ${host} cannot read its sources: ${facts.problem}`;
  if (hasOther(facts))
    return isOurs(facts) ? `apt on ${host} has another source of PGDG beside ${SOURCES_FILE}` : undefined;
  if (facts.file === undefined) return `apt on ${host} has no source of PGDG`;
  if (facts.file === sourcesText(facts)) return undefined;
  return isOurs(facts) ? `${SOURCES_FILE} on ${host} is not as the fleet wrote it` : foreignFile(host);
}

const foreignFile = (host: string): string =>
  `${SOURCES_FILE} on ${host} is not the fleet's, and apt reads no PGDG there`;

/** Sees to it that apt has PGDG, or has it no more from us. Safe to repeat: the file is there once the repository answered. */
export async function ensureSource(host: Host, wanted: "pgdg" | undefined, signal: AbortSignal): Promise<void> {
  const { transport, name } = host;
  if (wanted === undefined) {
    if ((await transport.readFile(SOURCES_FILE))?.text.startsWith(HEADER)) await transport.remove(SOURCES_FILE);
    return;
  }
  let facts = await readSource(host, signal);
  if (facts.problem !== "")
    throw new Error(`${driftOf(name, facts)}\nMend or remove that file (apt-get update says the same), and run again.`);
  if (hasOther(facts)) {
    if (isOurs(facts)) await transport.remove(SOURCES_FILE);
    return;
  }
  if (facts.file !== undefined && !isOurs(facts))
    throw new Error(`${foreignFile(name)}. Switch it on (Enabled: yes) or remove it, and run again.`);
  if (facts.key !== "" && facts.file === sourcesText(facts)) return;
  await installMissing(host, ["ca-certificates", ...(facts.key === "" ? ["postgresql-common"] : [])], signal);
  facts = await readSource(host, signal);
  if (facts.key === "")
    throw new Error(
      `postgresql-common on ${name} brings no key of PGDG. Install the one of the distribution (apt-get install --reinstall postgresql-common postgresql-client-common), or ${OWN_FILE(facts)}.`,
    );
  await transport.writeFile(UNPROVEN_FILE, sourcesText(facts), { mode: "0644" });
  const options = { signal, timeoutMs: UPDATE_LIMIT_MS };
  try {
    const { code, stdout, stderr } = await transport.exec(["sh", "-c", UPDATE, "update", UNPROVEN_FILE], options);
    if (code !== 0) throw new Error(sourceFailure(name, facts, `${stdout}\n${stderr}`));
    await transport.rename(UNPROVEN_FILE, SOURCES_FILE);
  } catch (error) {
    await transport.remove(UNPROVEN_FILE).catch(() => {});
    throw error;
  }
}

const OWN_FILE = ({ codename }: SourceFacts): string =>
  `put a sources file of your own for a mirror (suite ${codename}-pgdg) into /etc/apt/sources.list.d there`;
const DISTRIBUTION = "write packageSource: distribution with a version that its release has";

/** @param said what apt wrote */
export function sourceFailure(host: string, facts: SourceFacts, said: string): string {
  const { codename } = facts;
  // "does not have a Release file" says nothing: apt takes a connection that broke for that, too.
  const advice = /404 +Not Found/.test(said)
    ? `PGDG has nothing for ${codename}: https://wiki.postgresql.org/wiki/Apt names the releases that it serves. Take a host with one of these, or ${DISTRIBUTION}.`
    : /NO_PUBKEY|EXPKEYSIG|KEYEXPIRED|BADSIG|is not signed|verification of signature|Missing key/i.test(said)
      ? `Its signature does not fit the key that the host's postgresql-common brings. Upgrade that there (apt-get install --only-upgrade postgresql-common postgresql-client-common), and run again.`
      : /Could not get lock/.test(said)
        ? "Another apt has been at work for 300 s: wait for it and run again."
        : /No space left/.test(said)
          ? "Its disk is full: make room and run again."
          : `Let it reach that address (port 443), or ${OWN_FILE(facts)}, and run again; or ${DISTRIBUTION}.`;
  return `${host} cannot read PGDG's packages from ${REPOSITORY}, suite ${codename}-pgdg:\n  ${aptErrors(said).join("\n  ")}\n${advice}`;
}
