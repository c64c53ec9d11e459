/**
 * One EC2 instance with its data volume. Before it changes it is drained, behind it whoever comes next waits until it
 * is back: Drain → Instance → Ready. Its connection is the same before and after: the instance is found by tags.
 */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { FleetSpec, HostSpec } from "../../config/spec.ts";
import { Drain, type Inputs, Ready } from "../../pgfleet.ts";
import { groupsOf, hasDataVolume } from "../../platforms/aws/firewall.ts";
import { userData, volumePlace } from "../../platforms/aws/user-data.ts";
import type { Templates } from "../../rendering/template.ts";
import type { Connection, HostOwner, SshConnectionInput } from "../../resources.ts";
import { pausePolicy, tlsOf } from "../cluster.ts";
import type { Firewall } from "./firewall.ts";
import type { Identity } from "./identity.ts";
import type { Network } from "./network.ts";

/** What all machines of a fleet share. */
export interface MachineSurroundings {
  spec: FleetSpec;
  owner: HostOwner;
  templates: Templates;
  network: Network;
  firewall: Firewall;
  identity: Identity;
  /** Id of the image for an architecture. */
  image: (architecture: NonNullable<HostSpec["aws"]>["architecture"]) => pulumi.Output<string>;
}

export interface AwsMachineArgs extends MachineSurroundings {
  host: HostSpec;
  connection: SshConnectionInput;
  /** Generation of component postgresql; "" where the host is no member. */
  generation: pulumi.Input<string>;
  /** Machines that have to be back before this one is touched. */
  after: pulumi.Resource[];
}

/** System and packages; what grows is on the data volume. */
const ROOT_DISK_GB = 20;
/** Attached as this; instances of the Nitro system show it under the volume's id. */
const DEVICE_NAME = "/dev/sdf";
const MB_PER_GB = 1024;

export class AwsMachine extends pulumi.ComponentResource {
  /** As given, and which machine it leads to. */
  readonly connection: Inputs<Connection>;
  readonly ready: Ready;
  readonly instance: aws.ec2.Instance;
  /** Instance type that it has after this run. */
  readonly type: pulumi.Output<string>;

  constructor(name: string, args: AwsMachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:Machine", name, {}, options);
    const { spec, host, owner, connection } = args;
    const { instanceType, architecture, volume: performance, zone, replace } = host.aws!;
    const mine = { parent: this };
    const diskGb = Math.ceil(host.diskMb / MB_PER_GB);
    const tags = { Name: `${spec.cluster.name}-${name}`, "pgfleet:stack": spec.stack, "pgfleet:host": name };
    const { memoryMb, cpus } = host;
    const drain = new Drain(
      name,
      {
        connection,
        owner,
        machine: { type: instanceType, architecture, memoryMb, cpus, diskGb, replace },
        image: args.image(architecture),
        generation: args.generation,
        primary: spec.aws!.resizePrimary,
        pause: pausePolicy(spec),
        ...tlsOf(spec),
        version: spec.cluster.version,
      },
      { ...mine, dependsOn: args.after },
    );
    this.type = drain.type;
    const volume = hasDataVolume(spec, host)
      ? new aws.ebs.Volume(
          name,
          {
            availabilityZone: zone,
            type: "gp3",
            size: diskGb,
            iops: performance.iops,
            throughput: performance.throughputMbps,
            encrypted: true,
            tags,
          },
          // Data outlives the stack. What a drain refuses, a smaller volume for one, is not done.
          { ...mine, protect: host.protect, retainOnDelete: true, dependsOn: drain },
        )
      : undefined;
    this.instance = this.#instance(name, args, { drain, volume, tags, rootDiskGb: volume ? ROOT_DISK_GB : diskGb });
    const attached =
      volume &&
      new aws.ec2.VolumeAttachment(
        name,
        {
          volumeId: volume.id,
          instanceId: this.instance.id,
          deviceName: DEVICE_NAME,
          // A file system that is in use is not torn off.
          stopInstanceBeforeDetaching: true,
        },
        { ...mine, deleteBeforeReplace: true },
      );
    this.connection = { ...connection, ssh: { ...connection.ssh, machine: this.instance.id } };
    this.ready = new Ready(
      name,
      {
        connection: this.connection,
        owner,
        machineId: this.instance.id,
        type: drain.type,
        volume: volume ? { id: volume.id, diskGb, path: volumePlace(spec) } : null,
      },
      { ...mine, dependsOn: attached ? [attached] : [] },
    );
    this.registerOutputs();
  }

  #instance(
    name: string,
    args: AwsMachineArgs,
    made: { drain: Drain; volume: aws.ebs.Volume | undefined; tags: Record<string, string>; rootDiskGb: number },
  ): aws.ec2.Instance {
    const { spec, host, templates, network, firewall, identity } = args;
    const { drain, volume, tags, rootDiskGb } = made;
    const groups = groupsOf(spec, host);
    return new aws.ec2.Instance(
      name,
      {
        ami: drain.machineImage,
        instanceType: drain.type,
        subnetId: network.subnetId(host.aws!.subnetCidr),
        privateIp: host.address,
        associatePublicIpAddress: false,
        vpcSecurityGroupIds: groups.map((group) => firewall.groups.get(group)!.id),
        iamInstanceProfile: groups.includes("members") ? identity.memberProfile : identity.hostProfile,
        keyName: identity.keyName,
        userData: pulumi.output(volume?.id).apply((id) => userData(spec, host, templates, id)),
        rootBlockDevice: {
          volumeType: "gp3",
          volumeSize: rootDiskGb,
          encrypted: true,
          deleteOnTermination: true,
          tags,
        },
        // Only requests with a token are answered, and only to the machine itself.
        metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
        tags,
      },
      {
        parent: this,
        dependsOn: drain,
        // What is asked for at the first boot only: a later text or key is no reason for another machine.
        ignoreChanges: ["userData", "keyName"],
        // The successor has the same address.
        deleteBeforeReplace: true,
        replacementTrigger: host.aws!.replace,
      },
    );
  }
}
