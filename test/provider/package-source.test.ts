import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Host, hostAt } from "../../provider/host.ts";
import {
  driftOf,
  ensureSource,
  readSource,
  SOURCES_FILE,
  type SourceFacts,
  sourceDrift,
  sourceFailure,
  sourcesText,
} from "../../provider/package-source.ts";
import { machine } from "../../provider/resources/machine.ts";
import type { ExecOptions, Transport } from "../../provider/transports/transport.ts";

const { signal } = new AbortController();
const DEBIAN = "http://deb.debian.org/debian/dists/trixie/InRelease";
const PGDG = "https://apt.postgresql.org/pub/repos/apt/dists/trixie-pgdg/InRelease";
const BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBE6X\n=DA1T\n-----END PGP PUBLIC KEY BLOCK-----";

let root: string;
const at = (file: string) => path.join(root, file);
const put = (file: string, text: string, mode = 0o644) => {
  fs.mkdirSync(path.dirname(at(file)), { recursive: true });
  fs.writeFileSync(at(file), text, { mode });
};
const sources = () => (fs.existsSync(at(SOURCES_FILE)) ? fs.readFileSync(at(SOURCES_FILE), "utf8") : undefined);
const calls = () => (fs.existsSync(at("calls")) ? fs.readFileSync(at("calls"), "utf8") : "");

/** The scripts run in a real shell; folders of the host are below `root`, apt and dpkg are pretended. */
function host(): Host {
  const real = hostAt({ platform: "local", host: "db1", home: root, run: root, user: "postgres" } as never);
  const local = real.transport;
  const moved = (text: string) =>
    text.replace(/\/(etc\/os-release|etc\/apt|usr\/share\/postgresql-common)/g, (found) => at(found));
  const transport = {
    host: "db1",
    exec: (argv: string[], options: ExecOptions) =>
      local.exec(["env", `PATH=${at("bin")}:/usr/bin:/bin`, ...argv.map(moved)], options),
    readFile: (file: string) => local.readFile(at(file)),
    writeFile: (file: string, text: string, options: { mode: string }) => local.writeFile(at(file), text, options),
    rename: (from: string, to: string) => local.rename(at(from), at(to)),
    remove: (file: string) => local.remove(at(file)),
  } as unknown as Transport;
  return { ...real, transport };
}

beforeEach(() => {
  root = fs.mkdtempSync("/tmp/pgf-source-");
  put("etc/os-release", 'ID=debian\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
  put("etc/apt/sources.list.d/keep", "");
  put("uris", `'${DEBIAN}' deb_InRelease 0\n`);
  // What it would fetch is what the test says, and our file once it is there.
  const pretended = `#!/bin/sh
echo "$*" >> ${at("calls")}
case "$*" in
*print-uris*) [ -e ${at("broken")} ] && { echo "E: Malformed line 1 in source list b.list (type)"; exit 100; }
  cat ${at("uris")}; grep -q "^# Written by pgfleet" ${at(SOURCES_FILE)} 2>/dev/null && echo "'${PGDG}' x 0"; exit 0 ;;
*update*) cp ${at("etc/apt/pgfleet-unproven.sources")} ${at("proven")}; [ ! -e ${at("said")} ] || { cat ${at("said")}; exit 100; } ;;
*install*postgresql-common*) mkdir -p ${at("usr/share/postgresql-common/pgdg")}; echo key > ${at("usr/share/postgresql-common/pgdg/apt.postgresql.org.gpg")} ;;
esac`;
  put("bin/apt-get", pretended, 0o755);
  put("bin/apt-cache", "#!/bin/sh\necho Package: x\n", 0o755);
  put("bin/dpkg", '#!/bin/sh\n[ "$1" = --audit ] || echo amd64\n', 0o755);
  put("bin/dpkg-query", "#!/bin/sh\necho ca-certificates 20250419 install installed\n", 0o755);
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
const withKey = () => put("usr/share/postgresql-common/pgdg/apt.postgresql.org.asc", "key");

describe("PGDG among a host's sources", () => {
  test("comes with the key of the distribution's package, is there once it has answered, and stays as it is", async () => {
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual(["apt on db1 has no source of PGDG"]);
    await ensureSource(host(), "pgdg", signal);
    expect(
      sources()!.replaceAll(root, ""),
    ).toBe(`# Written by pgfleet for packageSource: pgdg. The next up undoes edits.
Types: deb
URIs: https://apt.postgresql.org/pub/repos/apt
Suites: trixie-pgdg
Components: main
Architectures: amd64
Signed-By: /usr/share/postgresql-common/pgdg/apt.postgresql.org.gpg
`);
    expect(calls()).toMatch(/install .*-- postgresql-common\n/);
    // Only our own file was read, before it was in its place.
    expect(fs.readFileSync(at("proven"), "utf8")).toBe(sources());
    expect(fs.readdirSync(at("etc/apt"))).toEqual(["sources.list.d"]);
    const before = calls();
    await ensureSource(host(), "pgdg", signal);
    expect(calls().slice(before.length)).toBe("update --print-uris\n");
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual([]);
  });

  test("is put back when it is gone or edited", async () => {
    withKey();
    await ensureSource(host(), "pgdg", signal);
    const text = sources()!;
    fs.rmSync(at(SOURCES_FILE));
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual(["apt on db1 has no source of PGDG"]);
    put(SOURCES_FILE, text.replace("Types", "Enabled: no\nTypes"));
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual([`${SOURCES_FILE} on db1 is not as the fleet wrote it`]);
    await ensureSource(host(), "pgdg", signal);
    expect(sources()).toBe(text);
  });

  test.each([
    ["a mirror", "https://mirror.example.org/pg/dists/trixie-pgdg/InRelease"],
    ["the archive", "https://apt-archive.postgresql.org/pub/repos/apt/dists/trixie-pgdg-archive/InRelease"],
    ["PGDG itself", PGDG],
  ])("%s that the host has already is enough, and ours goes when one comes", async (_, uri) => {
    withKey();
    if (uri !== PGDG) {
      await ensureSource(host(), "pgdg", signal);
      put("uris", `'${DEBIAN}' a 0\n'${uri}' b 0\n`);
      expect((await sourceDrift(host(), "pgdg", signal)).join()).toContain("another source of PGDG beside");
    } else put("uris", `'${DEBIAN}' a 0\n'${uri}' b 0\n`);
    const before = calls();
    await ensureSource(host(), "pgdg", signal);
    expect(sources()).toBeUndefined();
    expect(calls().slice(before.length)).toBe("update --print-uris\n");
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual([]);
  });

  test("with packageSource: distribution our file goes, and another's stays", async () => {
    withKey();
    await ensureSource(host(), "pgdg", signal);
    expect(await sourceDrift(host(), undefined, signal)).toEqual([
      `${SOURCES_FILE} on db1 is left from packageSource: pgdg`,
    ]);
    await ensureSource(host(), undefined, signal);
    expect(sources()).toBeUndefined();
    put(SOURCES_FILE, "Types: deb\n");
    await ensureSource(host(), undefined, signal);
    expect(sources()).toBe("Types: deb\n");
    expect(await sourceDrift(host(), undefined, signal)).toEqual([]);
  });

  test("a repository that does not answer leaves nothing behind, and the message says what, where and what to do", async () => {
    withKey();
    put("said", "Err:1 https://apt.postgresql.org trixie-pgdg\nE: Failed to fetch https://x  Could not resolve 'x'\n");
    await expect(ensureSource(host(), "pgdg", signal)).rejects.toThrow(
      /^db1 cannot read PGDG's packages from https:.*, suite trixie-pgdg:\n(.*\n)*.*Could not resolve 'x'\nLet it reach that address \(port 443\), or put a sources file of your own for a mirror \(suite trixie-pgdg\).*packageSource: distribution/,
    );
    expect(fs.readdirSync(at("etc/apt"))).toEqual(["sources.list.d"]);
    expect(fs.readdirSync(at("etc/apt/sources.list.d"))).toEqual(["keep"]);
  });

  test("a file of another that is switched off is not written over", async () => {
    withKey();
    put(SOURCES_FILE, "Enabled: no\nTypes: deb\n");
    await expect(ensureSource(host(), "pgdg", signal)).rejects.toThrow(/is not the fleet's.*Enabled: yes/);
    expect(sources()).toBe("Enabled: no\nTypes: deb\n");
  });

  test("sources that apt cannot read are drift in a preview, and stop an up with what apt says", async () => {
    put("broken", "");
    const line = "apt on db1 cannot read its sources: Malformed line 1 in source list b.list (type)";
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual([line]);
    await expect(ensureSource(host(), "pgdg", signal)).rejects.toThrow(line);
  });

  test("a key that is only inside the package's script goes into the file (Ubuntu 22.04)", async () => {
    put(
      "usr/share/postgresql-common/pgdg/apt.postgresql.org.sh",
      `#!/bin/sh\napt-key add - <<EOF\n${BLOCK}\nEOF\nexit\n`,
    );
    await ensureSource(host(), "pgdg", signal);
    expect(sources()).toContain(`Signed-By:\n ${BLOCK.replace("\n\n", "\n .\n").replaceAll(/\n(?=\S)/g, "\n ")}\n`);
    expect(await sourceDrift(host(), "pgdg", signal)).toEqual([]);
  });
});

const facts: SourceFacts = { codename: "noble", architecture: "arm64", key: "/k.gpg", uris: [], problem: "" };

test("a system made from another takes that one's suite", async () => {
  put("etc/os-release", "ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n");
  expect((await readSource(host(), signal)).codename).toBe("noble");
});

test("after another release was installed, or the key went, the file is written anew", () => {
  const file = sourcesText(facts);
  expect(driftOf("db1", { ...facts, file })).toBeUndefined();
  for (const change of [{ codename: "resolute" }, { key: "" }])
    expect(driftOf("db1", { ...facts, file, ...change })).toMatch(/not as the fleet wrote it/);
});

test("another packageSource is a change of the machine", () => {
  const without = { connection: {}, size: {}, packages: {} } as never as Parameters<typeof machine.diff>[0];
  const pgdg = { ...without, packageSource: "pgdg" as const };
  expect(machine.diff(without, pgdg, without, () => {}).detailed).toEqual({
    packageSource: { kind: "add", inputDiff: true },
  });
  expect(machine.diff(pgdg, without, pgdg, () => {}).detailed).toEqual({
    packageSource: { kind: "delete", inputDiff: true },
  });
});

const apt = spawnSync("apt-get", ["--version"], { encoding: "utf8" });
test.skipIf(apt.error)("the real apt reads the file, with a key beside it and inside", () => {
  for (const key of ["/k.gpg", BLOCK]) {
    put("own.sources", sourcesText({ ...facts, key }));
    const only = ["-o", `Dir::Etc::sourcelist=${at("own.sources")}`, "-o", "Dir::Etc::sourceparts=/dev/null"];
    const { stdout, stderr } = spawnSync("apt-get", ["update", "--print-uris", ...only], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(stdout).toContain("'https://apt.postgresql.org/pub/repos/apt/dists/noble-pgdg/InRelease'");
  }
});

test.each([
  [
    "Err:2 https://x noble-pgdg Release\n  404  Not Found\nE: The repository 'https://x noble-pgdg Release' does not have a Release file.",
    /Err:2.*\n +404 +Not Found\n(.*\n)*.*nothing for noble: .*wiki/,
  ],
  [
    "Err:2 https://x noble-pgdg Release\n  unexpected eof\nE: The repository 'https://x noble-pgdg Release' does not have a Release file.",
    /unexpected eof\n(.*\n)*.*port 443/,
  ],
  ["E: The repository 'x' is not signed.\nW: NO_PUBKEY 7FCC7D46ACCC4CF8", /--only-upgrade postgresql-common/],
  ["E: Could not get lock /var/lib/apt/lists/lock", /Another apt/],
  ["E: No space left on device", /disk is full/],
  ["E: Failed to fetch https://x  Connection timed out", /port 443.*mirror.*packageSource: distribution/],
])("apt's %s comes with what to do", (said, expected) => {
  expect(sourceFailure("db1", facts, said)).toMatch(expected);
});
