import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SshTransport } from "../../../provider/transports/ssh.ts";
import { closeSshConnections, sshConnection } from "../../../provider/transports/ssh-connection.ts";
import { run, UnreachableError } from "../../../provider/transports/transport.ts";
import { blackHole } from "../../support/black-hole.ts";
import { makeSshKey } from "../../support/ssh-key.ts";
import { freePort, type Sshd, sshdMissing, startSshd } from "../../support/sshd.ts";

const LIMIT_MS = 10_000;
const missing = sshdMissing();
if (missing) console.warn(`SKIPPED, nothing about ssh is tested: ${missing}`);

const { signal } = new AbortController();

describe.skipIf(missing)("a host over ssh", () => {
  let sshd: Sshd;
  let host: SshTransport;
  let folder: string;
  beforeAll(async () => {
    sshd = await startSshd();
    host = new SshTransport(sshd.connection());
    folder = path.join(sshd.folder, "files");
    fs.mkdirSync(folder);
  });
  afterAll(async () => {
    closeSshConnections();
    await sshd?.stop();
    if (sshd) fs.rmSync(sshd.folder, { recursive: true, force: true });
  });

  test("runs a program with its arguments as they are, and gives its code and both outputs", async () => {
    const words = ["a b", "it's", "$HOME", "*", "", "x\ny", "ä", "\\"];
    const result = await host.exec(["sh", "-c", 'printf "%s|" "$@"; echo oops >&2; exit 7', "sh", ...words], {
      signal,
    });
    expect(result).toEqual({ code: 7, stdout: `${words.join("|")}|`, stderr: "oops\n" });
  });

  test("a killed program has 128 and the signal", async () => {
    expect((await host.exec(["sh", "-c", "kill -TERM $$"], { signal })).code).toBe(143);
  });

  test("a program that is not there fails with its name", async () => {
    await expect(run(host, ["no-such-program"], { signal })).rejects.toThrow(/no-such-program.*on db2/);
  });

  test("standard input arrives whole, and ends", async () => {
    const text = `${"zeile ä\n".repeat(200_000)}end`;
    const sum = await run(host, ["sh", "-c", "cat | wc -c"], { signal, stdin: text });
    expect(Number(sum)).toBe(Buffer.byteLength(text));
    expect(await run(host, ["cat"], { signal, stdin: "." })).toBe(".");
    expect(await run(host, ["cat"], { signal })).toBe("");
  });

  test("output without a newline and of many megabytes is complete", async () => {
    const result = await host.exec(["sh", "-c", "head -c 8000000 /dev/zero | tr '\\0' x; printf y >&2"], { signal });
    expect([result.stdout.length, result.stderr]).toEqual([8_000_000, "y"]);
  });

  test("the environment is small, and what was asked for", async () => {
    const env = await run(host, ["env"], { signal, env: { PGAPPNAME: "a b" } });
    expect(
      env
        .split("\n")
        .filter((line) => /^[A-Z]/.test(line))
        .map((line) => line.split("=")[0])
        .sort(),
    ).toEqual(expect.arrayContaining(["LC_ALL", "PATH", "PGAPPNAME"]));
    expect(env).toContain("PGAPPNAME=a b");
    expect(env).not.toMatch(/SSH_|HOME=/);
  });

  test("switches the user, with its groups", async () => {
    expect((await run(host, ["id", "-un"], { signal, user: "nobody" })).trim()).toBe("nobody");
  });

  test("lines of standard error come while the program runs", async () => {
    const go = path.join(folder, "go");
    const lines: string[] = [];
    const script = 'echo one >&2; while [ ! -e "$1" ]; do sleep 0.05; done; printf "two\\nthree" >&2';
    const result = host.exec(["sh", "-c", script, "sh", go], {
      signal,
      onStderrLine: (line) => {
        lines.push(line);
        if (line === "one") fs.writeFileSync(go, "");
      },
    });
    expect((await result).stderr).toBe("one\ntwo\nthree");
    expect(lines).toEqual(["one", "two", "three"]);
  });

  test("all commands share one connection", async () => {
    const before = await host.presence(signal);
    const many = await Promise.all(Array.from({ length: 24 }, (_, i) => run(host, ["echo", String(i)], { signal })));
    expect(many.map(Number)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect(await new SshTransport(sshd.connection()).presence(signal)).toEqual(before);
    const logins = (await run(host, ["ps", "-o", "pid=", "--ppid", String(sshd.pid)], { signal })).trim().split("\n");
    expect(logins).toHaveLength(1);
  });

  test("what a command gets as input stands in no argument list, here or there", async () => {
    const secret = "s3cret-4711-in-no-argv";
    const go = path.join(folder, "go-secret");
    const running = host.exec(["sh", "-c", 'cat >/dev/null; while [ ! -e "$1" ]; do sleep 0.05; done', "sh", go], {
      signal,
      stdin: secret,
    });
    const marker = await until(() => processes().find((line) => line.includes("go-secret")));
    const all = processes().join("\n");
    fs.writeFileSync(go, "");
    expect(marker).toBeDefined();
    expect(all).not.toContain(secret);
    expect((await running).code).toBe(0);
  });

  test("a cancelled command is gone on the host, with its children", async () => {
    const abort = new AbortController();
    const running = host.exec(["sh", "-c", "sleep 98761 & sleep 98761"], { signal: abort.signal });
    const caught = running.catch((error: Error) => error.message);
    await until(() => count("sleep 98761") >= 2);
    abort.abort();
    expect(await caught).toBe("sh on db2: cancelled");
    await until(() => count("sleep 98761") === 0);
  });

  test("one that takes too long is gone too, and says how long that is", async () => {
    await expect(host.exec(["sleep", "98762"], { signal, timeoutMs: 300 })).rejects.toThrow(
      "sleep on db2: took longer than 0.3 s",
    );
    await until(() => count("sleep 98762") === 0);
  });

  test("a command whose input was cut off is killed before it can act on half of it", async () => {
    const out = path.join(folder, "half");
    const abort = new AbortController();
    const text = "x".repeat(64 * 1024 * 1024);
    const running = host
      .exec(["sh", "-c", 'sleep 0.2; cat > /dev/null; echo done > "$1"', "sh", out], {
        signal: abort.signal,
        stdin: text,
      })
      .catch((error: Error) => error.message);
    await until(() => processes().some((line) => line.includes("echo done")));
    abort.abort();
    expect(await running).toContain("cancelled");
    await until(() => !processes().some((line) => line.includes("echo done")));
    expect(fs.existsSync(out)).toBe(false);
  });

  test("a detached process outlives the command that started it", async () => {
    const pid = Number(
      await run(host, ["sh", "-c", "setsid sleep 98763 </dev/null >/dev/null 2>&1 & echo $!"], { signal }),
    );
    expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
    process.kill(pid);
  });

  test("files: atomic, with mode and owner, and everything about them", async () => {
    const file = path.join(folder, "with space's.conf");
    expect(await host.readFile(file)).toBeUndefined();
    await host.writeFile(file, "line ä\n\nno newline at the end", {
      mode: "0640",
      group: "nobody",
    });
    const stat = fs.statSync(file);
    expect([(stat.mode & 0o7777).toString(8), stat.uid, stat.gid]).toEqual(["640", 0, 65534]);
    expect(await host.readFile(file)).toEqual({
      text: "line ä\n\nno newline at the end",
      mode: "0640",
      mtimeMs: expect.closeTo(stat.mtimeMs, -1),
    });
    await host.writeFile(file, "", { mode: "0600", user: "nobody" });
    expect([fs.statSync(file).uid, fs.readFileSync(file, "utf8")]).toEqual([65534, ""]);
    expect(await host.readFile(file)).toMatchObject({ text: "", mode: "0600" });

    const tree = path.join(folder, "a/b/c");
    await host.makeDirectory(tree, { mode: "0700", user: "nobody" });
    expect([fs.statSync(tree).uid, fs.statSync(path.dirname(tree)).uid]).toEqual([65534, 0]);
    expect(await host.list(path.dirname(tree))).toEqual(["c"]);
    expect(await host.list(tree)).toEqual([]);
    expect(await host.list(path.join(folder, "nothing"))).toBeUndefined();
    expect(await host.list(file)).toBeUndefined();

    const link = path.join(folder, "current");
    expect(await host.readLink(link)).toBeUndefined();
    await host.link("a/b", link);
    await host.link("a", link);
    expect([await host.readLink(link), await host.exists(link)]).toEqual(["a", true]);
    await host.link("gone", link);
    expect([await host.readLink(link), await host.exists(link)]).toEqual(["gone", true]);
    await host.rename(link, path.join(folder, "other"));
    expect(await host.exists(link)).toBe(false);
    await host.remove(path.join(folder, "a"));
    await host.remove(path.join(folder, "a"));
    expect((await host.list(folder))?.filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("a file that cannot be written says which, where and why, and leaves nothing", async () => {
    await expect(host.writeFile(path.join(folder, "no/such/x"), "text", { mode: "0600" })).rejects.toThrow(
      /writeFile .*no\/such\/x on db2: .*(No such file|nonexistent)/i,
    );
    fs.mkdirSync(path.join(folder, "dir/full"), { recursive: true });
    await expect(host.writeFile(path.join(folder, "dir"), "text", { mode: "0600" })).rejects.toThrow(/on db2: /);
    expect((await host.list(folder))?.filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("nothing runs on the host when this side is killed", async () => {
    const program = `
      const { SshTransport } = await import(${JSON.stringify(path.resolve("provider/transports/ssh.ts"))});
      const host = new SshTransport(${JSON.stringify(sshd.connection())});
      console.log(JSON.stringify(await host.presence(AbortSignal.timeout(60000))));
      await host.exec(["sleep", "98764"], { signal: AbortSignal.timeout(60000) });`;
    const child = spawn("node_modules/.bin/node", ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const presence: { pid: number } = await new Promise((resolve) =>
      child.stdout.once("data", (text: Buffer) => resolve(JSON.parse(text.toString()))),
    );
    await until(() => count("sleep 98764") === 1);
    expect(fs.existsSync(`/proc/${presence.pid}`)).toBe(true);
    child.kill("SIGKILL");
    await until(() => count("sleep 98764") === 0 && !fs.existsSync(`/proc/${presence.pid}`));
    // And its ssh ends by itself.
    await until(() => !processes().some((line) => line.includes(`pgf-${child.pid}-`)));
  });

  test("a program that only looks ends, although the connection is open", async () => {
    const program = `
      const { SshTransport } = await import(${JSON.stringify(path.resolve("provider/transports/ssh.ts"))});
      const host = new SshTransport(${JSON.stringify(sshd.connection())});
      console.log((await host.exec(["echo", "hello"], { signal: AbortSignal.timeout(60000) })).stdout);`;
    const out = execFileSync("node_modules/.bin/node", ["--input-type=module", "-e", program], { timeout: 60_000 });
    expect(out.toString().trim()).toBe("hello");
  });

  test("a connection that was cut is an unreachable host to what ran, and is made anew for what follows", async () => {
    const first = await host.presence(signal);
    const running = host.exec(["sleep", "98765"], { signal }).catch((error: unknown) => error);
    await until(() => count("sleep 98765") === 1);
    const login = processes("pid=,ppid=")
      .map((line) => line.trim().split(/\s+/).map(Number))
      .find(([, ppid]) => ppid === sshd.pid)![0]!;
    process.kill(login, "SIGKILL");
    const error = await running;
    expect(error).toBeInstanceOf(UnreachableError);
    expect((error as Error).message).toContain("the connection was lost while sleep ran there");
    await until(() => count("sleep 98765") === 0);
    expect((await host.presence(signal)).pid).not.toBe(first.pid);
    expect(await run(host, ["echo", "again"], { signal })).toBe("again\n");
  });
});

describe.skipIf(missing)("a host that cannot be reached", () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    closeSshConnections();
    await sshd?.stop();
    if (sshd) fs.rmSync(sshd.folder, { recursive: true, force: true });
  });
  const why = async (ssh: Parameters<Sshd["connection"]>[0], limitMs = 100): Promise<string> => {
    const error = await new SshTransport(sshd.connection(ssh)).connect({ signal, limitMs }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnreachableError);
    return (error as Error).message;
  };

  test("whose host key changed", async () => {
    const hostKey = makeSshKey(path.join(sshd.folder, "other")).split(" ").slice(0, 2).join(" ");
    expect(await why({ hostKey })).toMatch(
      /^host db2 cannot be reached: the host key of 127\.0\.0\.1 port \d+ is not the one in ssh\.hostKey of the stack's config/,
    );
    const knownHosts = path.join(sshd.folder, "known_hosts");
    fs.writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${hostKey}\n`);
    const { hostKey: _, ...rest } = sshd.connection({ knownHosts }).ssh;
    const message = await new SshTransport({ ...sshd.connection(), ssh: rest })
      .connect({ signal, limitMs: 100 })
      .catch((e: Error) => e.message);
    expect(message).toContain(`is not the one in ${knownHosts}`);
    expect(message).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}'`);
  });

  test("whose host key nobody knows", async () => {
    const knownHosts = path.join(sshd.folder, "empty");
    fs.writeFileSync(knownHosts, "");
    const { hostKey: _, ...rest } = sshd.connection({ knownHosts }).ssh;
    await expect(
      new SshTransport({ ...sshd.connection(), ssh: rest }).connect({ signal, limitMs: 100 }),
    ).rejects.toThrow(/is not in .*empty, and an unknown key is not trusted.*ssh-keyscan -p \d+ 127\.0\.0\.1/);
  });

  test("that does not let this user or this key in", async () => {
    expect(await why({ user: "nobody" })).toMatch(/does not let nobody in \(it accepts publickey\).*ssh\.user/);
    expect(await why({ identityFile: "/nonexistent/key" })).toContain("no readable key /nonexistent/key");
  });

  test("where sudo asks for a password, or is not there", async () => {
    const bin = path.join(sshd.folder, "bin");
    fs.mkdirSync(bin);
    const program = (name: string, body: string) =>
      fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    program("id", "echo 1000");
    const other = await startSshd({ config: [`SetEnv PATH=${bin}:/usr/bin:/bin`] });
    try {
      const dial = (become: "sudo", user = "root") =>
        sshConnection(other.connection({ become, user })).open({ signal, limitMs: 100 });
      await expect(dial("sudo")).rejects.toThrow(/is not root, and there is no sudo on the host/);
      program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
      await expect(dial("sudo")).rejects.toThrow(/sudo asks root for a password.*sudoers\.d.*NOPASSWD/);
      program("sudo", `shift 2; echo "as root: $#" >> ${path.join(bin, "log")}; PATH=/usr/bin:/bin; exec "$@"`);
      const host = new SshTransport(other.connection({ become: "sudo" }));
      await host.connect({ signal, limitMs: 100 });
      expect(await run(host, ["echo", "works"], { signal })).toBe("works\n");
      expect(fs.readFileSync(path.join(bin, "log"), "utf8")).toBe("as root: 3\n".repeat(2));
    } finally {
      closeSshConnections();
      await other.stop();
      fs.rmSync(other.folder, { recursive: true, force: true });
    }
  });

  test("whose name is not known", async () => {
    expect(await why({ host: "db2.invalid" })).toContain("the name db2.invalid is not known here");
  });

  test("where nobody listens: how often it was tried, and the next resource does not try again", async () => {
    const port = await freePort();
    const message = await why({ port }, 700);
    expect(message).toMatch(/port \d+ refuses connections: no sshd listens there.*Tried [2-9] times in \d+ s\.$/);
    const host = new SshTransport(sshd.connection({ port }));
    await expect(host.exists("/")).rejects.toThrow(message);
  });

  test("where something listens and says nothing: bounded", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    try {
      expect(await why({ port: (silent.address() as { port: number }).port })).toMatch(/does not answer/);
    } finally {
      silent.close();
    }
  });

  test("where small packets come through and large ones are lost: bounded, and the MTU is named", async () => {
    const narrow = await blackHole(sshd.port, 600);
    try {
      expect(await why({ port: narrow.port })).toMatch(
        /does not answer.*packets that are too large for the way \(MTU\)/,
      );
    } finally {
      narrow.close();
    }
  });

  test("whose line falls silent while a command runs: the command ends, and the host is said to be lost", async () => {
    const way = await blackHole(sshd.port);
    try {
      const host = new SshTransport(sshd.connection({ port: way.port }));
      await host.connect({ signal, limitMs: 10_000 });
      const running = host.exec(["sleep", "98766"], { signal, timeoutMs: 300_000 }).catch((error: unknown) => error);
      await until(() => count("sleep 98766") === 1);
      way.swallow();
      const error = await running;
      expect(error).toBeInstanceOf(UnreachableError);
      expect((error as Error).message).toContain("the connection was lost while sleep ran there");
      // Over there it ends by itself.
      await until(() => count("sleep 98766") === 0, 60_000);
    } finally {
      way.close();
    }
  });

  test("waits for sshd with a limit, and says so", async () => {
    const late = await startSshd({ stopped: true });
    const lines: string[] = [];
    try {
      const host = new SshTransport(late.connection());
      const dialing = host.connect({ signal, limitMs: 60_000, onWait: (line) => lines.push(line) });
      await until(() => lines.length >= 1);
      await late.start();
      await dialing;
      expect(lines[0]).toMatch(/^waiting for sshd on db2, \d+ s of 60 s: 127\.0\.0\.1 port \d+ refuses connections/);
      expect(await run(host, ["echo", "up"], { signal })).toBe("up\n");
    } finally {
      closeSshConnections();
      await late.stop();
      fs.rmSync(late.folder, { recursive: true, force: true });
    }
  });

  test("a cancelled wait ends at once", async () => {
    const abort = new AbortController();
    const host = new SshTransport(sshd.connection({ port: await freePort() }));
    const dialing = host.connect({
      signal: abort.signal,
      limitMs: 600_000,
      onWait: () => abort.abort(new Error("enough")),
    });
    await expect(dialing).rejects.toThrow("enough");
  });
});

/** Command lines of all processes here: the host is this machine. */
test.skipIf(missing)(
  "a connection whose machine is gone is dialed anew for who waits for a boot, or names another machine",
  async () => {
    const machine = await startSshd();
    const named = (name: string, id: string) =>
      new SshTransport({ ...machine.connection({ machine: id }), host: name });
    const before = await Promise.all(["db8", "db9"].map((name) => named(name, "i-1").presence(signal)));
    // What answers stays, whatever it is called: it holds the host's lock.
    expect(await named("db9", "i-2").presence(signal)).toEqual(before[1]);
    await named("db9", "i-2").connect({ signal, limitMs: LIMIT_MS });
    expect(await named("db9", "i-2").presence(signal)).toEqual(before[1]);
    // As when a machine ends without a word: the connection is open, and nothing answers behind it.
    const stopped = before.flatMap(({ pid }) => sshdsAbove(pid, machine.pid));
    expect(stopped.length).toBeGreaterThan(1);
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    try {
      const [booted, other] = await Promise.all([
        named("db8", "i-1")
          .connect({ signal, limitMs: LIMIT_MS })
          .then(() => named("db8", "i-1").presence(signal)),
        named("db9", "i-3").presence(signal),
      ]);
      expect(booted).not.toEqual(before[0]);
      expect(other).not.toEqual(before[1]);
    } finally {
      for (const pid of stopped) process.kill(pid, "SIGKILL");
      await machine.stop();
      fs.rmSync(machine.folder, { recursive: true, force: true });
    }
  },
);

/** The processes of sshd between one of a session and the one that listens. */
function sshdsAbove(pid: number, listener: number): number[] {
  const found: number[] = [];
  for (let at = pid; at > 1 && at !== listener; ) {
    const stat = fs.readFileSync(`/proc/${at}/stat`, "utf8");
    if (stat.slice(stat.indexOf("(") + 1).startsWith("sshd")) found.push(at);
    at = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  return found;
}

function processes(columns = "args="): string[] {
  return execFileSync("ps", ["-eo", columns, "ww"], { maxBuffer: 1 << 26 })
    .toString()
    .split("\n");
}

const count = (args: string): number => processes().filter((line) => line.trim() === args).length;

async function until<T>(condition: () => T, limitMs = LIMIT_MS): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${condition}`);
    await delay(30);
  }
}
