/** A host: its staged files and its service manager. */

import * as pulumi from "@pulumi/pulumi";
import { componentFiles } from "../fleet.ts";
import { HostFiles, type Inputs, Machine, Service } from "../pgfleet.ts";
import { generationHash } from "../rendering/generation.ts";
import type { ComponentName, HostLayout, HostPlan } from "../rendering/types.ts";
import type { Connection, HostOwner, MachineInputs, ServiceInputs } from "../resources.ts";
import type { Credentials } from "./credentials.ts";

export interface HostArgs {
  connection: Connection;
  /** The same, with which machine it leads to now: when that is another one, all of the host is made ready again. */
  reach?: Inputs<Connection>;
  /** What the host has to be; absent where it is a part of this machine. */
  machine?: Pick<MachineInputs, "size" | "packages" | "packageSource">;
  owner: HostOwner;
  layout: HostLayout;
  plan: HostPlan;
  credentials: Credentials;
  /** What has to be there before anything of the host is. */
  after?: pulumi.Resource[];
}

export class Host extends pulumi.ComponentResource {
  readonly connection: Connection;
  readonly reach: Inputs<Connection>;
  readonly layout: HostLayout;
  readonly plan: HostPlan;
  readonly files: HostFiles;
  /** What runs the services, where it is not the machine's own. */
  readonly manager: Service | undefined;
  readonly #versions: pulumi.Output<Record<string, number>>;
  readonly #components: ReturnType<typeof componentFiles>;

  constructor(name: string, args: HostArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:components:Host", name, {}, options);
    const { connection, layout, plan } = args;
    this.connection = connection;
    this.reach = args.reach ?? connection;
    this.layout = layout;
    this.plan = plan;
    this.#components = componentFiles(plan);
    const { secrets, versions } = args.credentials.wanted(this.#components);
    this.#versions = versions;
    const { reach } = this;
    const { after = [] } = args;
    const machine =
      args.machine && new Machine(name, { connection: reach, ...args.machine }, { parent: this, dependsOn: after });
    this.files = new HostFiles(
      name,
      {
        connection: reach,
        owner: args.owner,
        components: this.#components,
        secrets,
        secretVersions: versions,
      },
      { parent: this, dependsOn: machine ? [machine] : after },
    );
    this.manager = this.has("supervisor")
      ? this.service("supervisor", {
          activate: "restart",
          program: { path: layout.programs.supervisord, package: "supervisor" },
        })
      : undefined;
    this.registerOutputs();
  }

  /** What must be there before a service of this host can be. */
  get base(): pulumi.Resource[] {
    return this.manager ? [this.files, this.manager] : [this.files];
  }

  has(component: ComponentName): boolean {
    return component in this.#components;
  }

  /** Generation of a component as it will be staged; known in previews too. */
  generation(component: ComponentName): pulumi.Output<string> {
    const files = this.#components[component];
    if (!files) throw new Error(`host ${this.connection.host} has no component ${component}`);
    return this.#versions.apply((versions) => generationHash(files, versions));
  }

  /** Changes when files of a component that were staged already had to be written again. */
  repairs(component: ComponentName): pulumi.Output<number> {
    return this.files.repairs.apply((repairs) => repairs?.[component] ?? 0);
  }

  service(
    component: ComponentName,
    { after, ...args }: Pick<ServiceInputs, "activate" | "program" | "check"> & { after?: pulumi.Resource },
  ): Service {
    const dependsOn: pulumi.Resource[] = [
      this.files,
      ...(component !== "supervisor" && this.manager ? [this.manager] : []),
      ...(after ? [after] : []),
    ];
    return new Service(
      `${this.connection.host}-${component}`,
      { connection: this.reach, name: component, generation: this.generation(component), ...args },
      { parent: this, dependsOn },
    );
  }
}
