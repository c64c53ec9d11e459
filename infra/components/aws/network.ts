/** The network of a fleet on AWS: subnets that are there already, or a small network of its own without ways in. */

import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { freeSubnet, ipv4Range } from "../../config/ipv4-range.ts";
import type { AwsSpec, AwsSubnet } from "../../config/spec.ts";
import { checkedSubnet, checkedZones } from "./checked-network.ts";

type Made = Extract<AwsSpec["network"], { kind: "made" }>;

export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Input<string>;
  /** CIDR of a subnet → its id, once hosts in it find what they need. */
  readonly #subnetIds = new Map<string, pulumi.Output<string>>();
  readonly #name: string;
  readonly #mine: pulumi.CustomResourceOptions = { parent: this };

  constructor(name: string, { network, region }: AwsSpec, options?: pulumi.ComponentResourceOptions) {
    super("pgfleet:aws:Network", name, {}, options);
    this.#name = name;
    if (network.kind === "existing") {
      this.vpcId = network.vpcId;
      for (const subnet of network.subnets)
        this.#subnetIds.set(subnet.cidr, checkedSubnet(subnet, network.vpcId, this));
    } else this.vpcId = this.#make(network, region);
    this.registerOutputs();
  }

  /** @param cidr of one of the declared subnets */
  subnetId(cidr: string): pulumi.Output<string> {
    return this.#subnetIds.get(cidr)!;
  }

  /** Hosts reach package sources and Systems Manager through one NAT gateway; nothing reaches them from outside. */
  #make(network: Made, region: string): pulumi.Output<string> {
    const vpc = new aws.ec2.Vpc(
      this.#name,
      {
        cidrBlock: network.cidr,
        enableDnsHostnames: true,
        enableDnsSupport: true,
        tags: { Name: this.#name },
      },
      this.#mine,
    );
    // A group that nobody chose lets nothing through.
    new aws.ec2.DefaultSecurityGroup(this.#name, { vpcId: vpc.id, tags: this.#tags("default") }, this.#mine);
    const zones = checkedZones(network.subnets, region, this);
    const nat = this.#nat(vpc.id, network);
    const inside = this.#table("inside", vpc.id, { natGatewayId: nat.id });
    for (const subnet of network.subnets) {
      const label = labelOf(subnet, network.subnets);
      const { id } = this.#subnet(
        label,
        vpc.id,
        subnet.cidr,
        zones.apply(() => subnet.zone),
      );
      const association = new aws.ec2.RouteTableAssociation(
        `${this.#name}-${label}`,
        { routeTableId: inside, subnetId: id },
        this.#mine,
      );
      this.#subnetIds.set(
        subnet.cidr,
        pulumi.all([id, association.id]).apply(([subnetId]) => subnetId),
      );
    }
    // Backups do not go through the NAT gateway, which is paid by the byte.
    new aws.ec2.VpcEndpoint(
      `${this.#name}-s3`,
      {
        vpcId: vpc.id,
        serviceName: `${region.startsWith("cn-") ? "cn.com" : "com"}.amazonaws.${region}.s3`,
        vpcEndpointType: "Gateway",
        routeTableIds: [inside],
        tags: this.#tags("s3"),
      },
      this.#mine,
    );
    return vpc.id;
  }

  /** In the first zone, in the smallest subnet there is, at the end of the network. */
  #nat(vpcId: pulumi.Output<string>, { cidr, subnets }: Made): aws.ec2.NatGateway {
    const ranges = subnets.map((subnet) => ipv4Range(subnet.cidr)!);
    const place = freeSubnet(ipv4Range(cidr)!, ranges)!;
    const gateway = new aws.ec2.InternetGateway(this.#name, { vpcId, tags: { Name: this.#name } }, this.#mine);
    const outside = this.#subnet("nat", vpcId, place, subnets[0]!.zone);
    new aws.ec2.RouteTableAssociation(
      `${this.#name}-nat`,
      { routeTableId: this.#table("outside", vpcId, { gatewayId: gateway.id }), subnetId: outside.id },
      this.#mine,
    );
    const address = new aws.ec2.Eip(
      `${this.#name}-nat`,
      { domain: "vpc", tags: this.#tags("nat") },
      { ...this.#mine, dependsOn: gateway },
    );
    return new aws.ec2.NatGateway(
      this.#name,
      { allocationId: address.id, subnetId: outside.id, tags: { Name: this.#name } },
      { ...this.#mine, dependsOn: gateway },
    );
  }

  #subnet(
    label: string,
    vpcId: pulumi.Output<string>,
    cidrBlock: string,
    availabilityZone: pulumi.Input<string>,
  ): aws.ec2.Subnet {
    return new aws.ec2.Subnet(
      `${this.#name}-${label}`,
      { vpcId, cidrBlock, availabilityZone, mapPublicIpOnLaunch: false, tags: this.#tags(label) },
      this.#mine,
    );
  }

  /** @returns its id, once it leads out */
  #table(label: string, vpcId: pulumi.Output<string>, to: Partial<aws.ec2.RouteArgs>): pulumi.Output<string> {
    const table = new aws.ec2.RouteTable(`${this.#name}-${label}`, { vpcId, tags: this.#tags(label) }, this.#mine);
    const route = new aws.ec2.Route(
      `${this.#name}-${label}`,
      { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", ...to },
      this.#mine,
    );
    return pulumi.all([table.id, route.id]).apply(([id]) => id);
  }

  #tags(label: string): Record<string, string> {
    return { Name: `${this.#name}-${label}` };
  }
}

/** The zone, and where a zone has several subnets also which. */
function labelOf(subnet: AwsSubnet, all: readonly AwsSubnet[]): string {
  const same = all.filter(({ zone }) => zone === subnet.zone);
  return same.length === 1 ? subnet.zone : `${subnet.zone}-${same.indexOf(subnet) + 1}`;
}
