// A copy of the wrapper in a folder of its own (with a space in its path), on a PATH of fake programs.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

// Each test starts a dozen processes, on machines that may be busy with others.
vi.setConfig({ testTimeout: 120_000 });

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class Sandbox {
  readonly base = mkdtempSync(join(tmpdir(), "pgfleet-toolchain-"));
  readonly root = join(this.base, "the project");
  readonly bin = join(this.base, "fake bin");
  readonly home = join(this.base, "home dir");
  readonly log = join(this.base, "calls.log");
  readonly cache: string;

  constructor() {
    for (const folder of [this.root, this.bin, this.home]) mkdirSync(folder, { recursive: true });
    cpSync(join(repository, "toolchain"), join(this.root, "toolchain"), { recursive: true });
    copyFileSync(join(repository, "pulumiw"), join(this.root, "pulumiw"));
    this.write("Pulumi.yaml", "name: postgres-fleet\nruntime: nodejs\n");
    this.write("Pulumi.local.yaml", "config:\n  # the platform\n  postgres-fleet:platform: local # this machine\n");
    this.write("Pulumi.prod.yaml", "config:\n  postgres-fleet:platform: aws\n");
    this.cache = join(this.home, ".pulumi/versions", this.pin("PULUMI_VERSION"), "bin");
    this.fake("node", 'case "$1" in --version) echo v24.1.0 ;; *) exit 1 ;; esac');
  }

  [Symbol.dispose](): void {
    rmSync(this.base, { recursive: true, force: true });
  }

  pin(key: string): string {
    return (
      new RegExp(`^${key}=(.*)$`, "m").exec(readFileSync(join(repository, "toolchain/versions"), "utf8"))?.[1] ?? ""
    );
  }

  write(path: string, text: string): string {
    const file = path.startsWith("/") ? path : join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  read(path: string): string {
    return readFileSync(path.startsWith("/") ? path : join(this.root, path), "utf8");
  }

  /** A program on the PATH, or anywhere if `path` is absolute. It first notes how it was called. */
  fake(path: string, body: string): string {
    const file = this.write(
      path.startsWith("/") ? path : join(this.bin, path),
      `#!/bin/sh\necho "$(basename "$0") $*" >>"${this.log}"\n${body}\n`,
    );
    chmodSync(file, 0o755);
    return file;
  }

  /** A CLI that prints its environment's Pulumi settings for every command but `version`. */
  fakePulumi(path: string, version = "3.259.0"): string {
    return this.fake(path, `case "$1" in version) echo v${version} ;; *) env | grep ^PULUMI_ | sort ;; esac`);
  }

  calls(): string[] {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").trimEnd().split("\n") : [];
  }

  environment(extra: Record<string, string> = {}): Record<string, string> {
    // No inherited settings: the person's own Pulumi must not take part.
    return { PATH: `${this.bin}:/usr/bin:/bin`, HOME: this.home, PGFLEET_STATE_DIR: this.state, ...extra };
  }

  get state(): string {
    return join(this.base, "the state");
  }

  run(args: string[], extra: Record<string, string> = {}, program = "pulumiw"): Outcome {
    const { status, stdout, stderr } = spawnSync(join(this.root, program), args, {
      cwd: this.root,
      env: this.environment(extra),
      encoding: "utf8",
      timeout: 100_000,
      input: "",
    });
    return { code: status, stdout, stderr };
  }
}

/** A fake Go whose build writes `content` where -o says. */
export function fakeGo(version: string, content: string, before = ""): string {
  return `if [ "$1" = env ]; then echo go${version}; exit 0; fi
${before}
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
cat >"$out" <<'EOF'
${content}
EOF
chmod 755 "$out"`;
}
