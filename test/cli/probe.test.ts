/** pgfleet probe, from the command line to a host over ssh. */

import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sshd, sshdMissing, startSshd } from "../support/sshd.ts";
import { pgfleet, stackFile } from "./support.ts";

const missing = sshdMissing();
if (missing) console.warn(`SKIPPED, pgfleet probe is not tested: ${missing}`);

describe.skipIf(missing)("pgfleet probe", () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    await sshd?.stop();
    if (sshd) fs.rmSync(sshd.folder, { recursive: true, force: true });
  });
  /** The address is not there; a proxy command leads to this machine. */
  const stack = (port: number, more: object = {}): string =>
    stackFile({
      platform: "existing",
      stateDir: undefined,
      ssh: {
        identityFile: sshd.identityFile,
        hostKey: sshd.hostKey,
        proxyCommand: `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 & cat >&3; kill $!'`,
      },
      hosts: { db1: { role: "primary", address: "10.20.0.11" } },
      ...more,
    });

  test("says what the host is, and what it lacks", () => {
    const { code, stdout, stderr } = pgfleet([
      "probe",
      "db1",
      "--stack",
      "test",
      "--config-file",
      stack(sshd.port, { memory: "60TB" }),
    ]);
    expect(stdout).toMatch(
      /^db1: # .+, (x86_64|aarch64)\n {2}# .+\n {2}memory: \d+MB\n {2}cpus: \d+\n {2}disk: \d+MB\n$/,
    );
    expect(stderr).toMatch(/db1 has \d+ MB of memory, and the stack file says 62914560 MB/);
    expect(code).toBe(1);
  });

  test("names the hosts there are, and the way to a key that is missing", async () => {
    const unknown = pgfleet(["probe", "db9", "--stack", "test", "--config-file", stack(sshd.port)]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('there is no host "db9" in stack')]);
    const other = await startSshd();
    try {
      const changed = pgfleet(["probe", "db1", "--stack", "test", "--config-file", stack(other.port)]);
      expect(changed.stderr).toContain(
        "host db1 cannot be reached: the host key of 10.20.0.11 port 22 is not the one in ssh.hostKey",
      );
      expect(changed.code).toBe(1);
    } finally {
      await other.stop();
      fs.rmSync(other.folder, { recursive: true, force: true });
    }
  });
});
