/** A fleet of a test: its own stack, state folder and addresses; the real engine and real servers. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { stringify } from "yaml";
import { installedMajor, killGroup } from "./processes.ts";

export const ROOT = path.resolve(import.meta.dirname, "../../..");

export interface RunResult {
  code: number;
  /** Standard output and standard error, as they came. */
  text: string;
}

export interface Run {
  /** The wrapper, which becomes the engine: one pid. */
  child: ChildProcess;
  done: Promise<RunResult>;
  /** Its output up to now. */
  said: () => string;
}

export type Config = Record<string, unknown> & { hosts: Record<string, Record<string, unknown>> };

let subnets = 0;

export class TestFleet {
  readonly dir: string;
  readonly stack: string;
  /** e.g. "127.0.61": hosts are .1, .2, … */
  readonly net: string;
  readonly env: NodeJS.ProcessEnv;
  config: Config;

  /** @param label part of the stack's name, e.g. "life" */
  constructor(label: string, config: Partial<Config> = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), `pgf-${label}-`));
    fs.chmodSync(this.dir, 0o755);
    this.stack = `${label}-${randomBytes(3).toString("hex")}`;
    this.net = `127.${100 + (process.pid % 100)}.${60 + subnets++}`;
    fs.writeFileSync(path.join(this.dir, "passphrase"), randomBytes(16).toString("hex"), { mode: 0o600 });
    fs.mkdirSync(path.join(this.dir, "engine"));
    this.env = {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${this.dir}/engine`,
      PULUMI_CONFIG_PASSPHRASE_FILE: path.join(this.dir, "passphrase"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_CONTINUE_ON_ERROR: "true",
      NO_COLOR: "1",
    };
    this.config = { ...this.defaults(), ...config } as Config;
  }

  defaults(): Config {
    return {
      platform: "local",
      cluster: "shop",
      version: installedMajor(),
      memory: "1GB",
      cpus: 1,
      disk: "10GB",
      connections: 40,
      stateDir: path.join(this.dir, "state"),
      initdb: {
        dataChecksums: true,
        encoding: "UTF8",
        localeProvider: "libc",
        locale: "C.UTF-8",
        walSegmentSize: "16MB",
      },
      hosts: {
        db1: { role: "primary", address: this.address(1) },
        db2: { role: "replica", address: this.address(2) },
        db3: { role: "replica", address: this.address(3) },
        pool1: { role: "pooler", address: this.address(10) },
        mon1: { role: "monitoring", address: this.address(20) },
      },
      databases: { shop: { owner: "shop_owner", extensions: ["pg_stat_statements"] } },
      roles: {
        shop_owner: { access: "owner", login: false },
        shop_app: { access: "readwrite" },
        shop_readonly: { access: "readonly" },
      },
    };
  }

  address(last: number): string {
    return `${this.net}.${last}`;
  }

  home(host: string): string {
    return path.join(this.dir, "state", host);
  }

  get configFile(): string {
    return path.join(this.dir, `Pulumi.${this.stack}.yaml`);
  }

  /** Starts a Pulumi command; standard input is closed. */
  start(...args: string[]): Run {
    this.#writeConfig();
    const child = spawn(path.join(ROOT, "pulumiw"), [...args, "-s", this.stack], {
      cwd: ROOT,
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let text = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    const done = new Promise<RunResult>((resolve) => child.on("close", (code) => resolve({ code: code ?? 137, text })));
    return { child, done, said: () => text };
  }

  async pulumi(...args: string[]): Promise<RunResult> {
    return this.start(...args).done;
  }

  async up(): Promise<string> {
    return this.#ok(await this.startUp().done);
  }

  /** `up` that is not waited for. */
  startUp(...args: string[]): Run {
    return this.start("up", "--yes", "--skip-preview", "--config-file", this.configFile, ...args);
  }

  /** `up` that must fail; gives what it said. */
  async upFails(): Promise<string> {
    return this.#refused(await this.pulumi("up", "--yes", "--skip-preview", "--config-file", this.configFile));
  }

  /** `preview` that must fail; gives what it said. */
  async previewFails(): Promise<string> {
    return this.#refused(await this.pulumi("preview", "--diff", "--config-file", this.configFile));
  }

  async preview(...args: string[]): Promise<string> {
    return this.#ok(await this.pulumi("preview", "--diff", "--config-file", this.configFile, ...args));
  }

  async destroy(): Promise<string> {
    return this.#ok(await this.pulumi("destroy", "--yes", "--skip-preview", "--config-file", this.configFile));
  }

  /** Runs SQL on a member as the superuser; the rows as tab-separated text. */
  sql(host: string, query: string, database = "postgres"): string {
    const argv = [
      "-XAtq",
      "-F",
      "\t",
      "-h",
      path.join(this.home(host), "run"),
      "-p",
      "5432",
      "-U",
      "postgres",
      "-d",
      database,
      "-c",
      query,
    ];
    return this.asServerUser(`/usr/lib/postgresql/${this.config.version}/bin/psql`, argv).trim();
  }

  /** Runs a program as the OS user of the servers. */
  asServerUser(program: string, argv: string[], input = ""): string {
    const root = process.getuid?.() === 0;
    const command = root
      ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", program, ...argv]
      : [program, ...argv];
    return execFileSync(command[0]!, command.slice(1), {
      encoding: "utf8",
      input,
      cwd: "/",
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: process.env.PATH, PGCONNECT_TIMEOUT: "5" },
    });
  }

  /** Ends every process of this fleet by pid, and its engine and provider. */
  async killAll(): Promise<void> {
    await killGroup(this.dir);
  }

  /** Takes the fleet away: processes first, then files. */
  async remove(): Promise<void> {
    await this.killAll();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  #writeConfig(): void {
    const config = Object.fromEntries(
      // A key with its namespace is another provider's.
      Object.entries(this.config).map(([key, value]) => [key.includes(":") ? key : `postgres-fleet:${key}`, value]),
    );
    // The engine's own line; for local stacks the wrapper keeps it elsewhere.
    const before = fs.existsSync(this.configFile) ? fs.readFileSync(this.configFile, "utf8") : "";
    const salt = /^encryptionsalt: (.*)$/m.exec(before)?.[1];
    fs.writeFileSync(this.configFile, stringify({ ...(salt ? { encryptionsalt: salt } : {}), config }));
  }

  #refused(result: RunResult): string {
    if (result.code === 0) throw new Error(`this succeeded and should not have:\n${result.text}`);
    return result.text;
  }

  #ok(result: RunResult): string {
    if (result.code !== 0) throw new Error(`pulumi ended with ${result.code}:\n${result.text}`);
    return result.text;
  }
}
