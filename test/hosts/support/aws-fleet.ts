/** A fleet of platform aws on the stand-in's cloud: the unchanged program, the real SDK, the real engine, machines that boot. */

import * as path from "node:path";
import type { Config } from "../../e2e/support/fleet.ts";
import { makeSshKey } from "../../support/ssh-key.ts";
import { TestCloud } from "./cloud.ts";
import { MAJOR } from "./image.ts";
import { MachineFleet } from "./machine-fleet.ts";

export class AwsFleet extends MachineFleet {
  readonly cloud: TestCloud;
  readonly #login: string;

  constructor(label: string) {
    super(label);
    this.cloud = new TestCloud(this.dir);
    Object.assign(this.env, this.cloud.env);
    this.#login = path.join(this.dir, "login");
    const publicKey = makeSshKey(this.#login);
    const { initdb, databases, roles } = this.config;
    const at = (third: number, last: number) => this.cloud.at(third, last);
    this.config = {
      platform: "aws",
      state: "file",
      cluster: "shop",
      version: MAJOR,
      size: SMALL,
      disk: "20GB",
      connections: 40,
      initdb,
      databases,
      roles,
      ssh: { identityFile: this.#login },
      aws: {
        region: "eu-central-1",
        network: {
          cidr: this.cloud.cidr,
          subnets: [1, 2, 3].map((third, i) => ({
            zone: `eu-central-1${"abc"[i]}`,
            cidr: at(third, 0).concat("/24"),
          })),
        },
        publicKey,
      },
      hosts: {
        db1: { role: "primary", address: at(1, 11) },
        db2: { role: "replica", address: at(2, 11) },
        pool1: { role: "pooler", address: at(3, 21), size: "t3.micro" },
      },
      allowedNetworks: [this.cloud.cidr],
    };
    this.cloud.change((state) => {
      state.sizes = {
        "t3.micro": { memoryMib: 1024, cpus: 2 },
        [SMALL]: { memoryMib: 2048, cpus: 2 },
        [LARGE]: { memoryMib: 4096, cpus: 2 },
      };
    });
  }

  override defaults(): Config {
    const { stateDir: _, ...rest } = super.defaults();
    return rest as Config;
  }

  override exec(host: string, argv: string[], input = ""): string {
    return this.cloud.exec(host, argv, input);
  }

  override removeMachines(): void {
    this.cloud.removeAll();
  }
}

/** 2 and 4 GB; cheap enough for two cores and some containers. */
export const SMALL = "t3.small";
export const LARGE = "t3.medium";
