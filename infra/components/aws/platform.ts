/** Platform `aws`: everything of a fleet that is Amazon's. From there on a host is a machine reached over ssh. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Architecture, FleetSpec } from "../../config/spec.ts";
import { imageParameter } from "../../platforms/aws/images.ts";
import { machineOrder } from "../../platforms/aws/order.ts";
import type { Templates } from "../../rendering/template.ts";
import type { HostOwner, RolloutOutputs, SshConnectionInput } from "../../resources.ts";
import { BackupBucket } from "./backup-bucket.ts";
import { Dns } from "./dns.ts";
import { Firewall } from "./firewall.ts";
import { Identity } from "./identity.ts";
import { AwsMachine } from "./machine.ts";
import { Network } from "./network.ts";

export interface AwsPlatformArgs {
  spec: FleetSpec;
  owner: HostOwner;
  templates: Templates;
  /** How each host is reached, by name. */
  connections: ReadonlyMap<string, SshConnectionInput>;
  /** Generation of a host's component postgresql; "" where it is no member. */
  generation: (host: string) => pulumi.Input<string>;
}

export class AwsPlatform extends pulumi.ComponentResource {
  readonly machines = new Map<string, AwsMachine>();
  readonly backupBucket: pulumi.Output<string>;
  readonly #spec: FleetSpec;
  readonly #network: Network;

  constructor(name: string, args: AwsPlatformArgs) {
    const { spec, owner } = args;
    const declared = spec.aws!;
    const { project, stack, cluster } = owner;
    const provider = new aws.Provider("aws", {
      region: declared.region as aws.Region,
      defaultTags: {
        tags: { "pgfleet:project": project, "pgfleet:stack": stack, "pgfleet:cluster": cluster, ...declared.tags },
      },
    });
    super("pgfleet:aws:Platform", name, {}, { providers: [provider] });
    const mine = { parent: this };
    this.#spec = spec;
    this.#network = new Network(name, declared, mine);
    const firewall = new Firewall(name, { spec, vpcId: this.#network.vpcId }, mine);
    const bucket = new BackupBucket(name, { retentionDays: declared.backupRetentionDays, protect: spec.protect }, mine);
    this.backupBucket = bucket.bucket;
    const { region, publicKey } = declared;
    const identity = new Identity(name, { bucketArn: bucket.arn, publicKey, region }, mine);
    const image = images(declared.image, this);
    let before: AwsMachine | undefined;
    for (const host of machineOrder(spec)) {
      before = new AwsMachine(
        host.name,
        {
          spec,
          owner,
          templates: args.templates,
          network: this.#network,
          firewall,
          identity,
          image,
          host,
          connection: args.connections.get(host.name)!,
          generation: args.generation(host.name),
          after: before ? [before.ready] : [],
        },
        mine,
      );
      this.machines.set(host.name, before);
    }
    this.registerOutputs();
  }

  /** Every machine is there: files and rollouts come behind. */
  get ready(): pulumi.Resource[] {
    return [...this.machines.values()].map((machine) => machine.ready);
  }

  /** Host → instance type that it has after this run. */
  get types(): Record<string, pulumi.Output<string>> {
    return Object.fromEntries([...this.machines].map(([host, machine]) => [host, machine.type]));
  }

  names(observed: pulumi.Output<RolloutOutputs["observed"]>): void {
    new Dns(this.#spec.cluster.name, { spec: this.#spec, vpcId: this.#network.vpcId, observed }, { parent: this });
  }
}

/** Asked once for each architecture. */
function images(
  image: NonNullable<FleetSpec["aws"]>["image"],
  parent: pulumi.Resource,
): (architecture: Architecture) => pulumi.Output<string> {
  const asked = new Map<Architecture, pulumi.Output<string>>();
  return (architecture) => {
    if (image.kind === "ami") return pulumi.output(image.id);
    const known =
      asked.get(architecture) ??
      // The value of a parameter is a secret to the SDK; the name of a public image is none.
      pulumi.unsecret(aws.ssm.getParameterOutput({ name: imageParameter(image, architecture) }, { parent }).value);
    asked.set(architecture, known);
    return known;
  };
}
