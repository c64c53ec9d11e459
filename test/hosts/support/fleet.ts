/** A fleet of platform existing on machines of the test; the real engine, the real ssh, the distribution's packages. */

import { MAJOR } from "./image.ts";
import { MachineFleet } from "./machine-fleet.ts";
import { type MachineOptions, Machines } from "./machines.ts";

/** Host → last number of its address. */
export const PLACES = { db1: 11, db2: 12, db3: 13, pool1: 20 } as const;
export type Name = keyof typeof PLACES;

export class HostsFleet extends MachineFleet {
  readonly machines: Machines;

  constructor(label: string) {
    super(label);
    this.machines = new Machines(this.dir);
    const at = (name: Name) => this.at(name);
    const { initdb, databases, roles } = this.config;
    this.config = {
      platform: "existing",
      // The test's backend is a folder, and its members come and go.
      state: "file",
      protect: false,
      cluster: "shop",
      version: MAJOR,
      memory: "1GB",
      cpus: 1,
      disk: "10GB",
      connections: 40,
      initdb,
      databases,
      roles,
      primary: "db1",
      monitoring: { hosts: ["pool1"] },
      ssh: { user: "admin", identityFile: this.machines.identityFile, knownHosts: this.machines.knownHosts },
      hosts: {
        db1: { role: "replica", address: at("db1") },
        db2: { role: "replica", address: at("db2") },
        pool1: { role: "pooler", address: at("pool1") },
      },
    };
  }

  at(name: Name): string {
    return this.machines.address(PLACES[name]);
  }

  async boot(...names: Name[]): Promise<void> {
    for (const name of names) await this.bootWith(name);
  }

  async bootWith(name: Name, options: MachineOptions = {}): Promise<void> {
    await this.machines.boot(name, this.at(name), options);
  }

  override exec(host: string, argv: string[], input = ""): string {
    return this.machines.exec(host, argv, input);
  }

  override removeMachines(): void {
    this.machines.removeAll();
  }
}
