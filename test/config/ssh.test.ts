import { describe, expect, test } from "vitest";
import { config, problemsOf, specOf } from "./support.ts";

const member = (role: string, address: string, ssh?: object) => ({ role, address, ...(ssh ? { ssh } : {}) });
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE";

describe("how hosts are reached", () => {
  test("a host's own key, else the one at the top, else ssh's default", () => {
    const { spec } = specOf(
      config({
        platform: "existing",
        ssh: { user: "admin", knownHosts: "~/.ssh/fleet", proxyJump: "bastion" },
        hosts: {
          db1: member("primary", "10.0.0.1"),
          db2: member("replica", "10.0.0.2", { port: 2222, user: "root", hostKey: KEY }),
        },
      }),
    );
    expect(spec.hosts.map(({ ssh }) => ssh)).toEqual([
      { user: "admin", port: 22, knownHosts: "~/.ssh/fleet", proxyJump: "bastion" },
      { user: "root", port: 2222, knownHosts: "~/.ssh/fleet", proxyJump: "bastion", hostKey: KEY },
    ]);
    const plain = specOf(config({ platform: "existing", hosts: { db1: member("primary", "10.0.0.1") } }));
    expect(plain.spec.hosts[0]!.ssh).toEqual({ user: "root", port: 22 });
    expect(specOf(config()).spec.hosts[0]).not.toHaveProperty("ssh");
  });

  test.each([
    ["a host key that is none", { hostKey: "SHA256:abc" }, "hostKey", "is not a public host key. ssh-keyscan"],
    ["a port that is none", { port: 70000 }, "port", "a whole number from 1 to 65535"],
    ["a user that ssh would take for an option", { user: "-oProxyCommand=x" }, "user", "no - in front"],
    ["a jump host with blanks", { proxyJump: "a b" }, "proxyJump", "is not a word"],
    ["a key that does not exist", { usr: "root" }, "usr", 'Did you mean "user"?'],
  ])("%s is refused", (_, ssh, key, gist) => {
    const problems = problemsOf(config({ platform: "existing", ssh, hosts: { db1: member("primary", "10.0.0.1") } }));
    expect(problems).toEqual([
      expect.objectContaining({ path: expect.stringContaining(`ssh.${key}`), message: expect.stringContaining(gist) }),
    ]);
  });

  test("on a platform that is not reached over ssh the keys are refused, each where it stands", () => {
    const problems = problemsOf(
      config({ ssh: { user: "x" }, hosts: { db1: member("primary", "127.0.10.1", { port: 1 }) } }),
    );
    expect(problems.map(({ path }) => path)).toEqual(
      expect.arrayContaining([expect.stringMatching(/(^|:)ssh$/), expect.stringContaining("hosts.db1.ssh")]),
    );
    expect(problems[0]!.message).toContain("the platform is local");
  });
});
