/** The way to an EC2 instance: a stand-in for `aws` says which there are, and is the tunnel to a private sshd. */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SshAccess } from "../../../infra/resources.ts";
import { SshTransport } from "../../../provider/transports/ssh.ts";
import { closeSshConnections } from "../../../provider/transports/ssh-connection.ts";
import { masterArgv } from "../../../provider/transports/ssh-options.ts";
import { run } from "../../../provider/transports/transport.ts";
import { makeSshKey } from "../../support/ssh-key.ts";
import { type Sshd, sshdMissing, startSshd } from "../../support/sshd.ts";

const PROXY = path.resolve(import.meta.dirname, "../../../provider/transports/ssm-proxy");
const { signal } = new AbortController();
const bin = fs.mkdtempSync("/tmp/pgfleet-aws-");
afterAll(() => fs.rmSync(bin, { recursive: true, force: true }));

/** Writes its arguments down, and answers as the files beside it say. */
const AWS = `#!/bin/sh
dir=\${0%/*}
printf '%s\\n' "$@" >> "$dir/asked"
case "$1 $2" in
"ec2 describe-instances") cat "$dir/instances" || exit 255 ;;
"ssm start-session") exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; cat <&3 & cat >&3; kill $! 2>/dev/null' "$(cat "$dir/port")" ;;
esac
`;
const script = (name: string, text: string): void => fs.writeFileSync(path.join(bin, name), text, { mode: 0o755 });
const write = (name: string, text: string): void => fs.writeFileSync(path.join(bin, name), text);
const asked = (): string[] => fs.readFileSync(path.join(bin, "asked"), "utf8").split("\n");
const proxy = (words = ["eu-central-1", "prod", "db2"]) => {
  fs.rmSync(path.join(bin, "asked"), { force: true });
  return spawnSync(PROXY, words, { encoding: "utf8", env: { PATH: `${bin}:/usr/bin:/bin` } });
};

describe("ssm-proxy", () => {
  test("says which program is missing", () => {
    expect(proxy()).toMatchObject({ status: 1, stdout: "", stderr: "ssm-proxy: aws is not installed\n" });
    script("aws", AWS);
    expect(proxy().stderr).toBe("ssm-proxy: session-manager-plugin is not installed\n");
    script("session-manager-plugin", "#!/bin/sh\n");
  });

  test("says that there is no instance, or more than one, with their ids", () => {
    write("instances", "\n");
    expect(proxy().stderr).toBe(
      "ssm-proxy: no running instance in eu-central-1 has the tags pgfleet:stack=prod and pgfleet:host=db2\n",
    );
    write("instances", "i-0a\ti-0b\ni-0c\n");
    const { status, stderr } = proxy();
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^ssm-proxy: 3 running .* i-0a i-0b i-0c\n$/)]);
    expect(asked()).not.toContain("start-session");
  });

  test("passes on what aws says", () => {
    fs.rmSync(path.join(bin, "instances"));
    expect(proxy().stderr).toMatch(/instances.*\nssm-proxy: aws cannot list the instances in eu-central-1\n$/);
  });

  test("asks for running instances with the tags, and opens a session to sshd on the one", () => {
    write("instances", "i-0a\n");
    write("port", "1");
    proxy(["eu-central-1", "it's $HOME; *", "db2"]);
    expect(asked()).toEqual(
      expect.arrayContaining([
        "Name=tag:pgfleet:stack,Values=it's $HOME; *",
        "Name=tag:pgfleet:host,Values=db2",
        "Name=instance-state-name,Values=running",
      ]),
    );
    expect(asked().join(" ")).toMatch(
      /ssm start-session --target i-0a --document-name AWS-StartSSHSession --parameters portNumber=22 --region eu-central-1/,
    );
  });
});

const missing = sshdMissing();
if (missing) console.warn(`SKIPPED, ssh through ssm-proxy is not tested: ${missing}`);

describe.skipIf(missing)("a host that is reached through it", () => {
  let sshd: Sshd;
  const before = process.env.PATH;
  const ssm = { region: "eu-central-1", stack: "a 'b' %h $(x)", host: "db2" };
  const access = (ssh: Partial<SshAccess> = {}) => {
    const connection = sshd.connection({ ssm, ...ssh });
    // Nothing else would find it: this address answers nobody.
    return { ...connection, address: "192.0.2.1", ssh: { ...connection.ssh, port: 22 } };
  };
  beforeAll(async () => {
    sshd = await startSshd();
    script("aws", AWS);
    script("session-manager-plugin", "#!/bin/sh\n");
    write("instances", "i-0a\n");
    write("port", String(sshd.port));
    process.env.PATH = `${bin}:${before}`;
  });
  afterAll(async () => {
    process.env.PATH = before;
    closeSshConnections();
    await sshd?.stop();
    if (sshd) fs.rmSync(sshd.folder, { recursive: true, force: true });
  });
  const withoutKey = (): ReturnType<typeof access> => {
    const { hostKey: _, ...ssh } = access().ssh;
    return { ...access(), ssh };
  };

  test("runs commands there, with its names in one piece and without a known host key", async () => {
    fs.rmSync(path.join(bin, "asked"), { force: true });
    expect(await run(new SshTransport(withoutKey()), ["echo", "there"], { signal })).toBe("there\n");
    expect(asked()).toContain(`Name=tag:pgfleet:stack,Values=${ssm.stack}`);
  });

  test("still has to show the key that the config gives", async () => {
    const hostKey = makeSshKey(path.join(sshd.folder, "other"));
    const other = new SshTransport({ ...access({ hostKey }), host: "db3" });
    await expect(run(other, ["true"], { signal })).rejects.toThrow(/host db3 cannot be reached: the host key/);
  });

  test("says why, in the words for people, when there is no instance", async () => {
    write("instances", "");
    const none = new SshTransport({ ...withoutKey(), host: "db4" });
    await expect(none.connect({ signal, limitMs: 10 })).rejects.toThrow(
      /host db4 cannot be reached: no running instance in eu-central-1 .* It is stopped or not made yet/,
    );
    write("instances", "i-0a\n");
  });

  test.each([{ proxyCommand: "nc %h %p" }, { proxyJump: "bastion" }])("%o of the config wins", (own) => {
    const flags = masterArgv(access(own), path.join(sshd.folder, "socket"), "true").join(" ");
    expect(flags).not.toContain("ssm-proxy");
    expect(flags).toContain(Object.values(own)[0]);
    expect(flags).toContain("StrictHostKeyChecking=yes");
  });
});
