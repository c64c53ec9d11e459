/** The small program as a stack of the real engine. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { type Config, ROOT, type Run, TestFleet } from "../../e2e/support/fleet.ts";
import { makeSshKey } from "../../support/ssh-key.ts";
import { TestCloud } from "./cloud.ts";

export class CloudStack extends TestFleet {
  readonly cloud: TestCloud;
  readonly #login: string;

  constructor(label: string) {
    super(label);
    this.cloud = new TestCloud(this.dir);
    Object.assign(this.env, this.cloud.env);
    this.#login = path.join(this.dir, "login");
    const publicKey = makeSshKey(this.#login);
    this.config = {
      ...this.config,
      "aws:region": "eu-central-1",
      "cloud:cidr": this.cloud.cidr,
      "cloud:publicKey": publicKey,
    };
  }

  override defaults(): Config {
    return { hosts: {} };
  }

  get #project(): string {
    return path.join(this.dir, "project");
  }

  async init(): Promise<void> {
    fs.mkdirSync(this.#project);
    const runtime =
      "runtime:\n  name: nodejs\n  options: { typescript: false, nodeargs: --import tsx }\noptions:\n  refresh: always\n";
    fs.writeFileSync(path.join(this.#project, "Pulumi.yaml"), `name: cloud\n${runtime}main: index.ts\n`);
    fs.writeFileSync(path.join(this.#project, "package.json"), '{ "type": "module" }\n');
    fs.copyFileSync(path.join(import.meta.dirname, "cloud-program.ts"), path.join(this.#project, "index.ts"));
    fs.symlinkSync(path.join(ROOT, "node_modules"), path.join(this.#project, "node_modules"));
    const { code, text } = await this.pulumi("stack", "init", "--no-select", "--non-interactive");
    if (code !== 0) throw new Error(`stack init ended with ${code}:\n${text}`);
    fs.copyFileSync(path.join(this.#project, `Pulumi.${this.stack}.yaml`), this.configFile);
  }

  override start(...args: string[]): Run {
    return super.start("-C", this.#project, ...args);
  }

  /** A command over ssh, by the way that needs no inbound port: instance by its tags, then a session. */
  ssh(host: string, command: string): string {
    const find = [
      "aws ec2 describe-instances --output text --query 'Reservations[].Instances[].InstanceId' --filters",
      `Name=tag:pgfleet:stack,Values=${this.stack} Name=tag:pgfleet:host,Values=${host} Name=instance-state-name,Values=running`,
    ].join(" ");
    const session = "aws ssm start-session --document-name AWS-StartSSHSession --parameters portNumber=%p --target";
    const options = [
      `ProxyCommand=sh -c "${session} $(${find})"`,
      `IdentityFile=${this.#login}`,
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "BatchMode=yes",
    ].flatMap((option) => ["-o", option]);
    return execFileSync("ssh", ["-F", "none", ...options, `admin@${host}`, command], {
      encoding: "utf8",
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  }

  override async remove(): Promise<void> {
    await this.killAll();
    try {
      this.cloud.removeAll();
    } finally {
      await super.remove();
    }
  }
}
