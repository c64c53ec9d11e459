import { existsSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Sandbox } from "./sandbox.ts";

/** A machine with Debian's tools, faked: what is installed stands in a file that the fake apt-get appends to. */
class Machine extends Sandbox {
  readonly installed = join(this.base, "installed");
  readonly policy = join(this.base, "policy-rc.d");
  readonly clusterConfig = join(this.base, "createcluster.d");
  readonly postgres = join(this.base, "postgresql");

  constructor(major = "15") {
    super();
    this.write(this.installed, "");
    this.write("package-lock.json", '{"packages":{"":{},"node_modules/zod":{"version":"4.0.0"}}}');
    this.write("node_modules/.package-lock.json", '{"packages":{"node_modules/zod":{"version":"4.0.0"}}}');
    this.write(
      "Pulumi.local.yaml",
      `config:\n  postgres-fleet:platform: local\n  postgres-fleet:version: 15 # major\n  other: 15\n`,
    );
    this.fake("id", "echo 0");
    this.fake("systemctl", "");
    this.fake("dpkg-query", `while read -r name; do echo "$name installed"; done <"${this.installed}"`);
    this.fake(
      "apt-cache",
      `case "$1 $2" in
        "policy postgresql-${major}") printf 'postgresql:\\n  Candidate: ${major}.1\\n' ;;
        "policy "*) printf '%s:\\n  Candidate: (none)\\n' "$2" ;;
        "depends postgresql") printf 'postgresql\\n  Depends: postgresql-${major}\\n' ;;
      esac`,
    );
    this.aptInstalls();
    this.fake("npm", "touch node_modules/.package-lock.json");
    this.fake("node", `case "$1" in --version) echo v24.1.0 ;; *) exec "${process.execPath}" "$@" ;; esac`);
    this.fakePulumi("pulumi");
    this.fake("pulumi-language-nodejs", "");
  }

  /** While packages are installed, `during` runs as a maintainer script would. */
  aptInstalls(during = "") {
    this.fake(
      "apt-get",
      `[ "$1" = install ] || exit 0
      ${during}
      for name in "$@"; do case $name in install | -* | Dpkg::*) ;; *) echo "$name" >>"${this.installed}" ;; esac; done
      for major in 14 15 17; do
        grep -q "postgresql-$major" "${this.installed}" || continue
        mkdir -p "${this.postgres}/$major/bin" && touch "${this.postgres}/$major/bin/postgres" && chmod 755 "${this.postgres}/$major/bin/postgres"
      done`,
    );
  }

  setup(stack = "local", extra: Record<string, string> = {}) {
    return this.run(
      [stack],
      {
        PGFLEET_POLICY_RC: this.policy,
        PGFLEET_CREATECLUSTER_D: this.clusterConfig,
        PGFLEET_LIB_POSTGRESQL: this.postgres,
        ...extra,
      },
      "toolchain/setup",
    );
  }
}

const changes = (box: Sandbox) => box.calls().filter((call) => /^(apt-get|npm|sudo) /.test(call));

test("it installs what is missing and says what; the second run installs nothing", () => {
  using machine = new Machine();
  machine.write(machine.installed, "supervisor\nprometheus:amd64\n");
  const first = machine.setup();
  expect(first.stderr).toContain(
    "make tools: installing with apt: pgbouncer prometheus-postgres-exporter prometheus-pgbouncer-exporter postgresql-15",
  );
  expect(first.code).toBe(0);
  expect(changes(machine).map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual([
    "apt-get update",
    "apt-get install",
  ]);
  expect(changes(machine)[1]).toContain("--no-install-recommends");

  const second = machine.setup();
  expect(second.code).toBe(0);
  expect(second.stderr).not.toContain("installing");
  expect(changes(machine)).toHaveLength(2);
});

test("no cluster is made and no service starts during the installation, and nothing of that stays", () => {
  using machine = new Machine();
  machine.aptInstalls(
    `"${machine.policy}"; echo "policy $?" >>"${machine.log}"; cat "${machine.clusterConfig}/pgfleet.conf" >>"${machine.log}"`,
  );
  expect(machine.setup().code).toBe(0);
  expect(machine.calls()).toContain("policy 101");
  expect(machine.calls()).toContain("create_main_cluster = false");
  expect(existsSync(machine.policy)).toBe(false);
  expect(existsSync(machine.clusterConfig)).toBe(false);
});

test("a policy of the machine's own is back afterwards, also when apt fails or was killed", () => {
  using machine = new Machine();
  machine.write(machine.policy, "theirs");
  machine.aptInstalls("exit 100");
  const failed = machine.setup();
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("apt could not install them");
  expect(machine.read(machine.policy)).toBe("theirs");
  expect(readdirSync(machine.base).filter((name) => name.startsWith("policy"))).toEqual(["policy-rc.d"]);

  machine.aptInstalls("kill -9 $PPID; exit 1");
  machine.setup();
  machine.aptInstalls();
  expect(machine.setup().code).toBe(0);
  expect(machine.read(machine.policy)).toBe("theirs");
});

test("without root it asks sudo once, for all packages together", () => {
  using machine = new Machine();
  machine.fake("id", "echo 1000");
  machine.fake("sudo", 'exec "$@"');
  expect(machine.setup().code).toBe(0);
  expect(changes(machine).filter((call) => call.startsWith("sudo"))).toHaveLength(1);
});

test("a stack of another platform needs no servers here", () => {
  using machine = new Machine();
  expect(machine.setup("prod").code).toBe(0);
  expect(changes(machine)).toEqual([]);
});

test("a stack that has no file is named", () => {
  using machine = new Machine();
  const { code, stderr } = machine.setup("staging");
  expect(code).toBe(1);
  expect(stderr).toContain("there is no Pulumi.staging.yaml");
});

test("where the distribution has another major, a stack that was never up takes it", () => {
  using machine = new Machine("17");
  const { code, stderr } = machine.setup();
  expect(code).toBe(0);
  expect(stderr).toContain(
    "this distribution has PostgreSQL 17 and not 15: postgres-fleet:version in Pulumi.local.yaml is now 17",
  );
  expect(machine.read("Pulumi.local.yaml")).toBe(
    "config:\n  postgres-fleet:platform: local\n  postgres-fleet:version: 17 # major\n  other: 15\n",
  );
  expect(changes(machine).at(-1)).toContain("postgresql-17");
});

test("a stack that was up keeps its major, and the message says where to get it", () => {
  using machine = new Machine("17");
  machine.write(join(machine.state, "engine/.pulumi/stacks/postgres-fleet/local.json"), "{}");
  const before = machine.read("Pulumi.local.yaml");
  const { code, stderr } = machine.setup();
  expect(code).toBe(1);
  expect(stderr).toContain("stack local runs PostgreSQL 15, and apt offers only 17 here");
  expect(machine.read("Pulumi.local.yaml")).toBe(before);
  expect(changes(machine).filter((call) => call.includes("install"))).toEqual([]);
});

test("npm runs only when what is installed is not what the lockfile says", () => {
  using machine = new Machine();
  machine.setup();
  // Newer, with the same packages: nothing to do.
  utimesSync(join(machine.root, "package-lock.json"), new Date(), new Date(Date.now() + 60_000));
  expect(machine.setup().stderr).not.toContain("npm");
  machine.write("package-lock.json", '{"packages":{"":{},"node_modules/zod":{"version":"4.1.0"}}}');
  utimesSync(join(machine.root, "package-lock.json"), new Date(), new Date(Date.now() + 60_000));
  expect(machine.setup().stderr).toContain("installing with npm");
  expect(changes(machine).filter((call) => call.startsWith("npm ci"))).toHaveLength(1);
});
